import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { AsyncHTTPClient, type RequestOptions } from '../../src/index.ts';
import { fail, MockTransport, type Recording } from '../../src/testing/index.ts';
import { type Responder, rejection, withRecorder } from '../fixtures/recording.ts';

const respond: Responder = ({ method, target, body }, response) => {
  if (target === '/from')
    response.writeHead(302, { Location: '/gzip', 'Set-Cookie': 'sid=hunter2' }).end('moved');
  else if (target === '/gzip')
    response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync('packed'));
  else if (target === '/bytes') response.end(Buffer.from([0xff, 0x00, 0xfe]));
  else if (method === 'HEAD') response.writeHead(200, { 'Content-Length': 123 }).end();
  else response.end(`${method} ${body} ä`);
};

/** Requests of each kind; how each ended. */
async function run(client: AsyncHTTPClient, url: string): Promise<unknown[]> {
  const get = async (path: string, options: RequestOptions = {}) => {
    const { status, body, headers, redirects } = await client.fetch(`${url}${path}`, options);
    return [status, Buffer.from(body).toString('latin1'), headers.get('Content-Length'), redirects.length];
  };
  const headers = { Authorization: 'Bearer hunter2', 'X-Api-Key': 'hunter2', Accept: 'text/plain' };
  return [
    await get('/from', { headers }),
    await get('/bytes'),
    await get('/', { method: 'POST', body: 'one', basicAuth: { username: 'a', password: 'hunter2' } }),
    await get('/', { method: 'POST', body: 'two' }),
    await get('/', { method: 'HEAD' }),
  ];
}

async function recordAll(url: string, keepCredentials = false): Promise<[unknown[], Recording]> {
  await using mock = MockTransport.recording({ keepCredentials });
  await using client = new AsyncHTTPClient({ connect: mock.connect });
  return [await run(client, url), mock.recorded()];
}

describe('MockTransport.recording', () => {
  it('passes requests to the network, and replays the same bytes from JSON', () =>
    withRecorder(respond, async (site) => {
      const [seen, recording] = await recordAll(site.url);
      expect(seen[0]).toEqual([200, 'packed', expect.any(String), 1]);
      expect(seen[4]).toEqual([200, '', '123', 0]);
      expect(site.requests[0]?.headers).toMatchObject({
        authorization: 'Bearer hunter2',
        accept: 'text/plain',
      });
      expect(site.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)).toEqual([
        'one',
        'two',
      ]);
      const bodies = recording.exchanges.map(({ response }) => response.body);
      expect(bodies).toEqual([
        { text: 'moved' },
        { base64: gzipSync('packed').toString('base64') },
        { base64: '/wD+' },
        { text: 'POST one ä' },
        { text: 'POST two ä' },
        undefined,
      ]);
      const stored = JSON.parse(JSON.stringify(recording)) as Recording;
      await using mock = MockTransport.replay(stored);
      await using client = new AsyncHTTPClient({ connect: mock.connect });
      expect(() => mock.assertDone()).toThrow('(recorded, used 0 of 2 times)');
      expect(await run(client, site.url)).toEqual(seen);
      mock.assertDone();
      const error = await rejection(client.fetch(`${site.url}/bytes`));
      expect(error).toMatchObject({ cause: { code: 'ERR_MOCK_UNMATCHED' } });
    }));

  it('leaves credentials out of the recording, unless they are to be kept', () =>
    withRecorder(respond, async (site) => {
      const text = JSON.stringify((await recordAll(site.url))[1]);
      expect(text).not.toMatch(/hunter2|aHVudGVyMg|authorization/i);
      expect(text).toContain('text/plain');
      const [, kept] = await recordAll(site.url, true);
      expect(kept.exchanges[0]?.request.headers).toContainEqual(['Authorization', 'Bearer hunter2']);
      expect(kept.exchanges[0]?.response.headers).toContainEqual(['Set-Cookie', 'sid=hunter2']);
    }));

  it('prefers rules, uses the client that it is given, and fails with the error of the network', () =>
    withRecorder(respond, async (site) => {
      await using network = new AsyncHTTPClient();
      await using mock = MockTransport.recording({ client: network, maxExchanges: 1 });
      await using client = new AsyncHTTPClient({ connect: mock.connect });
      mock.on('GET', '/own', { body: 'own' }).on('GET', '/broken', fail.reset());
      expect((await client.fetch(`${site.url}/own`)).text()).toBe('own');
      expect((await client.fetch(`${site.url}/other`)).text()).toBe('GET  ä');
      expect(mock.recorded().exchanges.map(({ request }) => request.url)).toEqual([`${site.url}/other`]);
      const full = await rejection(client.fetch(`${site.url}/other`));
      expect(full).toMatchObject({ cause: { code: 'ERR_MOCK_LIMIT' } });
      const lost = await rejection(client.fetch('http://no-such-host.invalid/'));
      expect(lost).toMatchObject({ cause: { code: 'ERR_HTTPCLIENT_CONNECT' } });
      await mock.close();
      expect((await network.fetch(`${site.url}/still`)).status).toBe(200);
    }));
});

describe('MockTransport.replay', () => {
  it.each<[string, (exchange: Record<string, Record<string, unknown>>) => void]>([
    ['exchanges[0].request.url', ({ request }) => Object.assign(request as object, { url: '/a' })],
    ['exchanges[0].request.method', ({ request }) => Object.assign(request as object, { method: 1 })],
    ['exchanges[0].response.status', ({ response }) => Object.assign(response as object, { status: 100 })],
    [
      'exchanges[0].response.headers',
      ({ response }) => Object.assign(response as object, { headers: [['a']] }),
    ],
    [
      'exchanges[0].response.body',
      ({ response }) => Object.assign(response as object, { body: { base64: '%' } }),
    ],
    ['unknown option "extra"', ({ response }) => Object.assign(response as object, { extra: 1 })],
    ['exchanges[0].response: an object', (exchange) => Object.assign(exchange, { response: null })],
  ])('refuses a recording with an invalid part: %s', (message, change) => {
    const exchange = {
      request: { method: 'GET', url: 'http://h/', headers: [] },
      response: { status: 200, reason: 'OK', headers: [] },
    };
    change(exchange);
    expect(() => MockTransport.replay({ version: 1, exchanges: [exchange as never] })).toThrow(
      expect.objectContaining({ code: 'ERR_MOCK_RECORDING', message: expect.stringContaining(message) }),
    );
  });
});
