import { type HTTPConnectionInfo, HTTPHeaders, type RequestHead } from '@landspout/http1';
import { splitHostAndPort } from '@landspout/http1/protocol';
import { describe, expect, it } from 'vitest';
import { type ForwardedOptions, resolveForwarded } from '../../src/forwarded/resolve-forwarded.ts';
import { HTTPServer, type HTTPServerOptions, type ServerRequest } from '../../src/index.ts';
import { randomOf } from '../fixtures/random.ts';
import { converse } from '../fixtures/raw-client.ts';
import { connectionInfo } from '../fixtures/requests.ts';
import { withServer } from '../fixtures/running-server.ts';

type Fields = readonly (readonly [string, string])[];

const proxies = { trustedProxies: ['10.0.0.0/8'], forwardedHost: true } satisfies ForwardedOptions;
const forwarded = { ...proxies, forwardedHeaders: 'forwarded' } satisfies ForwardedOptions;

function headOf(fields: Fields): RequestHead {
  return { method: 'GET', target: '/', version: 'HTTP/1.1', headers: HTTPHeaders.from(fields) };
}

/** How a request with these fields from the proxy `address` is described. */
function described(options: ForwardedOptions, fields: Fields, address = '10.0.0.1'): HTTPConnectionInfo {
  const connection = connectionInfo({ remoteAddress: { family: 'IPv4', address, port: 4000 } });
  return resolveForwarded(options)?.(headOf(fields), connection) ?? connection;
}

const hostOf = (options: ForwardedOptions, fields: Fields, address?: string) =>
  described(options, fields, address).forwardedHost;

