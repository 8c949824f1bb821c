import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { basicAuth, RequestHandler, type RouteSpec } from '../../src/index.ts';
import { bodyOf, converse, RawClient, statusesOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const FORM = 'Content-Type: application/x-www-form-urlencoded';
const MULTIPART = 'Content-Type: multipart/form-data; boundary=b';

/** A request with a body in latin1. Without `Host` among the fields, that is `a`. */
function request(method: string, target: string, body: string, ...fields: readonly string[]): string {
  const host = fields.some((field) => /^host:/i.test(field)) ? [] : ['Host: a'];
  const length = method === 'GET' ? [] : [`Content-Length: ${body.length}`];
  return [`${method} ${target} HTTP/1.1`, ...host, ...length, ...fields, '', body].join('\r\n');
}

function part(disposition: string, body = ''): string {
  return `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${body}\r\n`;
}

/** Shows all that a handler can read of a request. */
class Shows extends RequestHandler {
  override get(): void {
    const { request } = this;
    this.writeJson({
      params: { ...this.pathParams },
      query: [...request.queryArguments],
      body: [...request.bodyArguments],
      files: Array.from(this.files, ([name, files]) => [name, files.map(({ filename }) => filename)]),
      cookies: [...request.cookies],
      headers: request.headers.get('X-Own') ?? null,
      host: request.host,
    });
  }
  override post(): void {
    this.get();
  }
}

interface Tree {
  readonly left?: Tree | undefined;
}
const tree: z.ZodType<Tree> = z.lazy(() => z.object({ left: tree.optional() }));

class Json extends RequestHandler {
  override post(): void {
    switch (this.getQueryArgument('how', '')) {
      case 'echo':
        this.writeJson(this.getJsonBody());
        break;
      case 'schema':
        this.writeJson(this.parse(tree) !== undefined);
        break;
      default:
        this.writeJson(this.getJsonBody() !== undefined);
    }
  }
}

class Fine extends RequestHandler {
  override get(): void {
    this.write('fine');
  }
}

const ROUTES: readonly RouteSpec[] = [
  ['/fine', Fine],
  ['/json', Json],
  ['/login', Fine, {}, { middleware: [basicAuth({ realm: 'r', users: { ada: 'pw' } })] }],
  ['/show/:name', Shows],
];

/** Sends a request, one behind it on its connection and one on another, and returns the response to the first. */
async function meet(
  text: string,
  test: (answer: string, statuses: readonly number[], errors: number) => void,
) {
  await withApp(ROUTES, async ({ port, log, server }) => {
    const fine = request('GET', '/fine', '', 'Connection: close');
    const client = await RawClient.connect(port, text + fine);
    const answer = await client.untilEnd();
    const other = await converse(port, fine);
    expect(bodyOf(other)).toBe('fine');
    while (server.stats().open > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(server.stats().requests.underWay).toBe(0);
    const warnings = log.records.filter(({ level }) => level === 'warn').length;
    expect(warnings).toBeLessThanOrEqual(1);
    test(answer, statusesOf(answer), log.records.filter(({ level }) => level === 'error').length);
  });
}

/** After a refusal by the connection itself, it is closed, and nothing behind it is served. */
const CLOSED = 0;

describe('input in great numbers', () => {
  it.each<[string, string, number]>([
    ['fields of a form', request('POST', '/show/x', 'a=1&'.repeat(100_000), FORM), 400],
    ['empty fields of a form', request('POST', '/show/x', '&'.repeat(100_000), FORM), 200],
    ['names of a form without a value', request('POST', '/show/x', 'a&'.repeat(100_000), FORM), 400],
    [
      'fields of a multipart form',
      request('POST', '/show/x', `${part('name=a').repeat(100_000)}--b--`, MULTIPART),
      400,
    ],
    ['arguments of a query', request('GET', `/show/x?${'a&'.repeat(20_000)}`, ''), 400],
    ['cookies', request('GET', '/show/x', '', `Cookie: ${'a=1;'.repeat(10_000)}`), 200],
    [
      'names of cookies',
      request(
        'GET',
        '/show/x',
        '',
        `Cookie: ${Array.from({ length: 5_000 }, (_, at) => `c${at}=1`).join('; ')}`,
      ),
      200,
    ],
    ['characters of a cookie', request('GET', '/show/x', '', `Cookie: a=${'x'.repeat(60_000)}`), 200],
    [
      'types that are accepted',
      request('GET', '/nowhere', '', `Accept: ${'application/json;q=0.1,'.repeat(2_500)}`),
      404,
    ],
    ['commas within quotes', request('GET', '/nowhere', '', `Accept: json,"${','.repeat(60_000)}`), 404],
    ['slashes', request('GET', `/show/x${'/'.repeat(60_000)}`, ''), 404],
    ['percent signs', request('GET', `/show/${'%25'.repeat(20_000)}`, ''), 200],
  ])('%s gets a status, within two seconds of the processor', async (_, text, status) => {
    const began = process.cpuUsage();
    await meet(text, (_answer, statuses, errors) => {
      expect([statuses, errors]).toEqual([[status, 200], 0]);
    });
    // What is quadratic takes many seconds.
    expect(process.cpuUsage(began).user / 1_000).toBeLessThan(2_000);
  });

  it.each<[string, string, number]>([
    ['a query', request('GET', `/show/x?${'a&'.repeat(100_000)}`, ''), 414],
    ['cookies', request('GET', '/show/x', '', `Cookie: ${'a=1;'.repeat(100_000)}`), 431],
  ])('%s beyond the limit of the head is refused', (_, text, status) =>
    meet(text, (answer) => expect(statusOf(answer)).toBe(status)),
  );

  it('cookies: the first 300 are read', () =>
    meet(
      request(
        'GET',
        '/show/x',
        '',
        `Cookie: ${Array.from({ length: 5_000 }, (_, at) => `c${at}=1`).join('; ')}`,
      ),
      (answer) => expect(answer.match(/\["c\d+","1"\]/g)).toHaveLength(300),
    ));
});

describe('JSON of many levels', () => {
  const arrays = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const objects = `${'{"left":'.repeat(100_000)}{}${'}'.repeat(100_000)}`;

  it.each([
    ['is read up to 512 levels', '/json?how=echo', 512, 200],
    ['is refused with more', '/json?how=echo', 513, 400],
    ['is read by a recursive schema up to 512 levels', '/json?how=schema', 512, 200],
  ])('%s', (_what, target, levels, status) => {
    // Brackets in a text are none.
    const body = `${'{"left":'.repeat(levels - 1)}{"x":"${'[{'.repeat(1_000)}\\"]"}${'}'.repeat(levels - 1)}`;
    return meet(
      request('POST', target, body, 'Content-Type: application/json'),
      (_answer, statuses, errors) => expect([statuses, errors]).toEqual([[status, 200], 0]),
    );
  });

  it.each([
    ['is refused if it is not complete', '/json', '['.repeat(100_000)],
    ['is refused as arrays', '/json', arrays],
    ['is refused as objects', '/json', objects],
    ['is refused before it is sent back', '/json?how=echo', arrays],
    ['is refused before a recursive schema reads it', '/json?how=schema', objects],
  ])('%s', (_what, target, body) =>
    meet(request('POST', target, body, 'Content-Type: application/json'), (_answer, statuses, errors) =>
      expect([statuses, errors]).toEqual([[400, 200], 0]),
    ),
  );
});

describe('text that is not UTF-8, and stray percent signs', () => {
  it.each<[string, string, number]>([
    ['an escaped byte in the path', request('GET', '/show/%ff', ''), 400],
    ['a percent sign in the path', request('GET', '/show/%', ''), 400],
    ['half an escape in the path', request('GET', '/show/%f', ''), 400],
    ['letters behind a percent sign in the path', request('GET', '/show/%zz', ''), 400],
    ['an overlong escape in the path', request('GET', '/show/%c0%ae', ''), 400],
    ['a surrogate in the path', request('GET', '/show/%ed%a0%80', ''), 400],
    ['an escaped byte in a name of the query', request('GET', '/show/x?%ff=a', ''), 400],
    ['a percent sign in a name of the query', request('GET', '/show/x?%=a', ''), 400],
    ['a percent sign in the query', request('GET', '/show/x?a=100%', ''), 400],
    ['a raw byte in a form', request('POST', '/show/x', 'a=\xff', FORM), 400],
    ['a raw byte in a name of a form', request('POST', '/show/x', '\xff=a', FORM), 400],
    ['an escaped byte in a form', request('POST', '/show/x', 'a=%ff', FORM), 400],
    ['a percent sign in a form', request('POST', '/show/x', 'a=%', FORM), 400],
    ['a percent sign in a name of a form', request('POST', '/show/x', '%=', FORM), 400],
    ['a raw byte in JSON', request('POST', '/json', '"\xff"'), 400],
    ['half a surrogate pair in JSON', request('POST', '/json?how=echo', '"\\ud800"'), 200],
    ['a byte order mark before JSON', request('POST', '/json', '\xef\xbb\xbf{}'), 200],
    ['a raw byte in a part name', request('POST', '/show/x', `${part('name="\xff"')}--b--`, MULTIPART), 400],
    [
      'a raw byte in a file name',
      request('POST', '/show/x', `${part('name=a; filename="\xff"')}--b--`, MULTIPART),
      400,
    ],
    ['a raw byte in a field', request('POST', '/show/x', `${part('name=a', '\xff')}--b--`, MULTIPART), 400],
    [
      'an escaped byte in filename*',
      request('POST', '/show/x', `${part("name=a; filename*=UTF-8''%ff")}--b--`, MULTIPART),
      400,
    ],
    [
      'a percent sign in filename*',
      request('POST', '/show/x', `${part("name=a; filename*=UTF-8''%")}--b--`, MULTIPART),
      400,
    ],
    [
      'a percent sign in a part name',
      request('POST', '/show/x', `${part('name="100%"')}--b--`, MULTIPART),
      200,
    ],
    [
      'a percent sign in a file name',
      request('POST', '/show/x', `${part('name=a; filename="100%"')}--b--`, MULTIPART),
      200,
    ],
    ['raw bytes in a cookie', request('GET', '/show/x', '', 'Cookie: a=\xff; \xfe=b'), 200],
    ['percent signs in a cookie', request('GET', '/show/x', '', 'Cookie: a=%ff; %=%'), 200],
    ['raw bytes in a header', request('GET', '/show/x', '', 'X-Own: \xff%'), 200],
    ['raw bytes in Accept', request('GET', '/nowhere', '', 'Accept: \xff%/json;q=%'), 404],
    ['raw bytes in a Content-Type', request('POST', '/show/x', 'a=1', 'Content-Type: \xff%'), 200],
    ['raw bytes in If-None-Match', request('GET', '/show/x', '', 'If-None-Match: "\xff%'), 200],
    ['raw bytes in Authorization', request('GET', '/login', '', 'Authorization: Basic \xff%'), 401],
    [
      'bytes that are not UTF-8 in Authorization',
      request('GET', '/login', '', 'Authorization: Basic /////w=='),
      401,
    ],
  ])('%s [ATT-75]', (_, text, status) =>
    meet(text, (answer, statuses, errors) => {
      expect([statusOf(answer), statuses.at(-1), errors]).toEqual([status, 200, 0]);
    }),
  );

  it.each(['/show/\xff', '/show/x?a=\xff', '/show/x?\xff=a', '/\xff'])(
    'in the target end the connection, since no URI has such bytes (RFC 9112 §3): %s [ATT-75]',
    (target) =>
      meet(request('GET', target, ''), (_answer, statuses, errors) =>
        expect([statuses, errors]).toEqual([[400], 0]),
      ),
  );

  it('reach the handler as they came where they are no escapes', () =>
    meet(request('GET', '/show/x', '', 'Cookie: a=\xff; b=%ff; \xfe=c', 'X-Own: \xff%'), (answer) => {
      const shown = JSON.parse(
        Buffer.from(bodyOf(answer), 'latin1').toString().split('HTTP/1.1')[0] as string,
      );
      expect([shown.cookies, shown.headers]).toEqual([
        [
          ['a', '\xff'],
          ['b', '%ff'],
        ],
        '\xff%',
      ]);
    }));
});

describe('names of Object.prototype', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__'];
  const pairs = names.map((name) => [name, [`of ${name}`]]);

  it.each<[string, string, string, unknown]>([
    ['a query', request('GET', `/show/x?${names.map((n) => `${n}=of+${n}`).join('&')}`, ''), 'query', pairs],
    ['a form', request('POST', '/show/x', names.map((n) => `${n}=of+${n}`).join('&'), FORM), 'body', pairs],
    [
      'a multipart form',
      request(
        'POST',
        '/show/x',
        `${names.map((n) => part(`name="${n}"`, `of ${n}`)).join('')}--b--`,
        MULTIPART,
      ),
      'body',
      pairs,
    ],
    [
      'files',
      request(
        'POST',
        '/show/x',
        `${names.map((n) => part(`name="${n}"; filename="of ${n}"`)).join('')}--b--`,
        MULTIPART,
      ),
      'files',
      pairs,
    ],
    [
      'cookies',
      request('GET', '/show/x', '', `Cookie: ${names.map((n) => `${n}=of_${n}`).join('; ')}`),
      'cookies',
      names.map((name) => [name, `of_${name}`]),
    ],
    ['the path', request('GET', '/show/__proto__', ''), 'params', { name: '__proto__' }],
  ])('are plain data in %s [ATT-74]', (_, text, member, expected) =>
    meet(text, (answer) => {
      const shown = JSON.parse(bodyOf(answer).split('HTTP/1.1')[0] as string);
      expect(shown[member]).toEqual(expected);
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    }),
  );

  it('are plain data in JSON, and what a schema takes from it [ATT-74]', async () => {
    class Merges extends RequestHandler {
      override post(): void {
        const schema = z.looseObject({ a: z.number() });
        const parsed = this.parse(schema);
        const merged = Object.assign({}, parsed, this.getJsonBody());
        this.writeJson([(merged as { admin?: unknown }).admin ?? null, Object.keys(merged).sort()]);
      }
    }
    await withApp([['/', Merges]], async ({ port }) => {
      const body = '{"a":1,"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}';
      const answer = await converse(port, request('POST', '/', body, 'Connection: close'));
      expect(statusOf(answer)).toBe(200);
      expect(({} as { admin?: unknown }).admin).toBeUndefined();
    });
  });
});

describe('headers that contradict each other', () => {
  it.each<[string, string, number, number]>([
    ['two Hosts', request('GET', '/show/x', '', 'Host: a', 'Host: b'), 400, CLOSED],
    ['two equal Hosts', request('GET', '/show/x', '', 'Host: a', 'Host: a'), 400, CLOSED],
    ['no Host', 'GET /show/x HTTP/1.1\r\n\r\n', 400, CLOSED],
    [
      'a length and chunks',
      `POST /show/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      CLOSED,
    ],
    [
      'two lengths',
      `POST /show/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      400,
      CLOSED,
    ],
    [
      'two types, of which one is a form',
      // The joined value is neither of them, so that the body has no arguments.
      request('POST', '/show/x', 'a=%', FORM, 'Content-Type: text/plain'),
      200,
      200,
    ],
    [
      'two types, of which one is multipart',
      request('POST', '/show/x', 'a', MULTIPART, 'Content-Type: text/plain'),
      400,
      200,
    ],
    [
      'two boundaries',
      request('POST', '/show/x', '--b--', MULTIPART, 'Content-Type: multipart/form-data; boundary=c'),
      400,
      200,
    ],
    [
      'two credentials',
      request('GET', '/login', '', 'Authorization: Basic YWRhOnB3', 'Authorization: Basic YWRhOnB3'),
      401,
      200,
    ],
    [
      'two Content-Encodings',
      request('POST', '/show/x', 'a=1', FORM, 'Content-Encoding: identity', 'Content-Encoding: gzip'),
      415,
      200,
    ],
    [
      'two Expects',
      // RFC 9110 §10.1.1 allows to ignore what is not understood.
      request('POST', '/show/x', 'a=1', FORM, 'Expect: 100-continue', 'Expect: x'),
      200,
      200,
    ],
  ])('%s [ATT-74]', (_, text, status, next) =>
    meet(text, (answer, statuses, errors) => {
      expect([statusOf(answer), errors]).toEqual([status, 0]);
      expect(statuses.slice(1)).toEqual(next === CLOSED ? [] : [next]);
    }),
  );
});
