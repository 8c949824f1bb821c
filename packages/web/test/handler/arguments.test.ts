import { describe, expect, it } from 'vitest';
import {
  Application,
  type HandlerClass,
  type HTTPServerRequest,
  RequestHandler,
  WebUsageError,
} from '../../src/index.ts';
import { ask, bodyOf, converse, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

/** Posts a body and returns the response. */
function post(
  port: number,
  body: string,
  type: string,
  target = '/',
  ...fields: readonly string[]
): Promise<string> {
  const head = [
    `POST ${target} HTTP/1.1`,
    'Host: a',
    'Connection: close',
    `Content-Type: ${type}`,
    ...fields,
  ];
  return converse(port, [...head, `Content-Length: ${body.length}`, '', body].join('\r\n'));
}

/** A handler that responds with the result of `read`, as JSON. */
function reader(read: (handler: RequestHandler) => unknown): HandlerClass {
  return class extends RequestHandler {
    override get(): void {
      this.write({ found: read(this) ?? null });
    }
    override post(): void {
      this.get();
    }
  };
}

async function readQuery(query: string, read: (handler: RequestHandler) => unknown): Promise<unknown> {
  let found: unknown;
  await withApp([['/', reader(read)]], async ({ port }) => {
    const answer = await ask(port, `/?${query}`);
    found = statusOf(answer) === 200 ? JSON.parse(bodyOf(answer)).found : statusOf(answer);
  });
  return found;
}

const FORM = 'application/x-www-form-urlencoded';

describe('getArgument', () => {
  it('gives the last value, stripped unless told otherwise [IN-01]', async () => {
    expect(await readQuery('a=1&a=+2+', (handler) => handler.getArgument('a'))).toBe('2');
    expect(await readQuery('a=+2+', (handler) => handler.getArgument('a', '', { strip: false }))).toBe(' 2 ');
  });

  it('gives the fallback for what is missing, even undefined, and not for what is blank [IN-01]', async () => {
    expect(await readQuery('b=1', (handler) => handler.getArgument('a', 'none'))).toBe('none');
    expect(await readQuery('b=1', (handler) => handler.getArgument('a', undefined))).toBeNull();
    expect(await readQuery('a=', (handler) => handler.getArgument('a', 'none'))).toBe('');
  });

  it('answers 400 to a missing argument without fallback, and logs its name [IN-01]', () =>
    withApp([['/', reader((handler) => handler.getArgument('user'))]], async ({ port, log }) => {
      expect(statusOf(await ask(port, '/'))).toBe(400);
      expect(log.records.map(({ level, message }) => [level, message.includes('"user"')])).toEqual([
        ['warn', true],
      ]);
    }));

  it('makes controls spaces, and keeps tabs and line ends inside [IN-02]', async () => {
    const read = (handler: RequestHandler): unknown => handler.getArgument('a');
    expect(await readQuery('a=x%00y%1Fz%09t%0An', read)).toBe('x y z\tt\nn');
  });

  it('lets decodeArgument have the last word [IN-02]', () => {
    class Checked extends RequestHandler {
      override decodeArgument(value: string, name: string): string {
        return `${name}:${value}`;
      }
      override get(): void {
        this.write(this.getArgument('a'));
      }
    }
    return withApp([['/', Checked]], async ({ port }) =>
      expect(bodyOf(await ask(port, '/?a=1'))).toBe('a:1'),
    );
  });

  it.each(['a=%ff', 'a=%', 'a=%u0041', 'a=%ED%A0%80'])(
    'answers 400 to the query %s [ATT-75]',
    async (query) => {
      expect(await readQuery(query, (handler) => handler.getArgument('a', ''))).toBe(400);
    },
  );

  it('finds no inherited names [ATT-74]', async () => {
    const read = (handler: RequestHandler): unknown => [
      handler.getArgument('constructor', 'none'),
      handler.getArgument('__proto__'),
    ];
    expect(await readQuery('__proto__=x', read)).toEqual(['none', 'x']);
  });
});

describe('getArguments', () => {
  it('gives every value, those of the query first [IN-01]', () =>
    withApp([['/', reader((handler) => handler.getArguments('a'))]], async ({ port }) => {
      expect(JSON.parse(bodyOf(await post(port, 'a=3&a=4', FORM, '/?a=1&a=2'))).found).toEqual([
        '1',
        '2',
        '3',
        '4',
      ]);
    }));

  it('keeps query and body apart where it is asked to [IN-01]', () => {
    const read = (handler: RequestHandler): unknown => [
      handler.getQueryArgument('a'),
      handler.getBodyArgument('a'),
      handler.getQueryArguments('b'),
      handler.getBodyArguments('b'),
    ];
    return withApp([['/', reader(read)]], async ({ port }) => {
      expect(
        JSON.parse(bodyOf(await post(port, 'a=2&b=3', `${FORM.toUpperCase()}; charset=utf-8`, '/?a=1')))
          .found,
      ).toEqual(['1', '2', [], ['3']]);
    });
  });

  it('refuses a fallback in the place of its options [IN-01]', () => {
    const read = (handler: RequestHandler): unknown => handler.getArguments('a', 'none' as never);
    return withApp([['/', reader(read)]], async ({ port, log }) => {
      expect(statusOf(await ask(port, '/'))).toBe(500);
      expect(log.records.map(({ error }) => error)).toEqual([expect.any(WebUsageError)]);
    });
  });
});

describe('bodies', () => {
  it('yield arguments only as a form [IN-01]', () =>
    withApp([['/', reader((handler) => [...handler.request.bodyArguments.keys()])]], async ({ port }) => {
      const multipart = '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n';
      expect(
        JSON.parse(bodyOf(await post(port, multipart, 'multipart/form-data; boundary=x'))).found,
      ).toEqual(['a']);
      expect(JSON.parse(bodyOf(await post(port, 'a=1', `${FORM}-not`))).found).toEqual([]);
      expect(JSON.parse(bodyOf(await post(port, 'a=1', FORM))).found).toEqual(['a']);
    }));

  it('answer 400 when they are broken forms or floods of fields, 415 when compressed [ATT-24]', () =>
    withApp([['/', reader((handler) => handler.getBodyArgument('a', ''))]], async ({ port }) => {
      expect(statusOf(await post(port, 'a=%zz', FORM))).toBe(400);
      expect(statusOf(await post(port, 'a&'.repeat(1_001), FORM))).toBe(400);
      expect(statusOf(await post(port, 'a&'.repeat(1_000), FORM))).toBe(200);
      expect(statusOf(await post(port, 'a=1', FORM, '/', 'Content-Encoding: gzip'))).toBe(415);
    }));

  it('are read as JSON on demand, 400 where they are none', () =>
    withApp([['/', reader((handler) => handler.getJsonBody())]], async ({ port }) => {
      const polluting = '{"__proto__":{"x":1}}';
      expect(bodyOf(await post(port, polluting, 'application/json'))).toBe(`{"found":${polluting}}`);
      expect(statusOf(await post(port, '{', 'application/json'))).toBe(400);
      expect(statusOf(await post(port, '"\xff"', 'application/json'))).toBe(400);
      expect(statusOf(await ask(port, '/'))).toBe(400);
    }));

  it('come whole, however they were cut [IN-04]', () =>
    withApp(
      [['/', reader((handler) => Buffer.from(handler.request.body).toString('latin1'))]],
      async ({ port }) => {
        const chunked =
          'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
        expect(
          JSON.parse(bodyOf(await converse(port, `${chunked}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`))).found,
        ).toBe('abcde');
      },
    ));
});

describe('HTTPServerRequest', () => {
  const facts = (request: HTTPServerRequest): unknown => ({
    method: request.method,
    uri: request.uri,
    path: request.path,
    query: request.query,
    version: request.version,
    host: request.host,
    hostName: request.hostName,
    protocol: request.protocol,
    remoteIp: request.remoteIp,
    fullUrl: request.fullUrl(),
  });

  async function read(request: string): Promise<Record<string, unknown>> {
    let answer = '';
    await withApp([[/.*/, reader((handler) => facts(handler.request))]], async ({ port }) => {
      answer = await converse(port, request);
    });
    return JSON.parse(bodyOf(answer)).found;
  }

  it('says what the peer asked for [IN-04]', async () => {
    expect(
      await read('GET /a%20b?x=1?2 HTTP/1.1\r\nHost: Example.COM:8080\r\nConnection: close\r\n\r\n'),
    ).toEqual({
      method: 'GET',
      uri: '/a%20b?x=1?2',
      path: '/a%20b',
      query: 'x=1?2',
      version: 'HTTP/1.1',
      host: 'Example.COM:8080',
      hostName: 'example.com',
      protocol: 'http',
      remoteIp: '127.0.0.1',
      fullUrl: 'http://Example.COM:8080/a%20b?x=1?2',
    });
  });

  it('believes an absolute target over Host (RFC 9112 §3.2.2)', async () => {
    const found = await read('GET http://[::1]:80?x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(found).toMatchObject({
      path: '/',
      query: 'x',
      host: '[::1]:80',
      hostName: '[::1]',
      fullUrl: 'http://[::1]:80/?x',
    });
  });

  it('says https where the server was told so of what stands in front [IN-04]', async () => {
    const app = new Application([['/', reader((handler) => facts(handler.request))]]);
    await using server = await app.listen({ port: 0, host: '127.0.0.1', protocol: 'https' });
    const answer = await ask(server.port, '/');
    expect(JSON.parse(bodyOf(answer)).found).toMatchObject({
      protocol: 'https',
      fullUrl: expect.stringMatching(/^https:/),
    });
  });

  it('has no path in the URL of `OPTIONS *` (RFC 9112 §3.3)', async () => {
    class Options extends RequestHandler {
      override options(): void {
        this.write({ found: [this.request.path, this.request.fullUrl()] });
      }
    }
    await withApp([[/\*/, Options]], async ({ port }) => {
      const answer = await converse(port, 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      expect(JSON.parse(bodyOf(answer)).found).toEqual(['*', 'http://a']);
    });
  });

  it('does without Host in HTTP/1.0', async () => {
    expect(await read('GET / HTTP/1.0\r\n\r\n')).toMatchObject({ host: '127.0.0.1', version: 'HTTP/1.0' });
  });
});
