import { describe, expect, it } from 'vitest';
import { Refusal } from './refusal.ts';
import { formatSize, parseSize } from './size.ts';

describe('parseSize', () => {
  it.each([
    ['0', 0],
    ['512', 512],
    ['512B', 512],
    ['1 byte', 1],
    ['10 bytes', 10],
    ['10KB', 10_000],
    ['10kb', 10_000],
    ['10KiB', 10_240],
    ['10 MiB', 10_485_760],
    ['1.5GB', 1_500_000_000],
    ['.5MiB', 524_288],
    ['2TiB', 2 * 1_024 ** 4],
    ['1PB', 1e15],
    ['1.1KiB', 1_126],
  ])('reads %j', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    '',
    'MiB',
    '-1',
    '+1',
    '1e3',
    '1,5MB',
    '10MiBs',
    '10 Mi B',
    '1ZB',
    '0x10',
    '10MB 5KB',
    '1'.repeat(1_000),
  ])('refuses %j', (text) => {
    expect(parseSize(text)).toBeInstanceOf(Refusal);
  });

  it('refuses a prefix without a unit, which is used in two senses, and says what to write', () => {
    expect(parseSize('10M')).toMatchObject({ remedy: 'write 10MiB or 10MB' });
    expect(parseSize('10Mi')).toMatchObject({ remedy: 'write 10MiB or 10MB' });
  });
});

describe('formatSize', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [1_023, '1023 bytes'],
    [1_024, '1KiB'],
    [1_000, '1KB'],
    [104_857_600, '100MiB'],
    [1_500_000_000, '1.5GB'],
    [1_234_567, '1234567 bytes'],
  ])('writes %d as %j, which reads as the same', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
    expect(parseSize(text)).toBe(bytes);
  });
});
