import { describe, expect, it } from 'vitest';
import { parseDate } from './date.ts';
import { Refusal } from './refusal.ts';

describe('parseDate', () => {
  // The formats of Tornado, each in the time zone of the process.
  it.each([
    ['Fri Jul 31 12:34:56 2026', new Date(2026, 6, 31, 12, 34, 56)],
    ['2026-07-31 12:34:56', new Date(2026, 6, 31, 12, 34, 56)],
    ['2026-07-31 12:34', new Date(2026, 6, 31, 12, 34)],
    ['2026-07-31T12:34', new Date(2026, 6, 31, 12, 34)],
    ['20260731 12:34:56', new Date(2026, 6, 31, 12, 34, 56)],
    ['20260731 12:34', new Date(2026, 6, 31, 12, 34)],
    ['2026-07-31', new Date(2026, 6, 31)],
    ['20260731', new Date(2026, 6, 31)],
    ['2026-07-31T12:34:56.7', new Date(2026, 6, 31, 12, 34, 56, 700)],
  ])('reads %j as local time [OP-01]', (text, date) => {
    expect(parseDate(text, false)).toEqual(date);
  });

  it.each([
    ['2026-07-31T12:00Z', '2026-07-31T12:00:00.000Z'],
    ['2026-07-31T12:00:01+02:00', '2026-07-31T10:00:01.000Z'],
    ['2026-07-31 12:00 -0530', '2026-07-31T17:30:00.000Z'],
    ['0099-01-01T00:00Z', '0099-01-01T00:00:00.000Z'],
    ['2024-02-29T00:00Z', '2024-02-29T00:00:00.000Z'],
  ])('reads %j in its zone', (text, iso) => {
    expect((parseDate(text, false) as Date).toISOString()).toBe(iso);
  });

  it('reads a date without a zone as UTC if wanted', () => {
    expect((parseDate('2026-07-31', true) as Date).toISOString()).toBe('2026-07-31T00:00:00.000Z');
    expect((parseDate('Fri Jul  3 01:02:03 2026', true) as Date).toISOString()).toBe(
      '2026-07-03T01:02:03.000Z',
    );
  });

  it.each([
    '',
    'today',
    '2026',
    '2026-13-01',
    '2026-02-30',
    '2026-00-10',
    '2026-07-31T24:00',
    '2026-07-31T12:60',
  ])('refuses %j', (text) => {
    for (const utc of [true, false]) expect(parseDate(text, utc)).toBeInstanceOf(Refusal);
  });

  it.each([
    '31.07.2026',
    '07/31/2026',
    '2026-7-31',
    'Fri Foo 31 12:34:56 2026',
    '1785499200',
    '2026-07-31T12Z',
  ])('refuses %j, which other programs read differently', (text) => {
    expect(parseDate(text, false)).toBeInstanceOf(Refusal);
  });

  it('refuses a time without a date', () => {
    expect(parseDate('12:34', false)).toMatchObject({ remedy: 'write the date before the time' });
  });
});
