import { IOLoop, type Logger } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { converse, statusLines } from './fixtures/raw-client.ts';
import { withServer } from './fixtures/running-server.ts';

/** What would be answered if a reader took the end of a bad message for the start of another one. */
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const GOOD = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const head = (...fields: string[]) =>
  `POST / HTTP/1.1\r\nHost: a\r\n${fields.map((f) => `${f}\r\n`).join('')}\r\n`;
const sized = (length: string) => `${head(`Content-Length: ${length}`)}hello${SMUGGLED}`;
const coded = (coding: string) => `${head(`Transfer-Encoding: ${coding}`)}5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`;
const chunked = (chunks: string) => `${head('Transfer-Encoding: chunked')}${chunks}${SMUGGLED}`;
const withField = (line: string) => `GET / HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n${SMUGGLED}`;
const starting = (line: string) => `${line}\r\nHost: a\r\n\r\n${SMUGGLED}`;
const hosted = (...hosts: string[]) =>
  `GET / HTTP/1.1\r\n${hosts.map((host) => `Host: ${host}\r\n`).join('')}\r\n${SMUGGLED}`;

type Case = readonly [name: string, text: string, status?: number];
const each = (
  id: string,
  what: string,
  make: (value: string) => string,
  values: readonly string[],
  status = 400,
) => values.map((value): Case => [`${what} ${JSON.stringify(value)} [${id}]`, make(value), status]);

