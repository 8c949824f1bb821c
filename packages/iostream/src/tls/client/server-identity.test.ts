import { describe, expect, it } from 'vitest';
import { serverIdentity } from './server-identity.ts';

describe('serverIdentity', () => {
  it.each([
    ['example.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['localhost', 'localhost'],
    ['bücher.example', 'xn--bcher-kva.example'],
  ])('sends the name %s, without a trailing dot and in ASCII', (name, expected) => {
    expect(serverIdentity(name)).toEqual({ host: expected, servername: expected, isAddress: false });
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('sends no name for the address %s (RFC 6066 §3)', (name, expected) => {
    expect(serverIdentity(name)).toEqual({ host: expected, servername: '', isAddress: true });
  });

  it.each(['010.2.3.4', '+10.2.3.4', '10.2.3', '0x0a020304'])(
    'takes %s for a name, since it is not the numeric form of an address',
    (name) => {
      expect(serverIdentity(name)).toEqual({ host: name, servername: name, isAddress: false });
    },
  );

  it.each([
    ...['', '.', 'a b', 'good.example\0.evil.example', 'a\n', 'a'.repeat(254), undefined, 7],
    ...['.example.com', 'a..example.com', 'example.com..'],
  ])('refuses %j', (name) => {
    expect(() => serverIdentity(name)).toThrow(
      expect.objectContaining({
        code: 'ERR_STREAM_USAGE',
        message: expect.stringContaining('servername must be a host name'),
      }),
    );
  });
});
