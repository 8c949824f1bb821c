import { describe, expect, it } from 'vitest';
import { internetAddress, isValidIp, normalizeIp, targetName } from './net-address.ts';

describe('isValidIp', () => {
  it.each(['127.0.0.1', '0.0.0.0', '::1', '::', 'fe80::1%eth0', '::ffff:1.2.3.4', '2001:db8::7'])(
    'accepts %s [NET-04]',
    (text) => {
      expect(isValidIp(text)).toBe(true);
    },
  );

  it.each([
    '',
    'localhost',
    '1.2.3',
    '256.1.1.1',
    '1.2.3.4\0',
    '\0',
    '[::1]',
    '::1::',
    '1.2.3.4 ',
    '4'.repeat(10_000),
  ])('refuses %j without a throw [NET-04]', (text) => {
    expect(isValidIp(text)).toBe(false);
  });

  it('refuses what is no string without a throw [NET-04]', () => {
    expect(isValidIp(undefined as unknown as string)).toBe(false);
  });
});

describe('normalizeIp', () => {
  it.each([
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:255.0.0.1', '255.0.0.1'],
    ['::ffff:7f00:1', '127.0.0.1'],
    ['::ffff:0:0', '0.0.0.0'],
    ['::1', '::1'],
    ['::ffff:1', '::ffff:1'],
    ['64:ff9b::1.2.3.4', '64:ff9b::1.2.3.4'],
    ['10.0.0.1', '10.0.0.1'],
  ])('makes %s %s', (given, expected) => {
    expect(normalizeIp(given)).toBe(expected);
  });
});

describe('internetAddress', () => {
  it('gives a v4-mapped peer the family IPv4', () => {
    expect(internetAddress('::ffff:1.2.3.4', 80)).toEqual({ family: 'IPv4', address: '1.2.3.4', port: 80 });
    expect(internetAddress('2001:db8::7', 80)).toEqual({ family: 'IPv6', address: '2001:db8::7', port: 80 });
  });
});

describe('targetName', () => {
  it.each([
    [{ address: '127.0.0.1', port: 80 }, '127.0.0.1:80'],
    [{ address: '::1', port: 80 }, '[::1]:80'],
    [{ path: '/run/a.sock' }, '/run/a.sock'],
    [{ path: '\0name' }, '@name'],
  ])('names %j as %s', (target, expected) => {
    expect(targetName(target)).toBe(expected);
  });
});