const NBSP = '\u00a0';
const REFUSED: readonly Case[] = [
  [
    'a length before chunked [ATT-01]',
    `${head('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n${SMUGGLED}`,
  ],
  [
    'a length behind chunked [ATT-01]',
    `${head('Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n${SMUGGLED}`,
  ],
  [
    'chunked twice [ATT-02]',
    `${head('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n${SMUGGLED}`,
  ],
  ...each('ATT-03', 'the coding', coded, [
    'xchunked',
    'identity',
    'gzip, chunked',
    'chunked, gzip',
    'chunked, chunked',
    'chunked;q=1',
    '"chunked"',
    ',chunked',
    '',
  ]),
  ...each('ATT-04', 'the coding', coded, ['\x0bchunked', `${NBSP}chunked`, `chunked${NBSP}`, '\x0cchunked']),
  ...each('ATT-04', 'the length', sized, [`${NBSP}5`, `5${NBSP}`, '\x0b5']),
  ...each('ATT-05', 'the length', sized, [
    '+5',
    '-5',
    '5_0',
    '0x5',
    '',
    '\u00b2',
    '5.0',
    '1e1',
    '5 0',
    '9'.repeat(20),
    '18446744073709551621',
  ]),
  ...each('ATT-06', 'the chunk size', (size) => chunked(`${size}\r\nhello\r\n0\r\n\r\n`), [
    '+5',
    '-5',
    '0x5',
    '5_0',
    '5 ',
    ' 5',
    '',
    'g',
    '5;',
    '5;=x',
    '5;a=',
    '5;a="',
    '10000000000000005',
  ]),
  ...each('ATT-07', 'the length', sized, ['5, 6', '5,,5', ',5']),
  ['two lengths [ATT-07]', `${head('Content-Length: 5', 'Content-Length: 6')}hello${SMUGGLED}`],
  ...each('ATT-08', 'the chunks', chunked, [
    '5\r\nhello0\r\n\r\n',
    '5\r\nhello\n0\r\n\r\n',
    '5\nhello\r\n0\r\n\r\n',
    '0\n\r\n',
    `${'0'.repeat(100)}5\r\nhello\r\n0\r\n\r\n`,
    '5;a\nb\r\nhello\r\n0\r\n\r\n',
  ]),
  ...each('ATT-09', 'the field', withField, [
    'Foo : x',
    ': x',
    'Fo\x01o: x',
    'Foo',
    'F(o: x',
    'Fo\u00e9: x',
    'Foo\t: x',
  ]),
  ...each('ATT-10', 'the value', (value) => withField(`Foo: a${value}b`), [
    '\0',
    '\r',
    '\x01',
    '\x7f',
    '\x0b',
    '\x1b[2J',
  ]),
  ...each('ATT-11', 'the line', starting, [
    'GET  / HTTP/1.1',
    'GET /  HTTP/1.1',
    ' GET / HTTP/1.1',
    'GET / HTTP/1.1 ',
    'GET\t/ HTTP/1.1',
    'G{T / HTTP/1.1',
    'GET /\x01 HTTP/1.1',
    'GET /\x7f HTTP/1.1',
    'GET /a b HTTP/1.1',
    'GET /#part HTTP/1.1',
    'GET /',
    'GET',
    'GET / http/1.1',
    'GET / HTTP/1.10',
    'GET / HTTP/1',
    'GET / ICAP/1.0',
    'GET example HTTP/1.1',
    'GET * HTTP/1.1',
    'GET http:/x HTTP/1.1',
    'GET http://u@x/ HTTP/1.1',
  ]),
  ...each('ATT-11', 'the line', starting, ['GET / HTTP/2.0', 'GET / HTTP/0.9', 'PRI * HTTP/2.0'], 505),
  ['a bare LF', 'GET / HTTP/1.1\nHost: a\n\n'],
  ['no Host [ATT-12]', hosted()],
  ['two Hosts [ATT-12]', hosted('a', 'a')],
  ...each('ATT-12', 'the Host', hosted, [
    'a, b',
    'a b',
    'u@a',
    '\u00e4',
    'a:x',
    'a:65536',
    '[::1',
    '[::g]',
    'a/b',
    '\x1b',
  ]),
  ...each('ATT-13', 'the field', withField, [
    'Transfer-Encoding:\r\n chunked',
    'Foo: a\r\n b',
    'Foo: a\r\n\t\r\nBar: b',
    'Foo: a\r\n b  ',
  ]),
  ['a first field that is folded [ATT-13]', `GET / HTTP/1.1\r\n Host: a\r\n\r\n${SMUGGLED}`],
  ['a head that is too large [ATT-18]', withField(`Foo: ${'x'.repeat(70_000)}`), 431],
  ['a target that is too long [ATT-18]', starting(`GET /${'x'.repeat(70_000)} HTTP/1.1`), 414],
  ['too many headers [ATT-18]', withField('F: x\r\n'.repeat(300).trimEnd()), 431],
  ['trailers that are too large [ATT-18]', chunked(`0\r\nFoo: ${'x'.repeat(20_000)}\r\n\r\n`), 431],
  ['a bad trailer [ATT-09]', chunked('0\r\nFoo : x\r\n\r\n')],
  ['a body over the limit [H1-03]', sized('2000'), 413],
  ['a chunked body over the limit [H1-05]', chunked(`7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`), 413],
];

