import { describe, expect, it } from 'vitest';
import { LOG_ROTATE_WHEN, type LogRotateWhen, periodAt, STAMP, stampOf } from './rotation-times.ts';

const at = (text: string): number => new Date(`${text}Z`).getTime();
const text = (time: number): string => new Date(time).toISOString().slice(0, 19);

describe('periodAt', () => {
  // July 31, 2026 is a Friday.
  it.each<[LogRotateWhen, number, string, string]>([
    ['S', 1, '2026-07-31T13:05:07', '2026-07-31T13:05:08'],
    ['S', 30, '2026-07-31T13:05:00', '2026-07-31T13:05:30'],
    ['M', 1, '2026-07-31T13:05:00', '2026-07-31T13:06:00'],
    ['M', 15, '2026-07-31T13:00:00', '2026-07-31T13:15:00'],
    ['H', 1, '2026-07-31T13:00:00', '2026-07-31T14:00:00'],
    ['H', 6, '2026-07-31T12:00:00', '2026-07-31T18:00:00'],
    ['H', 10, '2026-07-31T10:00:00', '2026-07-31T20:00:00'],
    ['midnight', 1, '2026-07-31T00:00:00', '2026-08-01T00:00:00'],
    ['D', 1, '2026-07-31T00:00:00', '2026-08-01T00:00:00'],
    ['W0', 1, '2026-07-27T00:00:00', '2026-08-03T00:00:00'],
    ['W4', 1, '2026-07-31T00:00:00', '2026-08-07T00:00:00'],
    ['W5', 1, '2026-07-25T00:00:00', '2026-08-01T00:00:00'],
  ])('%s with an interval of %d begins at %s [LG-02]', (when, interval, start, end) => {
    const period = periodAt(at('2026-07-31T13:05:07.500'), { when, interval, utc: true });
    expect([text(period.start), text(period.end)]).toEqual([start, end]);
  });

  it('ends at midnight, though its length is not over', () => {
    const period = periodAt(at('2026-07-31T21:00:00'), { when: 'H', interval: 10, utc: true });
    expect([text(period.start), text(period.end)]).toEqual(['2026-07-31T20:00:00', '2026-08-01T00:00:00']);
  });

  it.each(LOG_ROTATE_WHEN)('of %s contains its time, and the next follows it without a gap', (when) => {
    for (const utc of [true, false]) {
      for (const interval of [1, 2, 7]) {
        let time = at('2026-01-01T00:00:00');
        for (let count = 0; count < 100; count += 1) {
          const { start, end } = periodAt(time, { when, interval, utc });
          expect(start).toBeLessThanOrEqual(time);
          expect(end).toBeGreaterThan(time);
          expect(periodAt(end - 1, { when, interval, utc })).toEqual({ start, end });
          expect(periodAt(end, { when, interval, utc }).start).toBe(end);
          time = end + Math.floor((end - start) / 3);
        }
      }
    }
  });

  it('begins at midnight of the process, also when the clocks change', () => {
    for (let day = 0; day < 366; day += 1) {
      const noon = new Date(2026, 0, 1 + day, 12).getTime();
      const { start, end } = periodAt(noon, { when: 'midnight', interval: 1, utc: false });
      expect(start).toBe(new Date(2026, 0, 1 + day).getTime());
      expect(end).toBe(new Date(2026, 0, 2 + day).getTime());
    }
  });
});

describe('stampOf', () => {
  it.each<[LogRotateWhen, string]>([
    ['S', '2026-07-31_13-05-07'],
    ['M', '2026-07-31_13-05'],
    ['H', '2026-07-31_13'],
    ['midnight', '2026-07-31'],
    ['W0', '2026-07-31'],
  ])('of %s is %s', (when, stamp) => {
    expect(stampOf(at('2026-07-31T13:05:07'), { when, utc: true })).toBe(stamp);
    expect(STAMP.test(stamp)).toBe(true);
    const local = new Date(2026, 6, 31, 13, 5, 7).getTime();
    expect(stampOf(local, { when, utc: false })).toBe(stamp);
  });
});
