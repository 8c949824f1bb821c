import type { ServerResponse } from 'node:http';
import { OverrideResolver, SystemResolver } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import type { AsyncHTTPClient, AsyncHTTPClientOptions, RequestOptions } from '../../src/index.ts';
import { makeIdentity } from '../fixtures/certificates.ts';
import { type Recorded, type RecordingPeer, withRecorder, withSite } from '../fixtures/recording.ts';
import { withClient, withSecureServer } from '../fixtures/servers.ts';

const SECRETS = {
  Authorization: 'Bearer secret',
  Cookie: 'sid=secret',
  'Proxy-Authorization': 'Basic secret',
};
const TWICE = {
  Authorization: ['Bearer secret', 'Basic secret'],
  Cookie: ['sid=secret', 'other=secret'],
  'Proxy-Authorization': ['Basic secret', 'Digest secret'],
};

/** The ways to give credentials: the options of the client, those of the request, and the user information. */
const FORMS: Readonly<Record<string, readonly [AsyncHTTPClientOptions, RequestOptions, string]>> = {
  'headers of the request': [{}, { headers: SECRETS }, ''],
  'headers that are given twice [ATT-60]': [{}, { headers: TWICE }, ''],
  'headers in another case': [{}, { headers: { aUTHORIZATION: 'secret', cOOKIE: 'a=secret' } }, ''],
  'headers of the client': [{ defaults: { headers: SECRETS } }, {}, ''],
  'headers of both': [{ defaults: { headers: TWICE } }, { headers: { cookie: 'mine=secret' } }, ''],
  basicAuth: [{}, { basicAuth: { username: 'me', password: 'secret' } }, ''],
  'the URL': [{}, {}, 'me:secret@'],
};
const NAMES = Object.keys(FORMS);

/** The values of all header fields that hold credentials. */
function credentialsIn({ rawHeaders }: Recorded): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && isSecret(rawHeaders[at - 1] as string));
}

function isSecret(name: string): boolean {
  return /^(authorization|cookie|proxy-authorization)$/i.test(name);
}

/** Fetches from `url` with one of the {@link FORMS}. */
function fetchWith(form: string, url: string, more: AsyncHTTPClientOptions = {}): Promise<string> {
  const [clientOptions, options, user] = FORMS[form] as (typeof FORMS)[string];
  const defaults = { ...clientOptions.defaults, ...more.defaults };
  return withClient(
    { ...clientOptions, ...more, defaults },
    async (client: AsyncHTTPClient) =>
      (await client.fetch(url.replace('://', `://${user}`), options)).effectiveUrl,
  );
}

/** A server that redirects each path to where `next` says, and responds with 200 if it says nothing. */
function route(
  next: (target: string) => string | undefined,
): (request: Recorded, response: ServerResponse) => void {
  return ({ target }, response) => {
    const location = next(target);
    if (location !== undefined) response.writeHead(307, { Location: location });
    response.end();
  };
}

/** Runs a test with two servers. */
function withTwo(
  first: (target: string, urls: readonly string[]) => string | undefined,
  second: (target: string, urls: readonly string[]) => string | undefined,
  test: (one: RecordingPeer, two: RecordingPeer) => Promise<void>,
): Promise<void> {
  const urls: string[] = [];
  return withRecorder(
    route((target) => first(target, urls)),
    (one) =>
      withRecorder(
        route((target) => second(target, urls)),
        (two) => {
          urls.push(one.url, two.url);
          return test(one, two);
        },
      ),
  );
}

