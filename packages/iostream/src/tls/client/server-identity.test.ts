import { describe, expect, it } from 'vitest';
import { serverIdentity } from './server-identity.ts';

describe('serverIdentity', () => {
  it.each([
    ['example.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['localhost', 'localhost'],
    ['bücher.example', 'xn--bcher-kva.example'],
  ])('sends the name %s, without a trailing dot and in ASCII', (name, expected) => {
    expect(serverIdentity(name)).toEqual({ host: expected, servername: expected });
  });

  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('sends no name for the address %s (RFC 6066 §3)', (name, expected) => {
    expect(serverIdentity(name)).toEqual({ host: expected, servername: '' });
  });

  it.each(['', '.', 'a b', 'good.example\0.evil.example', 'a\n', 'a'.repeat(254), undefined, 7])(
    'refuses %j',
    (name) => {
      expect(() => serverIdentity(name)).toThrow(
        expect.objectContaining({
          code: 'ERR_STREAM_USAGE',
          message: expect.stringContaining('servername must be a host name'),
        }),
      );
    },
  );
});
