import { type HTTPConnectionInfo, HTTPHeaders, type RequestHead } from '@landspout/http1';
import { remoteIpOf } from '@landspout/http1/server';
import type { SocketAddress, TlsInfo } from '@landspout/iostream';
import { describe, expect, it } from 'vitest';
import { type ForwardedOptions, resolveForwarded } from '../../src/forwarded/resolve-forwarded.ts';
import { randomOf } from '../fixtures/random.ts';

type Fields = readonly (readonly [string, string])[];

const PROXY: SocketAddress = { family: 'IPv4', address: '10.0.0.1', port: 4000 };
const LOCAL: SocketAddress = { family: 'IPv4', address: '10.0.0.9', port: 443 };
const TRUSTED = ['10.0.0.0/8', 'fd00::/8'];

function connectionFrom(
  remoteAddress: SocketAddress,
  protocol: 'http' | 'https' = 'http',
): HTTPConnectionInfo {
  return { remoteAddress, localAddress: LOCAL, tls: undefined, protocol };
}

function headOf(fields: Fields): RequestHead {
  return { method: 'GET', target: '/', version: 'HTTP/1.1', headers: HTTPHeaders.from(fields) };
}

/** What a request from `peer` with these fields is told, as `address port protocol`. */
function told(options: ForwardedOptions, fields: Fields, peer = PROXY): string {
  const connection = connectionFrom(peer);
  const describeConnection = resolveForwarded(options);
  const { remoteAddress, protocol } = describeConnection?.(headOf(fields), connection) ?? connection;
  const port = 'port' in remoteAddress ? remoteAddress.port : '-';
  return `${remoteIpOf(remoteAddress)} ${port} ${protocol}`;
}

const UNCHANGED = '10.0.0.1 4000 http';

