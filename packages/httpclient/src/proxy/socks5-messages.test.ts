import { describe, expect, it } from 'vitest';
import {
  checkCredentialsStatus,
  decodeMethodChoice,
  LENGTH_FOLLOWS,
  replyAddressBytes,
  socks5ConnectRequest,
  socks5Credentials,
  socks5Greeting,
} from './socks5-messages.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (...list: number[]) => Uint8Array.from(list);
const error = (code: string, message: RegExp | string = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const broken = (message?: RegExp) => error('ERR_SOCKS5_PROTOCOL', message);
const refused = (message?: RegExp | string) => error('ERR_SOCKS5_REFUSED', message);

describe('socks5Greeting', () => {
  it('offers no authentication, and with credentials also theirs (RFC 1928 §3) [CU-01]', () => {
    expect(hex(socks5Greeting(false))).toBe('050100');
    expect(hex(socks5Greeting(true))).toBe('05020002');
  });
});

describe('decodeMethodChoice', () => {
  it('says whether the credentials must be sent [CU-01]', () => {
    expect(decodeMethodChoice(bytes(5, 0), false)).toBe(false);
    expect(decodeMethodChoice(bytes(5, 0), true)).toBe(false);
    expect(decodeMethodChoice(bytes(5, 2), true)).toBe(true);
  });

  it('refuses methods that were not offered, and other versions and lengths [CU-01]', () => {
    expect(() => decodeMethodChoice(bytes(5, 2), false)).toThrow(broken(/0x02, which was not offered/));
    expect(() => decodeMethodChoice(bytes(5, 1), true)).toThrow(broken(/0x01, which was not offered/));
    expect(() => decodeMethodChoice(bytes(4, 0), false)).toThrow(broken(/version is 0x04, not 0x05$/));
    expect(() => decodeMethodChoice(bytes(0x48, 0x54), false)).toThrow(broken(/speak HTTP/));
    expect(() => decodeMethodChoice(bytes(5), false)).toThrow(broken(/2 bytes, got 1/));
    expect(() => decodeMethodChoice(bytes(5, 0, 0), false)).toThrow(broken(/2 bytes, got 3/));
  });

  it('says what is missing if no method is acceptable [CU-01]', () => {
    expect(() => decodeMethodChoice(bytes(5, 0xff), false)).toThrow(refused(/set a username and a password/));
    expect(() => decodeMethodChoice(bytes(5, 0xff), true)).toThrow(refused(/neither/));
  });
});

describe('socks5Credentials', () => {
  it('encodes both with their lengths, as UTF-8 (RFC 1929 §2) [CU-01]', () => {
    expect(hex(socks5Credentials('user', 'pä'))).toBe(`0104${hex(Buffer.from('user'))}0370c3a4`);
    expect(hex(socks5Credentials('u', ''))).toBe('01017500');
    const long = 'x'.repeat(255);
    expect(socks5Credentials(long, long).length).toBe(513);
  });

  it.each([
    ['', 'p', /1 to 255 bytes .*got 0/],
    ['ä'.repeat(128), 'p', /1 to 255 bytes .*got 256/],
    ['u', 'x'.repeat(256), /at most 255 bytes .*got 256/],
  ])('refuses lengths that do not fit [CU-01]', (username, password, message) => {
    expect(() => socks5Credentials(username, password)).toThrow(error('ERR_SOCKS5_FORMAT', message));
  });
});

describe('checkCredentialsStatus', () => {
  it('accepts status 0 of version 1 only (RFC 1929 §2) [CU-01]', () => {
    checkCredentialsStatus(bytes(1, 0));
    expect(() => checkCredentialsStatus(bytes(1, 1))).toThrow(refused(/credentials \(status 0x01\)/));
    expect(() => checkCredentialsStatus(bytes(5, 0))).toThrow(
      broken(/authentication version is 0x05, not 0x01/),
    );
    expect(() => checkCredentialsStatus(bytes(1))).toThrow(broken());
  });
});

describe('socks5ConnectRequest', () => {
  it.each([
    ['192.0.2.1', 80, '05010001c00002010050'],
    ['::', 1, '0501000400000000000000000000000000000000' + '0001'],
    ['::1', 443, '0501000400000000000000000000000000000001' + '01bb'],
    ['2001:db8::8:800:200c:417a', 65_535, '0501000420010db80000000000080800200c417a' + 'ffff'],
    ['2001:db8::', 80, '0501000420010db8000000000000000000000000' + '0050'],
    ['1:2:3:4:5:6:7:8', 80, '0501000400010002000300040005000600070008' + '0050'],
    ['::ffff:192.0.2.1', 80, '0501000400000000000000000000ffffc0000201' + '0050'],
    ['a.example', 80, `0501000309${hex(Buffer.from('a.example'))}0050`],
  ])('encodes %s port %i (RFC 1928 §4) [CU-01]', (host, port, expected) => {
    expect(hex(socks5ConnectRequest(host, port))).toBe(expected);
  });

  it('sends names of up to 255 bytes [CU-01]', () => {
    expect(socks5ConnectRequest('x'.repeat(255), 80).length).toBe(262);
  });

  it.each<[string, number]>([
    ['x'.repeat(256), 80],
    ['', 80],
    ['a b', 80],
    ['bücher.example', 80],
    ['fe80::1%eth0', 80],
    ['a.example', 0],
    ['a.example', 65_536],
    ['a.example', Number.NaN],
    ['a.example', 1.5],
  ])('refuses %s port %d [CU-01]', (host, port) => {
    expect(() => socks5ConnectRequest(host, port)).toThrow(error('ERR_SOCKS5_FORMAT'));
  });
});

describe('replyAddressBytes', () => {
  it('says how long the address is (RFC 1928 §6) [CU-01]', () => {
    expect(replyAddressBytes(bytes(5, 0, 0, 1))).toBe(4);
    expect(replyAddressBytes(bytes(5, 0, 0, 4))).toBe(16);
    expect(replyAddressBytes(bytes(5, 0, 0, 3))).toBe(LENGTH_FOLLOWS);
  });

  it.each([
    [1, 'general SOCKS server failure'],
    [2, 'connection not allowed by ruleset'],
    [3, 'Network unreachable'],
    [4, 'Host unreachable'],
    [5, 'Connection refused'],
    [6, 'TTL expired'],
    [7, 'Command not supported'],
    [8, 'Address type not supported'],
    [9, 'an unassigned code'],
    [255, 'an unassigned code'],
  ])('refuses reply %i: %s [CU-01]', (reply, words) => {
    expect(() => replyAddressBytes(bytes(5, reply, 0, 0))).toThrow(refused(words));
    expect(() => replyAddressBytes(bytes(5, reply, 0, 0))).toThrow(expect.objectContaining({ reply }));
  });

  it('refuses other versions, address types and lengths [CU-01]', () => {
    expect(() => replyAddressBytes(bytes(4, 0, 0, 1))).toThrow(broken(/version/));
    expect(() => replyAddressBytes(bytes(0, 90, 0, 1))).toThrow(broken(/version/));
    expect(() => replyAddressBytes(bytes(5, 0, 0, 2))).toThrow(broken(/address type 0x02/));
    expect(() => replyAddressBytes(bytes(5, 0, 0))).toThrow(broken(/4 bytes, got 3/));
  });
});