describe('HTTPServer, against bad requests', () => {
  const cases = REFUSED.map(([name, text, status = 400]) => [name, text, status] as const);

  it.each(cases)('answers %s completely, closes, logs one line, and goes on', (_name, text, status) => {
    const served: string[] = [];
    return withServer(
      (request) => {
        served.push(request.target);
        request.respond(200, 'hello');
      },
      async ({ port, records }) => {
        const received = await converse(port, text);
        expect(statusLines(received)).toEqual([expect.stringMatching(new RegExp(`^HTTP/1\\.1 ${status} `))]);
        expect(received).toContain('\r\nConnection: close\r\n');
        const length = Number(/Content-Length: (\d+)/.exec(received)?.[1]);
        expect(received.slice(received.indexOf('\r\n\r\n') + 4)).toHaveLength(length);
        expect(received).toMatch(/^[\r\n\x20-\x7e]*$/);
        expect(records).toMatchObject([{ level: 'info' }]);
        const message = (records[0]?.error as Error | undefined)?.message;
        expect(message).toMatch(/^[\x20-\x7e§…]{1,200}$/);
        expect(served).toEqual([]);
        expect((await converse(port, GOOD)).endsWith('hello')).toBe(true);
      },
      { maxBodyBytes: 1000 },
    );
  });

  it.each([
    ['empty lines before it', `\r\n\r\n${GOOD}`],
    [
      'a length that is said twice',
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\nConnection: close\r\n\r\nhi`,
    ],
    ['another letter case of chunked', `${head('Transfer-Encoding: CHUNKED', 'Connection: close')}0\r\n\r\n`],
    [
      'chunk extensions and trailers',
      `${head('Transfer-Encoding: chunked', 'Connection: close')}2;a="b;\\"c";d\r\nhi\r\n0;x\r\nFoo: x\r\n\r\n`,
    ],
    ['Connection: close among others', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n'],
    ['an absolute target', 'GET http://a:80/ HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n'],
    ['obs-text in a value', 'GET / HTTP/1.1\r\nHost: a\r\nFoo: \u00e4\r\nConnection: close\r\n\r\n'],
    ['no value at all', 'GET / HTTP/1.1\r\nHost: a\r\nFoo:\r\nConnection: close\r\n\r\n'],
    ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n'],
  ])('serves a request with %s [ATT-17]', (_name, text) =>
    withServer(
      (request) => request.respond(200, 'hello'),
      async ({ port, records }) => {
        const received = await converse(port, text);
        expect(statusLines(received)).toEqual(['HTTP/1.1 200 OK']);
        expect(received.endsWith('hello')).toBe(true);
        expect(records).toEqual([]);
      },
    ),
  );
});

describe('HTTPServer, the log of what it refuses', () => {
  const BAD_LINE = starting('GET  / HTTP/1.1');
  const BAD_HOST = hosted('a b');

  interface Refused {
    readonly message: string;
    readonly count: number;
    readonly error: { readonly code: string };
    readonly peer: { readonly address: string };
  }

  function watched() {
    const clock = new VirtualClock();
    const records: Refused[] = [];
    const info = (details: object, message: string) =>
      void records.push({ ...(details as Omit<Refused, 'message'>), message });
    const other = (details: object, message: string): void => {
      throw new Error(message, { cause: details });
    };
    const logger: Logger = { debug() {}, info, warn: other, error: other };
    return { clock, records, loop: new IOLoop({ clock, logger }) };
  }

  it('has one record a minute of each kind, with the count', () => {
    const { clock, records, loop } = watched();
    return withServer(
      (request) => request.respond(200, 'hello'),
      async ({ port, server }) => {
        for (let i = 0; i < 20; i += 1) await converse(port, BAD_LINE);
        for (let i = 0; i < 3; i += 1) await converse(port, BAD_HOST);
        const error = { code: 'ERR_HTTP1_BAD_REQUEST_LINE' };
        const peer = { address: '127.0.0.1' };
        expect(records).toMatchObject([
          { message: 'refused a request', count: 1, error, peer },
          { message: 'refused a request', count: 1, error: { code: 'ERR_HTTP1_BAD_HOST' } },
        ]);
        await clock.advance(60_000);
        expect(records.slice(2)).toMatchObject([
          { message: 'refused a request (19 times within 60 s)', count: 19, error, peer },
          {
            message: 'refused a request (2 times within 60 s)',
            count: 2,
            error: { code: 'ERR_HTTP1_BAD_HOST' },
          },
        ]);
        expect(server.stats().refusedHeads).toBe(23);
      },
      { loop },
    );
  });

  it.each(['stop', 'closeAll'] as const)('does not lose the count at %s', (how) => {
    const { records, loop } = watched();
    return withServer(
      (request) => request.respond(200, 'hello'),
      async ({ port, server }) => {
        for (let i = 0; i < 5; i += 1) await converse(port, BAD_LINE);
        await server[how]();
        expect(records.map(({ count }) => count)).toEqual([1, 4]);
      },
      { loop },
    );
  });

  it('counts those of each server for itself', async () => {
    const { records, loop } = watched();
    for (let i = 0; i < 2; i += 1) {
      await withServer(
        (request) => request.respond(200, 'hello'),
        async ({ port }) => void (await converse(port, BAD_LINE)),
        { loop },
      );
    }
    expect(records.map(({ count }) => count)).toEqual([1, 1]);
  });
});
