// When a file that is rotated by time begins anew, and what its backups are called. Pure: the time is an argument.

/**
 * The period of one file, with the names of Tornado and Python: seconds, minutes, hours, days (`D` and `midnight` are
 * the same), or weeks that begin on a weekday, `W0` being Monday.
 */
export type LogRotateWhen =
  | ('S' | 'M' | 'H' | 'D' | 'midnight')
  | ('W0' | 'W1' | 'W2' | 'W3' | 'W4' | 'W5' | 'W6');

export const LOG_ROTATE_WHEN: readonly LogRotateWhen[] = [
  ...(['S', 'M', 'H', 'D', 'midnight'] as const),
  ...(['W0', 'W1', 'W2', 'W3', 'W4', 'W5', 'W6'] as const),
];

export interface RotationPeriod {
  readonly when: LogRotateWhen;
  /** The number of units in one period, 1 or more. */
  readonly interval: number;
  /** Whether days begin in UTC, and not in the time zone of the process. */
  readonly utc: boolean;
}

/** A period of time, in milliseconds since the Unix epoch. */
export interface LogPeriod {
  readonly start: number;
  /** The first moment after it. */
  readonly end: number;
}

const DAY_MS = 86_400_000;
const UNIT_MS = { S: 1_000, M: 60_000, H: 3_600_000 } as const;
/** January 5, 1970, the first Monday, in days since the Unix epoch. */
const FIRST_MONDAY = 4;

/**
 * Returns the period that `time` is in. Periods begin at round times: every 6 hours, for example, at 0:00, 6:00, 12:00
 * and 18:00. Those within a day begin anew at midnight, so the last of a day may be shorter.
 */
export function periodAt(time: number, { when, interval, utc }: RotationPeriod): LogPeriod {
  if (when === 'S' || when === 'M' || when === 'H') return periodInDay(time, UNIT_MS[when] * interval, utc);
  const day = dayOf(time, utc);
  const isDaily = when === 'D' || when === 'midnight';
  const days = isDaily ? interval : interval * 7;
  const offset = isDaily ? 0 : FIRST_MONDAY + Number(when[1]);
  const first = day - modulo(day - offset, days);
  return { start: midnight(first, utc), end: midnight(first + days, utc) };
}

function periodInDay(time: number, lengthMs: number, utc: boolean): LogPeriod {
  const day = dayOf(time, utc);
  const dayStart = midnight(day, utc);
  // Elapsed time, so that every period has its length, also on the days when the clocks change.
  const start = dayStart + Math.floor((time - dayStart) / lengthMs) * lengthMs;
  return { start, end: Math.min(start + lengthMs, midnight(day + 1, utc)) };
}

/** The date as days since the Unix epoch. */
function dayOf(time: number, utc: boolean): number {
  const date = new Date(time);
  if (utc) return Math.floor(time / DAY_MS);
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY_MS;
}

function midnight(day: number, utc: boolean): number {
  if (utc) return day * DAY_MS;
  const date = new Date(day * DAY_MS);
  return new Date(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()).getTime();
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

/**
 * Returns what is appended to the name of a file when its period is over: the start of the period, as exactly as the
 * unit needs, such as `2026-07-31` or `2026-07-31_13-05`.
 */
export function stampOf(start: number, { when, utc }: Pick<RotationPeriod, 'when' | 'utc'>): string {
  const date = new Date(start);
  const fields = utc
    ? [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()]
    : [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const times = utc
    ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getHours(), date.getMinutes(), date.getSeconds()];
  const count = when === 'S' ? 3 : when === 'M' ? 2 : when === 'H' ? 1 : 0;
  const day = fields.map((field) => String(field).padStart(2, '0')).join('-');
  const time = times.slice(0, count).map((field) => String(field).padStart(2, '0'));
  return time.length === 0 ? day : `${day}_${time.join('-')}`;
}

/** A stamp, with a number if several files have it. */
export const STAMP = /^\d{4,}-\d\d-\d\d(?:_\d\d(?:-\d\d){0,2})?(?:\.(\d{1,4}))?$/;