describe('credentials of a request that is redirected', () => {
  it.each(NAMES)('are kept on the same origin: %s [SH-07]', (form) =>
    withSite(
      route((target) => (target === '/1' ? '/2' : undefined)),
      async ({ url, requests }) => {
        await fetchWith(form, `${url}/1`);
        expect(requests).toHaveLength(2);
        const [first, second] = requests as [Recorded, Recorded];
        expect(credentialsIn(first).length).toBeGreaterThan(0);
        expect(credentialsIn(second)).toEqual(credentialsIn(first));
      },
    ),
  );

  it.each(NAMES)('are not sent to another port: %s [SH-07] [ATT-59]', (form) =>
    withTwo(
      (_, urls) => `${urls[1]}/x`,
      () => undefined,
      async (one, two) => {
        expect(await fetchWith(form, `${one.url}/`)).toBe(`${two.url}/x`);
        expect(credentialsIn(one.requests[0] as Recorded).length).toBeGreaterThan(0);
        expect(credentialsIn(two.requests[0] as Recorded)).toEqual([]);
      },
    ),
  );

  it.each(NAMES)('are not sent to another host: %s [SH-07] [ATT-59]', (form) =>
    withSite(
      ({ target, headers }, response) => {
        if (target === '/1')
          response.writeHead(307, {
            Location: `http://localhost:${headers.host?.split(':')[1]}/2`,
          });
        response.end();
      },
      async ({ url, port, requests }) => {
        const resolver = new OverrideResolver(
          { localhost: { host: '127.0.0.1', port } },
          new SystemResolver(),
        );
        expect(await fetchWith(form, `${url}/1`, { resolver })).toBe(`http://localhost:${port}/2`);
        expect(credentialsIn(requests[0] as Recorded).length).toBeGreaterThan(0);
        expect(credentialsIn(requests[1] as Recorded)).toEqual([]);
      },
    ),
  );

  it.each(NAMES)('are not sent to another scheme: %s [SH-07] [ATT-59]', (form) => {
    const identity = makeIdentity('IP:127.0.0.1');
    const seen: Recorded[] = [];
    return withSecureServer(
      identity,
      ({ method = '', url = '', headers, rawHeaders }, response) => {
        seen.push({ method, target: url, headers, rawHeaders, body: '' });
        response.end();
      },
      (secure) =>
        withSite(
          route(() => `${secure.url}/x`),
          async ({ url }) => {
            const tls = { ca: identity.cert };
            expect(await fetchWith(form, url, { defaults: { tls } })).toBe(`${secure.url}/x`);
            expect(credentialsIn(seen[0] as Recorded)).toEqual([]);
          },
        ),
    );
  });

  it.each(NAMES)('do not come back if a later redirect returns to the first origin: %s [ATT-59]', (form) =>
    withTwo(
      (target, urls) => (target === '/1' ? `${urls[1]}/2` : target === '/3' ? '/4' : undefined),
      (_, urls) => `${urls[0]}/3`,
      async (one, two) => {
        expect(await fetchWith(form, `${one.url}/1`)).toBe(`${one.url}/4`);
        expect(one.requests.map(({ target }) => target)).toEqual(['/1', '/3', '/4']);
        for (const request of [...two.requests, ...one.requests.slice(1)])
          expect(credentialsIn(request)).toEqual([]);
      },
    ),
  );

  it('are not taken from the Location [SH-07] [ATT-59]', () =>
    withTwo(
      (target, urls) => {
        if (target === '/1') return `${urls[0]?.replace('://', '://me:secret@')}/2`;
        return target === '/2' ? `${urls[1]?.replace('://', '://me:secret@')}/3` : undefined;
      },
      () => undefined,
      async (one, two) => {
        await withClient({}, async (client) => {
          const { effectiveUrl, redirects } = await client.fetch(`${one.url}/1`);
          expect(effectiveUrl).toBe(`${two.url}/3`);
          expect(JSON.stringify(redirects)).not.toContain('secret');
          for (const request of [...one.requests, ...two.requests])
            expect(credentialsIn(request)).toEqual([]);
        });
      },
    ));

  it('keep the other header fields company only on the same origin: those go everywhere [SH-07]', () =>
    withTwo(
      (_, urls) => `${urls[1]}/x`,
      () => undefined,
      async (one, two) => {
        await withClient({}, async (client) => {
          await client.fetch(one.url, {
            headers: {
              'X-A': ['1', '2'],
              Referer: 'http://a.test/',
              ...SECRETS,
            },
          });
          expect(two.requests[0]?.headers).toMatchObject({
            'x-a': '1, 2',
            referer: 'http://a.test/',
          });
        });
      },
    ));

  it('leave no trace in a second request on the same connections [CU-08]', () =>
    withTwo(
      (target, urls) => (target === '/1' ? `${urls[1]}/x` : undefined),
      () => undefined,
      async (one, two) => {
        await withClient({}, async (client) => {
          const basicAuth = { username: 'me', password: 'secret' };
          await client.fetch(`${one.url}/1`, {
            basicAuth,
            headers: { Cookie: 'a=secret' },
          });
          await client.fetch(`${one.url}/2`);
          await client.fetch(`${two.url}/2`);
          for (const request of [one.requests[1], ...two.requests])
            expect(credentialsIn(request as Recorded)).toEqual([]);
          expect([one.sockets.length, two.sockets.length]).toEqual([1, 1]);
        });
      },
    ));

  it.each(NAMES)('do not appear in errors: %s [HC-05]', (form) =>
    withTwo(
      (_, urls) => `${urls[1]}/x`,
      () => 'ftp://me:secret@127.0.0.1/',
      async (one) => {
        const error = await fetchWith(form, one.url).then(
          () => expect.fail('a rejection was expected'),
          (reason) => reason,
        );
        expect(error.code).toBe('ERR_HTTPCLIENT_REDIRECT');
        expect(
          `${error.message} ${error.url} ${JSON.stringify(error.redirects)} ${error.cause}`,
        ).not.toContain('secret');
      },
    ),
  );
});
