import { describe, expect, it } from 'vitest';
import { isSameOrigin } from './same-origin.ts';

describe('isSameOrigin', () => {
  it.each([
    ['http://example.com', 'example.com', undefined],
    ['https://example.com', 'example.com', undefined],
    ['http://example.com', 'Example.COM', undefined],
    ['HTTP://EXAMPLE.com', 'example.com', undefined],
    ['http://example.com', 'example.com:80', undefined],
    ['https://example.com', 'example.com:443', true],
    ['https://example.com:443', 'example.com', true],
    ['http://example.com', 'example.com:', false],
    ['http://localhost:8888', 'localhost:8888', false],
    ['http://[::1]:8888', '[::1]:8888', undefined],
    ['http://[2001:DB8::1]', '[2001:db8::1]:80', undefined],
  ])('lets %s pass to %s (tls: %s)', (origin, host, tls) => {
    expect(isSameOrigin(origin, host, tls)).toBe(true);
  });

  it.each([
    ['null', 'null', undefined],
    ['', '', undefined],
    ['http://evil.example', 'example.com', undefined],
    ['http://example.com.evil.example', 'example.com', undefined],
    ['http://example.com@evil.example', 'evil.example', undefined],
    ['http://example.com:8080', 'example.com', undefined],
    ['https://example.com', 'example.com:80', undefined],
    ['http://example.com', 'example.com', true],
    ['https://example.com', 'example.com', false],
    ['http://example.com/', 'example.com', undefined],
    ['http://example.com/path', 'example.com', undefined],
    ['http://example.com, http://example.com', 'example.com', undefined],
    ['http://example.com http://evil.example', 'example.com', undefined],
    ['file://', '', undefined],
    ['app://example.com', 'example.com', undefined],
    ['//example.com', 'example.com', undefined],
    ['example.com', 'example.com', undefined],
    ['http://example.com\n', 'example.com', undefined],
    ['http://::1', '::1', undefined],
    ['http://example.com:999999', 'example.com:999999', undefined],
    ['http://', '', undefined],
  ])('stops %j on its way to %j (tls: %s)', (origin, host, tls) => {
    expect(isSameOrigin(origin, host, tls)).toBe(false);
  });

  it('is linear in a long origin', () => {
    const long = `http://${':'.repeat(1_000_000)}`;
    expect(isSameOrigin(long, long.slice(7))).toBe(false);
  });
});
