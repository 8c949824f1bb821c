import { describe, expect, it } from 'vitest';
import { AddressList } from './address-list.ts';
import { internetAddress } from './net-address.ts';

const isListed = (entries: string[], address: string): boolean =>
  new AddressList(entries).has(internetAddress(address, 1));

describe('AddressList', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.1.2.3/8', '10.9.9.9', true],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '203.0.113.9', false],
    ['::1', '::1', true],
    ['::1', '0:0:0:0:0:0:0:1', true],
    ['::1', '127.0.0.1', false],
    ['2001:DB8::/32', '2001:db8:ffff::', true],
    ['2001:db8::/32', '2001:db9::', false],
    ['fe80::/10', 'fe80::1%eth0', true],
  ])('with %s on it, says of %s: %s', (entry, address, expected) => {
    expect(isListed([entry], address)).toBe(expected);
  });

  it.each(['::ffff:10.0.0.1', '::FFFF:10.0.0.1', '::ffff:a00:1'])(
    'takes the peer %s for the IPv4 address that it is',
    (address) => {
      expect(isListed(['10.0.0.0/8'], address)).toBe(true);
      expect(new AddressList(['10.0.0.0/8']).has({ family: 'IPv6', address, port: 1 })).toBe(true);
      expect(new AddressList(['::/0']).has({ family: 'IPv6', address, port: 1 })).toBe(false);
    },
  );

  it.each(['::ffff:10.0.0.0/104', '::ffff:a00:0/104'])('takes the entry %s for the IPv4 network', (entry) => {
    expect(isListed([entry], '10.9.9.9')).toBe(true);
    expect(isListed([entry], '11.0.0.1')).toBe(false);
  });

  it('has Unix sockets on it only when they are listed, and nothing of memory', () => {
    const named = { family: 'unix', path: '' } as const;
    expect(new AddressList(['unix']).has(named)).toBe(true);
    expect(new AddressList(['0.0.0.0/0', '::/0']).has(named)).toBe(false);
    expect(new AddressList(['unix']).has(internetAddress('127.0.0.1', 1))).toBe(false);
    expect(new AddressList(['unix', '0.0.0.0/0']).has({ family: 'memory' })).toBe(false);
  });

  it('has nothing on it that is no address', () => {
    const list = new AddressList(['0.0.0.0/0', '::/0']);
    for (const address of ['', 'localhost', '1.2.3', '::ffff:1.2.3.400', '%eth0']) {
      expect(list.has({ family: 'IPv4', address, port: 1 })).toBe(false);
    }
  });

  it.each([
    [],
    [''],
    ['localhost'],
    ['10.0.0.0/33'],
    ['10.0.0.0/'],
    ['10.0.0.0/-1'],
    ['10.0.0.0/8/8'],
    ['10.0.0'],
    ['::/129'],
    ['::ffff:10.0.0.0/8'],
    ['fe80::1%eth0'],
    [' 10.0.0.1'],
    ['127.0.0.1', 'UNIX'],
  ])('refuses the list %j %j', (...entries) => {
    expect(() => new AddressList(entries)).toThrow(expect.objectContaining({ code: 'ERR_STREAM_USAGE' }));
  });

  it.each([undefined, '10.0.0.0/8'])('refuses %j in place of a list', (entries) => {
    expect(() => new AddressList(entries as unknown as string[])).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
  });
});