describe('forwardedHost [HS-03]', () => {
  const everywhere: Fields = [
    ['X-Forwarded-For', '203.0.113.7'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'x.example'],
    ['Forwarded', 'for=203.0.113.8;host=f.example;proto=https'],
    ['X-Real-Ip', '203.0.113.9'],
  ];

  it('is read only if the option is on, since many proxies pass on what the client sent [ATT-57]', () => {
    const { trustedProxies } = proxies;
    for (const forwardedHeaders of ['x-forwarded', 'forwarded', 'x-real-ip'] as const) {
      expect(hostOf({ trustedProxies, forwardedHeaders }, everywhere)).toBeUndefined();
      const off = { trustedProxies, forwardedHeaders, forwardedHost: false };
      expect(hostOf(off, everywhere)).toBeUndefined();
    }
    expect(hostOf(proxies, everywhere)).toBe('x.example');
    expect(hostOf(forwarded, everywhere)).toBe('f.example');
  });

  it('is not read of a peer that is not listed [ATT-57]', () => {
    for (const options of [proxies, forwarded]) {
      expect(hostOf(options, everywhere, '203.0.113.5')).toBeUndefined();
      expect(hostOf(options, everywhere, '11.0.0.1')).toBeUndefined();
    }
  });

  it.each([
    ['a.example', 'a.example'],
    ['A.Example:8443', 'A.Example:8443'],
    ['a.example:', 'a.example:'],
    ['[2001:db8::1]:80', '[2001:db8::1]:80'],
    ['192.0.2.1', '192.0.2.1'],
    // The nearest proxy wrote the last one, as with X-Forwarded-Proto.
    ['evil.example, a.example', 'a.example'],
    ['evil.example ,\ta.example ', 'a.example'],
    ['"evil.example, a.example', 'a.example'],
    ['a.example, evil example', undefined],
    ['a.example, ', undefined],
    ['', undefined],
    ['u@a.example', undefined],
    ['http://a.example', undefined],
    ['a.example/path', undefined],
    ['a.example?x', undefined],
    ['a.example#x', undefined],
    ['a.example:99999', undefined],
    ['a.example:x', undefined],
    ['::1', undefined],
    ['[::1', undefined],
    ['[fe80::1%25eth0]', undefined],
    ['"a.example"', undefined],
    ['a\\b.example', undefined],
    ['a<b>.example', undefined],
    ['b\u00fccher.example', undefined],
    ['a%zz', undefined],
    [`${'a'.repeat(600)}`, undefined],
  ])('takes X-Forwarded-Host: %s for %s', (field, expected) => {
    expect(hostOf(proxies, [['X-Forwarded-Host', field]])).toBe(expected);
    const beside: Fields = [
      ['X-Forwarded-For', '203.0.113.7'],
      ['X-Forwarded-Host', field],
    ];
    expect(hostOf(proxies, beside)).toBe(expected);
  });

  it('takes the last of several lines', () => {
    const lines: Fields = [
      ['X-Forwarded-Host', 'evil.example'],
      ['x-forwarded-host', 'a.example'],
    ];
    expect(hostOf(proxies, lines)).toBe('a.example');
  });

  it.each([
    ['host=a.example', 'a.example'],
    ['for=203.0.113.7;host=a.example', 'a.example'],
    ['Host="a.example:8443" ;for=203.0.113.7', 'a.example:8443'],
    ['for=203.0.113.7;host="[2001:db8::1]:80"', '[2001:db8::1]:80'],
    ['for=203.0.113.7;host="a\\.example"', 'a.example'],
    // It is that of the element that names the client.
    ['for=198.51.100.1;host=evil.example, for=203.0.113.7;host=a.example', 'a.example'],
    ['for=203.0.113.7;host=a.example, for=10.1.2.3;host=inner.example', 'a.example'],
    ['for=203.0.113.7, for=10.1.2.3;host=inner.example', undefined],
    ['for=198.51.100.1;host=evil.example, for=203.0.113.7', undefined],
    ['for=unknown;host=a.example', 'a.example'],
    ['host=evil.example, for=unknown;host=a.example', 'a.example'],
    ['for=", for=203.0.113.7;host=a.example', 'a.example'],
    // What is no Host says nothing.
    ['for=203.0.113.7;host="a b"', undefined],
    ['for=203.0.113.7;host="u@a.example"', undefined],
    ['for=203.0.113.7;host=""', undefined],
    ['for=203.0.113.7;host="http://a.example"', undefined],
    // An element that breaks the grammar says nothing at all.
    ['for=203.0.113.7;host=a.example:8443', undefined],
    ['for=203.0.113.7;host=a.example;host=b.example', undefined],
    ['for=203.0.113.7;by=10.0.0.1', undefined],
  ])('takes Forwarded: %s for %s', (field, expected) => {
    expect(hostOf(forwarded, [['Forwarded', field]])).toBe(expected);
  });

  it('leaves address and protocol as they are without it', () => {
    const { remoteAddress, protocol, forwardedHost } = described(proxies, [
      ['X-Forwarded-Host', 'a.example'],
    ]);
    expect([remoteAddress, protocol, forwardedHost]).toEqual([
      { family: 'IPv4', address: '10.0.0.1', port: 4000 },
      'http',
      'a.example',
    ]);
    // Off, an element with nothing but a host ends the search as before.
    const chain: Fields = [['Forwarded', 'host=a.example, for=10.1.2.3;proto=https']];
    const off = { trustedProxies: proxies.trustedProxies, forwardedHeaders: 'forwarded' } as const;
    expect(described(off, chain)).toMatchObject({ protocol: 'https', forwardedHost: undefined });
  });

  it('is undefined or valid as a Host, whatever a client sends [ATT-57]', () => {
    const pieces = [...',;="\\ \t[]:.%@/', ...'host a.example 10.0.0.1 ::1 80 for=10.0.0.1 host='.split(' ')];
    for (let seed = 0; seed < 5_000; seed += 1) {
      const random = randomOf(seed);
      let text = '';
      for (let count = random(16); count > 0; count -= 1) text += pieces[random(pieces.length)];
      for (const [options, name] of [
        [proxies, 'X-Forwarded-Host'],
        [forwarded, 'Forwarded'],
      ] as const) {
        const host = hostOf(options, [[name, text]]);
        if (host !== undefined) expect(splitHostAndPort(host), JSON.stringify(text)).toBeDefined();
        const appended = name === 'Forwarded' ? 'for=203.0.113.7;host=a.example' : 'a.example';
        expect(hostOf(options, [[name, `${text}, ${appended}`]]), JSON.stringify(text)).toBe('a.example');
      }
    }
  });

  it.each([
    [{ forwardedHost: true }, 'requires trustedProxies'],
    [{ ...proxies, forwardedHost: 'yes' }, 'forwardedHost: true or false'],
    [{ ...proxies, forwardedHeaders: 'x-real-ip' }, '"x-real-ip" has no host'],
  ])('refuses the options %j', (options, message) => {
    expect(() => resolveForwarded(options as ForwardedOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE', message: expect.stringContaining(message) }),
    );
    expect(() => new HTTPServer(() => {}, options as HTTPServerOptions)).toThrow(message);
  });
});

describe('the host of a request behind a proxy', () => {
  const whereami = (request: ServerRequest): void => {
    request.respond(200, `<${request.host} ${request.hostName} ${request.fullUrl()}>`);
  };
  const get = (target: string, ...fields: string[]) =>
    `GET ${target} HTTP/1.1\r\n${['Host: inner:8080', ...fields].map((field) => `${field}\r\n`).join('')}\r\n`;
  const answers = (received: string) => received.match(/<[^>]*>/g) ?? [];

  it('is the forwarded one of its own request only, even for an absolute target [HS-03] [ATT-57]', () =>
    withServer(
      whereami,
      async ({ port }) => {
        const received = await converse(
          port,
          get('/', 'X-Forwarded-Host: A.example', 'X-Forwarded-Proto: https') +
            get('/') +
            get('/', 'X-Forwarded-Host: not a host') +
            get('http://b.example/p?q', 'X-Forwarded-Host: a.example:81', 'Connection: close'),
        );
        expect(answers(received)).toEqual([
          '<A.example a.example https://A.example/>',
          '<inner:8080 inner http://inner:8080/>',
          '<inner:8080 inner http://inner:8080/>',
          '<a.example:81 a.example http://a.example:81/p?q>',
        ]);
      },
      { trustedProxies: ['127.0.0.1'], forwardedHost: true },
    ));

  it('is its own for a peer that is not listed [HS-03] [ATT-57]', () =>
    withServer(
      whereami,
      async ({ port }) => {
        const forged = ['X-Forwarded-Host: evil.example', 'Forwarded: for=203.0.113.7;host=evil.example'];
        const received = await converse(port, get('/', ...forged, 'Connection: close'));
        expect(answers(received)).toEqual(['<inner:8080 inner http://inner:8080/>']);
      },
      { trustedProxies: ['10.0.0.1'], forwardedHost: true },
    ));
});
