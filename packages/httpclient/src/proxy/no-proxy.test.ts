import { describe, expect, it } from 'vitest';
import { NoProxyList, usesProxy } from './no-proxy.ts';

describe('NoProxyList', () => {
  it.each([
    // [list, host, port, reached without a proxy]
    ['', 'a.example', 80, false],
    ['*', 'a.example', 80, true],
    ['b.example, *', 'a.example', 80, true],
    ['a.example', 'a.example', 80, true],
    ['a.example', 'A.Example.', 80, true],
    ['A.EXAMPLE.', 'a.example', 80, true],
    ['a.example', 'www.a.example', 80, true],
    ['.a.example', 'a.example', 80, true],
    ['.a.example', 'www.a.example', 80, true],
    ['*.a.example', 'www.a.example', 80, true],
    ['a.example', 'nota.example', 80, false],
    ['www.a.example', 'a.example', 80, false],
    ['a.example.evil', 'a.example', 80, false],
    ['example', 'a.example', 80, true],
    ['b.example c.example\ta.example,d.example', 'a.example', 80, true],
    [' , ,, a.example ,', 'a.example', 80, true],
    ['bücher.example', 'xn--bcher-kva.example', 80, true],
    // Ports.
    ['a.example:8080', 'a.example', 8080, true],
    ['a.example:8080', 'www.a.example', 8080, true],
    ['a.example:8080', 'a.example', 80, false],
    ['a.example:8080,a.example:80', 'a.example', 80, true],
    ['a.example:0', 'a.example', 80, false],
    ['a.example:65536', 'a.example', 80, false],
    ['a.example:x', 'a.example', 80, false],
    ['10.0.0.1:81', '10.0.0.1', 80, false],
    ['10.0.0.1:80', '10.0.0.1', 80, true],
    ['[fd00::1]:80', 'fd00::1', 80, true],
    ['[fd00::1]:81', 'fd00::1', 80, false],
    // Addresses and networks.
    ['10.0.0.1', '10.0.0.1', 80, true],
    ['10.0.0.1', '110.0.0.1', 80, false],
    ['0.0.1', '10.0.0.1', 80, false],
    ['10.0.0.0/8', '10.255.0.1', 80, true],
    ['10.0.0.0/8', '11.0.0.1', 80, false],
    ['10.0.0.0/8:443', '10.0.0.1', 443, true],
    ['10.0.0.0/8:443', '10.0.0.1', 80, false],
    ['10.0.0.0/33', '10.0.0.1', 80, false],
    ['10.0.0.0/8', 'ten.example', 80, false],
    ['0.0.0.0/0', '192.0.2.1', 80, true],
    ['0.0.0.0/0', '2001:db8::1', 80, false],
    ['::/0', '192.0.2.1', 80, false],
    ['10.0.0.0/8', '::ffff:10.0.0.1', 80, true],
    ['::1', '[::1]', 80, true],
    ['[::1]', '::1', 80, true],
    ['0:0:0:0:0:0:0:1', '::1', 80, true],
    ['2001:DB8::1', '2001:db8:0::1', 80, true],
    ['fd00::/8', 'fdff::1', 80, true],
    ['[fd00::]/8', 'fdff::1', 80, true],
    ['fd00::/8', 'fe80::1', 80, false],
    ['fd00::/129', 'fd00::1', 80, false],
    // Entries that are nothing do not disturb the others.
    ['[, ], [::g], a:b:c, /8, :80, ., *., 999.1.1.1/8, a.example', 'a.example', 80, true],
    ['[, ], [::g], a:b:c, /8, :80, ., *., 999.1.1.1/8', 'a.example', 80, false],
  ])('with %j, decides for %s port %i: %s [CU-01]', (list, host, port, direct) => {
    expect(new NoProxyList(list).includes(host, port)).toBe(direct);
    expect(usesProxy(list, host, port)).toBe(!direct);
  });

  it('takes a parsed list, which is not parsed again [CU-01]', () => {
    const list = new NoProxyList('a.example');
    expect([usesProxy(list, 'a.example', 80), usesProxy(list, 'b.example', 80)]).toEqual([false, true]);
  });
});
