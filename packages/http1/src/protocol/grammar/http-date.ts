import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { Http1UsageError } from './errors.ts';

/** The last millisecond of the year 9999: IMF-fixdate has four digits for the year. */
const MAX_MS = 253_402_300_799_999;
/** The first millisecond of the year 0. */
const MIN_MS = -62_167_219_200_000;

/**
 * Formats a time as IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
 *
 * @param time - a date, or milliseconds since 1970 UTC, in the years 0 to 9999; fractions of a second are dropped.
 * @throws Http1UsageError `ERR_HTTP1_USAGE` outside of those years.
 */
export function formatHttpDate(time: number | Date): string {
  const epochMs = Number(time);
  if (!(epochMs >= MIN_MS && epochMs <= MAX_MS)) {
    throw new Http1UsageError('ERR_HTTP1_USAGE', `no HTTP date can say ${epochMs} ms`);
  }
  // ECMAScript defines exactly this form for toUTCString (§21.4.4.43).
  return new Date(epochMs).toUTCString();
}

/** Formats the present once a second. One for a whole server is enough; it has no clock of its own. */
export class HttpDateCache {
  #second = Number.NaN;
  #text = '';

  /** The date at `epochMs`: the same string for every call within one second. */
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

/** RFC 9110 §5.6.7: IMF-fixdate, which is all that may be sent, and the two obsolete forms that must be understood. */
const FORMS = [
  new RegExp(`^${DAY}, (?<day>\\d{2}) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^${LONG_DAY}, (?<day>\\d{2})-${MONTH}-(?<year>\\d{2}) ${TIME} GMT$`),
  new RegExp(`^${DAY} ${MONTH} (?<day>\\d{2}| \\d) ${TIME} (?<year>\\d{4})$`),
];

/** How far ahead a year of two digits may be. */
const MAX_YEARS_AHEAD = 50;

/**
 * Reads an HTTP date in one of the three forms of RFC 9110 §5.6.7, case-sensitively and without white space around it.
 * The name of the day must be one, and is not compared with the date: no rule says which of the two would count.
 *
 * @param nowMs - milliseconds since 1970. A year of two digits is the latest one that is not more than 50 years after.
 * @returns milliseconds since 1970 UTC, negative before; undefined for what is no date, which a recipient ignores.
 * @throws Http1UsageError `ERR_HTTP1_USAGE` when `nowMs` is no time.
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  const now = new Date(nowMs);
  if (Number.isNaN(now.getTime())) {
    throw new Http1UsageError('ERR_HTTP1_USAGE', `parseHttpDate: ${nowMs} is no time`);
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
  // A leap second is the first one of the next day.
  const isLeap = second === 60 && minute === 59 && hour === 23;
  if (hour > 23 || minute > 59 || (second > 59 && !isLeap)) return undefined;
  const withinDay = ((hour * 60 + minute) * 60 + second) * 1000;
  const month = MONTHS.indexOf(parts.month as string);
  const day = Number(parts.day);
  const year = parts.year as string;
  const date =
    year.length === 2 ? nearDate(Number(year), month, day, withinDay, now) : dateOf(Number(year), month, day);
  // A day that the month does not have has become one of another month.
  return date.getUTCDate() === day ? date.getTime() + withinDay : undefined;
}

/** The latest such day in a year of these two last digits that is not too far in the future. */
function nearDate(twoDigits: number, month: number, day: number, withinDay: number, now: Date): Date {
  const latest = new Date(now);
  latest.setUTCFullYear(now.getUTCFullYear() + MAX_YEARS_AHEAD);
  const year = Math.floor(latest.getUTCFullYear() / 100) * 100 + twoDigits;
  const date = dateOf(year, month, day);
  return date.getTime() + withinDay > latest.getTime() ? dateOf(year - 100, month, day) : date;
}

/** `Date.UTC` would take the years 0 to 99 for 1900 to 1999. */
function dateOf(year: number, month: number, day: number): Date {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date;
}
