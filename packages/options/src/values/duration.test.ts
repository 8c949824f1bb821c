import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';
import { Refusal } from './refusal.ts';

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1h 30m', 5_400_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    [' 2 d ', 172_800_000],
    ['1w', 604_800_000],
    ['1D 2H', 93_600_000],
    ['10 minutes', 600_000],
    ['1 hour 2 min 3 sec 4 msec', 3_723_004],
    ['0', 0],
    ['0s', 0],
  ])('reads %j', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    '',
    ' ',
    's',
    '1x',
    '1h 30',
    '30 1h',
    '30m 1h',
    '1h 1h',
    '-1s',
    '+1s',
    '1e3s',
    '1,5s',
    '1h;',
    'NaN',
    '∞',
  ])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeInstanceOf(Refusal);
  });

  it('refuses a number without a unit, and says what to write', () => {
    expect(parseDuration('30')).toMatchObject({ remedy: 'write 30s or 30ms' });
  });

  it('takes a number without a unit in the unit that is declared', () => {
    expect(parseDuration('30', 's')).toBe(30_000);
    expect(parseDuration('1.5', 'm')).toBe(90_000);
    expect(parseDuration('1h', 's')).toBe(3_600_000);
  });

  it('takes linear time for a text of any length', () => {
    expect(parseDuration('1'.repeat(100_000))).toBeInstanceOf(Refusal);
    expect(parseDuration('1h'.repeat(100_000))).toBeInstanceOf(Refusal);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [500, '500ms'],
    [0.5, '0.5ms'],
    [30_000, '30s'],
    [5_400_000, '1h 30m'],
    [694_861_001, '1w 1d 1h 1m 1s 1ms'],
  ])('writes %d ms as %j, which reads as the same', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
    expect(parseDuration(text)).toBe(ms);
  });
});