describe('resolveForwarded', () => {
  it('trusts no peer by default [HS-03] [ATT-57]', () => {
    expect(resolveForwarded({})).toBeUndefined();
    expect(told({}, [['X-Forwarded-For', '203.0.113.7']])).toBe(UNCHANGED);
  });

  it.each([
    ['203.0.113.5', 'IPv4'],
    ['11.0.0.1', 'IPv4'],
    ['2001:db8::1', 'IPv6'],
  ] as const)('believes nothing of %s, which is not listed [HS-03] [ATT-57]', (address, family) => {
    const fields: Fields = [
      ['X-Forwarded-For', '198.51.100.1'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Real-Ip', '198.51.100.1'],
      ['X-Scheme', 'https'],
      ['Forwarded', 'for=198.51.100.1;proto=https'],
    ];
    for (const forwardedHeaders of ['x-forwarded', 'x-real-ip', 'forwarded'] as const) {
      const options = { trustedProxies: TRUSTED, forwardedHeaders };
      expect(told(options, fields, { family, address, port: 1 })).toBe(`${address} 1 http`);
    }
  });

  it('reads one family of headers and leaves the others alone: the proxy passes on what clients write [HS-03] [ATT-57]', () => {
    const fields: Fields = [
      ['X-Forwarded-For', '198.51.100.1'],
      ['X-Forwarded-Proto', 'https'],
      ['X-Real-Ip', '198.51.100.2'],
      ['X-Scheme', 'http'],
      ['Forwarded', 'for=198.51.100.3;proto=https'],
    ];
    const results = (['x-forwarded', 'x-real-ip', 'forwarded'] as const).map((forwardedHeaders) =>
      told({ trustedProxies: TRUSTED, forwardedHeaders }, fields),
    );
    expect(results).toEqual(['198.51.100.1 0 https', '198.51.100.2 0 http', '198.51.100.3 0 https']);
    expect(told({ trustedProxies: TRUSTED }, fields)).toBe(results[0]);
    const others = fields.filter(([name]) => !name.startsWith('X-Forwarded'));
    expect(told({ trustedProxies: TRUSTED }, others)).toBe(UNCHANGED);
  });

  describe('x-forwarded [HS-03]', () => {
    it.each([
      // One proxy.
      ['203.0.113.7', '203.0.113.7 0'],
      ['203.0.113.7:5123', '203.0.113.7 5123'],
      ['2001:db8::7', '2001:db8::7 0'],
      ['[2001:db8::7]', '2001:db8::7 0'],
      ['[2001:db8::7]:5123', '2001:db8::7 5123'],
      ['2001:db8::7:5123', '2001:db8::7:5123 0'],
      // One spelling for one address.
      ['2001:DB8:0:0::0007', '2001:db8::7 0'],
      ['::ffff:203.0.113.7', '203.0.113.7 0'],
      ['0:0:0:0:0:ffff:cb00:7107', '203.0.113.7 0'],
      ['[::FFFF:203.0.113.7]:80', '203.0.113.7 80'],
      // Who is listed is skipped, in each spelling; who is not is the client.
      ['198.51.100.1, 203.0.113.7', '203.0.113.7 0'],
      ['198.51.100.1, 203.0.113.7, 10.1.2.3', '203.0.113.7 0'],
      ['198.51.100.1,203.0.113.7\t,\t10.1.2.3:99 , fd00::1, ::ffff:10.0.0.2', '203.0.113.7 0'],
      ['198.51.100.1, 203.0.113.7, 0:0:0:0:0:ffff:10.0.0.2', '203.0.113.7 0'],
      // All of them are ours: it came from the outermost.
      ['10.9.9.9, 10.1.2.3', '10.9.9.9 0'],
      // Junk ends the walk, and the last good one holds.
      ['junk', undefined],
      ['', undefined],
      ['203.0.113.7, junk', undefined],
      ['203.0.113.7, unknown', undefined],
      ['203.0.113.7, ', undefined],
      ['203.0.113.7, junk, 10.1.2.3', '10.1.2.3 0'],
      ['203.0.113.7, , 10.1.2.3', '10.1.2.3 0'],
      ['203.0.113.7 10.1.2.3', undefined],
      ['unix:', undefined],
      ['localhost', undefined],
      ['203.0.113.07', undefined],
      ['203.0.113', undefined],
      ['203.0.113.256', undefined],
      ['3405803783', undefined],
      ['0xcb.0.113.7', undefined],
      ['203.0.113.7:', undefined],
      ['203.0.113.7:65536', undefined],
      ['203.0.113.7:-1', undefined],
      ['203.0.113.7:http', undefined],
      ['[203.0.113.7]', undefined],
      ['[2001:db8::7', undefined],
      ['2001:db8::7]', undefined],
      ['[2001:db8::7]5123', undefined],
      ['fe80::1%eth0', undefined],
      ['[fe80::1%25eth0]', undefined],
      ['"203.0.113.7"', undefined],
      ['203.0.113.7\u00a0', undefined],
      ['for=203.0.113.7', undefined],
    ])('takes X-Forwarded-For: %s for %s', (field, expected) => {
      const expectedPeer = expected === undefined ? UNCHANGED : `${expected} http`;
      expect(told({ trustedProxies: TRUSTED }, [['X-Forwarded-For', field]])).toBe(expectedPeer);
    });

    it('joins several lines in order', () => {
      const lines: Fields = [
        ['X-Forwarded-For', '198.51.100.1'],
        ['x-forwarded-for', '203.0.113.7, 10.3.3.3'],
        ['X-FORWARDED-FOR', '10.2.2.2'],
      ];
      expect(told({ trustedProxies: TRUSTED }, lines)).toBe('203.0.113.7 0 http');
    });

    it('follows no more than 32 proxies', () => {
      const hops = (count: number) => ['203.0.113.7', ...new Array<string>(count).fill('10.1.1.1')].join(',');
      expect(told({ trustedProxies: TRUSTED }, [['X-Forwarded-For', hops(31)]])).toBe('203.0.113.7 0 http');
      expect(told({ trustedProxies: TRUSTED }, [['X-Forwarded-For', hops(32)]])).toBe('10.1.1.1 0 http');
    });

    it.each([
      ['https', 'https'],
      ['http', 'http'],
      ['HTTPS', 'https'],
      ['http, https', 'https'],
      ['https,http', 'http'],
      ['https, ', 'http'],
      ['wss', 'http'],
      ['https://', 'http'],
      ['javascript', 'http'],
      ['"https"', 'http'],
      ['', 'http'],
    ])('takes X-Forwarded-Proto: %s for %s, with and without an address beside it', (field, expected) => {
      const fields: Fields = [['X-Forwarded-Proto', field]];
      expect(told({ trustedProxies: TRUSTED }, fields)).toBe(`10.0.0.1 4000 ${expected}`);
      expect(told({ trustedProxies: TRUSTED }, [...fields, ['X-Forwarded-For', '203.0.113.7']])).toBe(
        `203.0.113.7 0 ${expected}`,
      );
    });
  });

  describe('x-real-ip [HS-03]', () => {
    it.each([
      ['203.0.113.7', '203.0.113.7 0'],
      ['[2001:db8::7]:80', '2001:db8::7 80'],
      ['::ffff:203.0.113.7', '203.0.113.7 0'],
      // The address that it names is the client, ours or not: the proxy overwrites the field.
      ['10.1.2.3', '10.1.2.3 0'],
      ['198.51.100.1, 203.0.113.7', undefined],
      ['203.0.113.7, junk', undefined],
      ['junk', undefined],
      ['', undefined],
    ])('takes X-Real-Ip: %s for %s', (field, expected) => {
      const options = { trustedProxies: TRUSTED, forwardedHeaders: 'x-real-ip' } as const;
      const expectedPeer = expected === undefined ? '10.0.0.1 4000' : expected;
      expect(told(options, [['X-Real-Ip', field]])).toBe(`${expectedPeer} http`);
      expect(
        told(options, [
          ['X-Real-Ip', field],
          ['X-Scheme', 'ftp, https'],
        ]),
      ).toBe(`${expectedPeer} https`);
    });

    it('takes two lines for junk: one of them is not the proxy’s', () => {
      const fields: Fields = [
        ['X-Real-Ip', '198.51.100.1'],
        ['X-Real-Ip', '203.0.113.7'],
      ];
      expect(told({ trustedProxies: TRUSTED, forwardedHeaders: 'x-real-ip' }, fields)).toBe(UNCHANGED);
    });
  });

  describe('forwarded [HS-03]', () => {
    it.each([
      ['for=203.0.113.7', '203.0.113.7 0 http'],
      ['for=203.0.113.7;proto=https', '203.0.113.7 0 https'],
      ['For="203.0.113.7:5123"; PROTO="HTTPS" ;by=10.0.0.1', '203.0.113.7 5123 https'],
      ['for="[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17 4711 http'],
      ['for="[2001:DB8::7]"', '2001:db8::7 0 http'],
      ['for="[::ffff:203.0.113.7]"', '203.0.113.7 0 http'],
      ['for="203.0.113.7:_port"', '203.0.113.7 0 http'],
      ['for="203.0\\.113.7"', '203.0.113.7 0 http'],
      [';for=203.0.113.7;;proto=https;', '203.0.113.7 0 https'],
      ['by="a,b";host="x;y, z\\"";for=203.0.113.7;secret=_s', '203.0.113.7 0 http'],
      // Who is listed is skipped. The protocol is of the element that names the client.
      ['for=198.51.100.1, for=203.0.113.7', '203.0.113.7 0 http'],
      ['for=203.0.113.7;proto=https, for=10.1.2.3;proto=http', '203.0.113.7 0 https'],
      ['for=203.0.113.7, for=10.1.2.3;proto=https', '203.0.113.7 0 http'],
      ['for=198.51.100.1;proto=https, for=203.0.113.7', '203.0.113.7 0 http'],
      ['for=203.0.113.7,for="[fd00::1]:80",for="[::ffff:10.0.0.2]"', '203.0.113.7 0 http'],
      // Whom a proxy will not name is nobody, but how he came is known.
      ['for=unknown;proto=https', '10.0.0.1 4000 https'],
      ['for=203.0.113.7, for=_hidden;proto=https', '10.0.0.1 4000 https'],
      ['for=203.0.113.7, for="_hidden:80", for=10.1.2.3', '10.1.2.3 0 http'],
      ['proto=https', '10.0.0.1 4000 https'],
      // What breaks the grammar says nothing, and what was known before it holds.
      ['for=203.0.113.7, by=10.0.0.1', UNCHANGED],
      ['for=203.0.113.7;for=198.51.100.1', UNCHANGED],
      ['for=203.0.113.7;proto=https;Proto=http', UNCHANGED],
      ['for=203.0.113.7:80', UNCHANGED],
      ['for=2001:db8::7', UNCHANGED],
      ['for="2001:db8::7"', UNCHANGED],
      ['for=[2001:db8::7]', UNCHANGED],
      ['for="203.0.113.7', UNCHANGED],
      ['for=203.0.113.7"', UNCHANGED],
      ['for = 203.0.113.7', UNCHANGED],
      ['for=', UNCHANGED],
      ['for', UNCHANGED],
      ['203.0.113.7', UNCHANGED],
      ['for=203.0.113.7,', UNCHANGED],
      ['for=203.0.113.7 proto=https', UNCHANGED],
      ['for=203.0.113.7;proto=https, for="[fe80::1%eth0]"', UNCHANGED],
      ['for=203.0.113.7;proto=https, for=10.1.2.3;proto=https;=', UNCHANGED],
      ['junk, for=10.1.2.3;proto=https', '10.1.2.3 0 https'],
      ['by=10.0.0.2, for=10.1.2.3;proto=https', '10.1.2.3 0 https'],
      ['by="\\\\\\", for=198.51.100.1";for=203.0.113.7', '203.0.113.7 0 http'],
      ['for=203.0.113.7;proto=wss', '203.0.113.7 0 http'],
      // A quotation mark that the client left open swallows nothing of what proxies have added.
      ['for=", for=203.0.113.7', '203.0.113.7 0 http'],
      ['for=", for="[2001:db8::7]"', '2001:db8::7 0 http'],
      ['for="\\, for="[2001:db8::7]";host="a\\\\"', '2001:db8::7 0 http'],
      ['for=198.51.100.1", for="[2001:db8::7]"', '2001:db8::7 0 http'],
    ])('takes Forwarded: %s for %s', (field, expected) => {
      const options = { trustedProxies: TRUSTED, forwardedHeaders: 'forwarded' } as const;
      expect(told(options, [['Forwarded', field]])).toBe(expected);
    });

    it('joins several lines in order', () => {
      const lines: Fields = [
        ['Forwarded', 'for=203.0.113.7;proto=https'],
        ['forwarded', 'for=10.1.2.3'],
      ];
      expect(told({ trustedProxies: TRUSTED, forwardedHeaders: 'forwarded' }, lines)).toBe(
        '203.0.113.7 0 https',
      );
    });
  });

  it('takes an element that is too long for junk, in time that does not grow with it [HS-03]', () => {
    const forwarded = { trustedProxies: TRUSTED, forwardedHeaders: 'forwarded' } as const;
    for (const field of [
      `for=203.0.113.7;by="${' '.repeat(600)}"`,
      `for=203.0.113.7;${' '.repeat(500)}x`,
      '"'.repeat(60_000),
      '\\"'.repeat(30_000),
    ]) {
      expect(told(forwarded, [['Forwarded', field]])).toBe(UNCHANGED);
      expect(told(forwarded, [['Forwarded', `${field}, for=203.0.113.7`]])).toBe('203.0.113.7 0 http');
    }
    for (const field of [`203.0.113.7${' '.repeat(600)}`, '1'.repeat(60_000), ','.repeat(60_000)]) {
      expect(told({ trustedProxies: TRUSTED }, [['X-Forwarded-For', field]])).toBe(UNCHANGED);
    }
  });

  it('trusts Unix sockets by the word unix alone [HS-03] [HS-04]', () => {
    const fields: Fields = [['X-Forwarded-For', '203.0.113.7']];
    const unix: SocketAddress = { family: 'unix', path: '' };
    expect(told({ trustedProxies: ['unix'] }, fields, unix)).toBe('203.0.113.7 0 http');
    expect(told({ trustedProxies: ['0.0.0.0/0', '::/0'] }, fields, unix)).toBe('0.0.0.0 - http');
    expect(told({ trustedProxies: ['unix'] }, fields)).toBe(UNCHANGED);
    expect(told({ trustedProxies: ['unix'] }, fields, { family: 'memory' })).toBe('0.0.0.0 - http');
  });

  it('takes a peer that comes v4-mapped for the IPv4 address that it is [HS-03]', () => {
    const fields: Fields = [['X-Forwarded-For', '203.0.113.7']];
    const mapped: SocketAddress = { family: 'IPv6', address: '::ffff:10.0.0.1', port: 1 };
    expect(told({ trustedProxies: TRUSTED }, fields, mapped)).toBe('203.0.113.7 0 http');
  });

  it('answers the same for each request of a connection [HS-03] [ATT-57]', () => {
    const tell = resolveForwarded({ trustedProxies: TRUSTED });
    const head = headOf([['X-Forwarded-For', '203.0.113.7']]);
    const stranger = connectionFrom({ family: 'IPv4', address: '11.0.0.1', port: 1 });
    const proxy = connectionFrom(PROXY);
    for (let count = 0; count < 3; count += 1) {
      expect(tell?.(head, stranger)).toBe(stranger);
      expect(tell?.(head, proxy).remoteAddress).toMatchObject({ address: '203.0.113.7' });
    }
  });

  it('changes nothing of the connection, so that the next request on it begins anew [ATT-57]', () => {
    const connection = Object.freeze(connectionFrom(PROXY, 'https'));
    const tell = resolveForwarded({ trustedProxies: TRUSTED }) as NonNullable<
      ReturnType<typeof resolveForwarded>
    >;
    const first = tell(
      headOf([
        ['X-Forwarded-For', '203.0.113.7'],
        ['X-Forwarded-Proto', 'http'],
      ]),
      connection,
    );
    expect([first.remoteAddress, first.protocol]).toEqual([
      { family: 'IPv4', address: '203.0.113.7', port: 0 },
      'http',
    ]);
    expect(tell(headOf([]), connection)).toBe(connection);
    expect(tell(headOf([['X-Forwarded-For', 'junk']]), connection)).toBe(connection);
    expect(connection.remoteAddress).toBe(PROXY);
  });

  it('tells of the local address and TLS as the connection does', () => {
    const tls = { protocol: 'TLSv1.3' } as TlsInfo;
    const connection = { ...connectionFrom(PROXY, 'https'), tls };
    const told = resolveForwarded({ trustedProxies: TRUSTED })?.(
      headOf([['X-Forwarded-For', '203.0.113.7']]),
      connection,
    );
    expect([told?.localAddress, told?.tls, told?.protocol]).toEqual([LOCAL, tls, 'https']);
  });

  it.each([
    [{ trustedProxies: [] }],
    [{ trustedProxies: ['localhost'] }],
    [{ trustedProxies: ['10.0.0.0/33'] }],
    [{ trustedProxies: '10.0.0.0/8' }],
    [{ forwardedHeaders: 'forwarded' }],
    [{ trustedProxies: TRUSTED, forwardedHeaders: 'X-Forwarded' }],
    [{ trustedProxies: TRUSTED, forwardedHeaders: 'toString' }],
    [{ trustedProxies: TRUSTED, forwardedHeaders: ['forwarded', 'x-real-ip'] }],
  ])('refuses the options %j', (options) => {
    expect(() => resolveForwarded(options as ForwardedOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
  });
});

describe('resolveForwarded, whatever a client sends', () => {
  const SHARP = [...',;="\\ \t[]:.%', ...'for proto https 10.0.0.1 fd00::1 unknown'.split(' ')];

  /** A field value as a client may send it: everything that a header may hold, and much that means something. */
  function clientText(random: (below: number) => number): string {
    let text = '';
    for (let count = random(24); count > 0; count -= 1) {
      text += random(4) === 0 ? String.fromCharCode(0x20 + random(0x5f)) : SHARP[random(SHARP.length)];
    }
    return text;
  }

  const anIp = (random: (below: number) => number, isOurs: boolean): string => {
    const tail = [random(256), random(256), random(256)];
    if (random(2) === 0) return [isOurs ? 10 : 203, ...tail].join('.');
    return `${isOurs ? 'fd00' : '2001:db8'}:${tail.map((part) => (part + 1).toString(16)).join(':')}::1`;
  };

  /** What honest proxies append when `ip` came to them. */
  const APPENDED = {
    'x-forwarded': (ip: string, random: (below: number) => number) =>
      random(2) === 0 ? ip : `${ip.includes(':') ? `[${ip}]` : ip}:${random(65_536)}`,
    forwarded: (ip: string, random: (below: number) => number) => {
      const node = ip.includes(':') ? `"[${ip}]"` : random(2) === 0 ? ip : `"${ip}:${random(65_536)}"`;
      const host = random(2) === 0 ? '' : ';host="a\\"b,\\\\;c"';
      return random(2) === 0 ? `for=${node};proto=http${host}` : `${host.slice(1) || 'by=_x'};for=${node}`;
    },
  };

  it.each(['x-forwarded', 'forwarded'] as const)(
    'finds the address that our outermost proxy has seen, in front of any text: %s [HS-03] [ATT-57]',
    (forwardedHeaders) => {
      const options = { trustedProxies: TRUSTED, forwardedHeaders };
      const name = forwardedHeaders === 'forwarded' ? 'Forwarded' : 'X-Forwarded-For';
      for (let seed = 0; seed < 3000; seed += 1) {
        const random = randomOf(seed);
        const client = anIp(random, false);
        const chain = [client];
        for (let hops = random(4); hops > 0; hops -= 1) chain.push(anIp(random, true));
        const elements = chain.map((ip) => APPENDED[forwardedHeaders](ip, random));
        const spoofed = clientText(random);
        const fields: Fields =
          random(2) === 0
            ? [[name, [spoofed, ...elements].join(', ')]]
            : [spoofed, ...elements].map((value) => [name, value]);
        const [address] = told(options, fields).split(' ');
        expect(address, `seed ${seed}: ${JSON.stringify(fields)}`).toBe(client);
      }
    },
  );

  it.each(['x-forwarded', 'x-real-ip', 'forwarded'] as const)(
    'never throws, and names an IP address in its one spelling or the peer: %s [HS-03]',
    (forwardedHeaders) => {
      const options = { trustedProxies: TRUSTED, forwardedHeaders };
      for (let seed = 0; seed < 3000; seed += 1) {
        const random = randomOf(seed + 10_000);
        const fields: Fields = [
          'X-Forwarded-For',
          'X-Forwarded-Proto',
          'X-Real-Ip',
          'X-Scheme',
          'Forwarded',
        ].map((name) => [name, clientText(random)]);
        expect(told(options, fields), `seed ${seed}: ${JSON.stringify(fields)}`).toMatch(
          /^((\d{1,3}\.){3}\d{1,3}|[0-9a-f]{1,4}:[0-9a-f:]*) \d{1,5} https?$/,
        );
      }
    },
  );
});

describe('remoteIpOf', () => {
  it('is 0.0.0.0 for an address that is not an IP address [HS-04]', () => {
    expect(remoteIpOf({ family: 'unix', path: '/run/x.sock' })).toBe('0.0.0.0');
    expect(remoteIpOf({ family: 'memory' })).toBe('0.0.0.0');
    expect(remoteIpOf({ family: 'IPv6', address: '2001:db8::1', port: 1 })).toBe('2001:db8::1');
  });
});
