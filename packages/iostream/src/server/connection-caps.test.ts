import { describe, expect, it } from 'vitest';
import { internetAddress } from '../addresses/net-address.ts';
import type { SocketAddress } from '../transport.ts';
import { ConnectionCaps } from './connection-caps.ts';

const peer = (address: string) => ({ remoteAddress: internetAddress(address, 1) });

describe('ConnectionCaps', () => {
  it('admits as many as it may, and again after a release', () => {
    const caps = new ConnectionCaps(2, 0);
    expect([
      caps.admit(peer('192.0.2.1')),
      caps.admit(peer('192.0.2.2')),
      caps.admit(peer('192.0.2.3')),
    ]).toEqual([true, true, false]);
    caps.release(peer('192.0.2.1'));
    expect(caps.size).toBe(1);
    expect(caps.admit(peer('192.0.2.3'))).toBe(true);
  });

  it('admits without end where there is no limit', () => {
    const caps = new ConnectionCaps(0, 0);
    for (let i = 0; i < 1_000; i += 1) expect(caps.admit(peer('192.0.2.1'))).toBe(true);
    expect(caps.size).toBe(1_000);
  });

  it('limits each address for itself', () => {
    const caps = new ConnectionCaps(0, 1);
    expect([
      caps.admit(peer('192.0.2.1')),
      caps.admit(peer('192.0.2.1')),
      caps.admit(peer('192.0.2.2')),
    ]).toEqual([true, false, true]);
    caps.release(peer('192.0.2.1'));
    expect(caps.admit(peer('192.0.2.1'))).toBe(true);
    expect(caps.size).toBe(2);
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', false],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', true],
    ['2001:db8::1', '2001:db8:0:0:5::', false],
    ['fe80::1%eth0', 'fe80::2%eth0', false],
    ['::ffff:192.0.2.1', '192.0.2.1', false],
    ['::2:0:0:0:1', '::3:0:0:0:1', true],
  ])('after %s, whether it admits %s is %s: IPv6 is limited by /64', (first, second, admitted) => {
    const caps = new ConnectionCaps(0, 1);
    caps.admit(peer(first));
    expect(caps.admit(peer(second))).toBe(admitted);
  });

  it.each<SocketAddress>([
    internetAddress('127.0.0.1', 1),
    internetAddress('::1', 1),
    { family: 'unix', path: '' },
    { family: 'memory' },
  ])('does not limit peers on this machine: %j', (remoteAddress) => {
    const caps = new ConnectionCaps(0, 1);
    expect([caps.admit({ remoteAddress }), caps.admit({ remoteAddress })]).toEqual([true, true]);
    caps.release({ remoteAddress });
    expect(caps.size).toBe(1);
  });

  it('does not ask for an address that is not limited', () => {
    const silent = {
      get remoteAddress(): SocketAddress {
        throw new Error('asked');
      },
    };
    const caps = new ConnectionCaps(1, 0);
    expect(caps.admit(silent)).toBe(true);
    caps.release(silent);
    expect(caps.size).toBe(0);
  });

  it('counts a proxy against the limit of all alone, and its clients one by one', () => {
    const caps = new ConnectionCaps(3, 1);
    const client = { remoteAddress: internetAddress('192.0.2.1', 1) };
    expect([caps.admitProxy(), caps.admitProxy(), caps.admitProxy(), caps.admitProxy()]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect([caps.admitClient(client), caps.admitClient(client)]).toEqual([true, false]);
    caps.releaseProxy();
    expect(caps.size).toBe(2);
    caps.release(client);
    expect(caps.size).toBe(1);
    expect(caps.admit(client)).toBe(true);
  });
});
