import { Refusal } from './refusal.ts';

/** `2026-07-31`, `20260731`, with a time after `T` or a space, with seconds, milliseconds and a zone if wanted. */
const ISO =
  /^(\d{4})(?:-(\d\d)-(\d\d)|(\d\d)(\d\d))(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?\s?(Z|[+-]\d\d:?\d\d)?)?$/i;
/** `Fri Jul 31 12:00:00 2026`, as `date` and C print it. */
const CTIME = /^[a-z]{3} ([a-z]{3}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})$/i;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const TIME_ONLY = /^\d{1,2}:\d\d(?::\d\d)?$/;

const EXPECTED = 'a date such as 2026-07-31 or 2026-07-31T12:00Z';

/**
 * Parses a date in the formats that Tornado accepts, and in ISO 8601 with seconds, fractions and a zone. A time without
 * a date is refused.
 *
 * @param utc - whether a date without a zone is in UTC, and not in the time zone of the process.
 */
export function parseDate(text: string, utc: boolean): Date | Refusal {
  const trimmed = text.trim();
  if (TIME_ONLY.test(trimmed)) return new Refusal(EXPECTED, 'write the date before the time');
  const parts = isoParts(trimmed) ?? ctimeParts(trimmed);
  if (parts === undefined) return new Refusal(EXPECTED);
  const { zone, fields } = parts;
  const date = zone === undefined && !utc ? localDate(fields) : utcDate(fields);
  if (date === undefined) return new Refusal('a date that is in the calendar');
  if (zone !== undefined) date.setTime(date.getTime() - zone * 60_000);
  return date;
}

/** Year, month (0 to 11), day, hour, minute, second, millisecond. */
type Fields = readonly [number, number, number, number, number, number, number];

interface DateParts {
  readonly fields: Fields;
  /** Minutes east of UTC. */
  readonly zone: number | undefined;
}

function isoParts(text: string): DateParts | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [, year, dashedMonth, dashedDay, month, day, hour, minute, second, fraction = '', zone] = match;
  const [h, m, s] = [hour, minute, second].map((part) => Number(part ?? 0)) as [number, number, number];
  const ms = Number(fraction.padEnd(3, '0') || 0);
  const date = [Number(year), Number(dashedMonth ?? month) - 1, Number(dashedDay ?? day)] as const;
  return { fields: [...date, h, m, s, ms], zone: minutesEast(zone) };
}

function minutesEast(zone: string | undefined): number | undefined {
  if (zone === undefined) return undefined;
  if (zone === 'Z' || zone === 'z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return zone.startsWith('-') ? -minutes : minutes;
}

function ctimeParts(text: string): DateParts | undefined {
  const [match, name = '', day, hour, minute, second, year] = CTIME.exec(text) ?? [];
  const month = MONTHS.indexOf(name.toLowerCase());
  if (match === undefined || month === -1) return undefined;
  const date = [Number(year), month, Number(day)] as const;
  return { fields: [...date, Number(hour), Number(minute), Number(second), 0], zone: undefined };
}

/** `undefined` if a field is out of range: `Date` would silently count February 30 as March 2. */
function localDate([year, month, day, hour, minute, second, ms]: Fields): Date | undefined {
  const date = new Date(2000, month, day, hour, minute, second, ms);
  date.setFullYear(year, month, day); // the constructor takes the years 0 to 99 for 1900 to 1999
  // Hours are not compared: one that the clock skips in spring is the hour after it.
  return date.getMonth() === month && date.getDate() === day && isTime(hour, minute, second)
    ? date
    : undefined;
}

function utcDate([year, month, day, hour, minute, second, ms]: Fields): Date | undefined {
  const date = new Date(Date.UTC(2000, month, day, hour, minute, second, ms));
  date.setUTCFullYear(year, month, day);
  return date.getUTCMonth() === month && date.getUTCDate() === day && isTime(hour, minute, second)
    ? date
    : undefined;
}

function isTime(hour: number, minute: number, second: number): boolean {
  return hour < 24 && minute < 60 && second < 60;
}
