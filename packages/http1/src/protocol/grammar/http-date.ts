import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { Http1UsageError } from './errors.ts';

/** The last millisecond of the year 9999: the year of an IMF-fixdate has four digits. */
const MAX_MS = 253_402_300_799_999;
/** The first millisecond of the year 0. */
const MIN_MS = -62_167_219_200_000;

/**
 * Formats a time as IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
 *
 * @param time - a Date, or milliseconds since 1970 UTC, in the years 0 to 9999; fractions of a second are dropped.
 * @throws Http1UsageError `ERR_HTTP1_USAGE` if the time is outside of those years.
 */
export function formatHttpDate(time: number | Date): string {
  const epochMs = Number(time);
  if (!(epochMs >= MIN_MS && epochMs <= MAX_MS)) {
    throw new Http1UsageError(
      'ERR_HTTP1_USAGE',
      `formatHttpDate: time must be in the years 0 to 9999, got ${epochMs} ms`,
    );
  }
  // ECMAScript defines toUTCString to return exactly this form (§21.4.4.43).
  return new Date(epochMs).toUTCString();
}

/** Formats the current time at most once per second. A server needs only one instance. The caller passes the time. */
export class HttpDateCache {
  #second = Number.NaN;
  #text = '';

  /** Returns the date at `epochMs`: the same string object for all calls within one second. */
  at(epochMs: number): string {
    const second = Math.floor(epochMs / 1000);
    if (second !== this.#second) {
      this.#text = formatHttpDate(epochMs);
      this.#second = second;
    }
    return this.#text;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ last: this.#text }));
  }
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)';
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})';

/**
 * RFC 9110 §5.6.7: IMF-fixdate, which is the only form that may be sent, and the two obsolete forms that recipients
 * must accept.
 */
const FORMS = [
  new RegExp(`^${DAY}, (?<day>\\d{2}) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^${LONG_DAY}, (?<day>\\d{2})-${MONTH}-(?<year>\\d{2}) ${TIME} GMT$`),
  new RegExp(`^${DAY} ${MONTH} (?<day>\\d{2}| \\d) ${TIME} (?<year>\\d{4})$`),
];

/** How many years in the future a two-digit year may be. */
const MAX_YEARS_AHEAD = 50;

/**
 * Parses an HTTP date in one of the three forms of RFC 9110 §5.6.7: case-sensitive, without surrounding white space.
 * The name of the weekday must be valid, but is not compared with the date: no rule says which of the two takes
 * precedence.
 *
 * @param nowMs - the current time in milliseconds since 1970. A two-digit year is interpreted as the latest matching
 *   year that is at most 50 years in the future.
 * @returns milliseconds since 1970 UTC, negative before 1970; undefined for an invalid date, which a recipient must
 *   ignore.
 * @throws Http1UsageError `ERR_HTTP1_USAGE` if `nowMs` is invalid.
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  const now = new Date(nowMs);
  if (Number.isNaN(now.getTime())) {
    throw new Http1UsageError(
      'ERR_HTTP1_USAGE',
      `parseHttpDate: nowMs must be a time in milliseconds, got ${nowMs}`,
    );
  }
  for (const form of FORMS) {
    const parts = form.exec(text)?.groups;
    if (parts !== undefined) return timeOf(parts, now);
  }
  return undefined;
}

function timeOf(parts: Record<string, string | undefined>, now: Date): number | undefined {
  const hour = Number(parts.hour);
  const minute = Number(parts.minute);
  const second = Number(parts.second);
  // A leap second is converted to the first second of the next day.
  const isLeap = second === 60 && minute === 59 && hour === 23;
  if (hour > 23 || minute > 59 || (second > 59 && !isLeap)) return undefined;
  const withinDay = ((hour * 60 + minute) * 60 + second) * 1000;
  const month = MONTHS.indexOf(parts.month as string);
  const day = Number(parts.day);
  const year = parts.year as string;
  const date =
    year.length === 2 ? nearDate(Number(year), month, day, withinDay, now) : dateOf(Number(year), month, day);
  // If the month does not have that day, Date has returned a day of the next month.
  return date.getUTCDate() === day ? date.getTime() + withinDay : undefined;
}

/** Returns the latest date whose year ends in `twoDigits` and that is not more than 50 years in the future. */
function nearDate(twoDigits: number, month: number, day: number, withinDay: number, now: Date): Date {
  const latest = new Date(now);
  latest.setUTCFullYear(now.getUTCFullYear() + MAX_YEARS_AHEAD);
  const year = Math.floor(latest.getUTCFullYear() / 100) * 100 + twoDigits;
  const date = dateOf(year, month, day);
  return date.getTime() + withinDay > latest.getTime() ? dateOf(year - 100, month, day) : date;
}

/** Does not use `Date.UTC`, which changes the years 0 to 99 to 1900 to 1999. */
function dateOf(year: number, month: number, day: number): Date {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date;
}
