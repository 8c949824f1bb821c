import type { OptionNames } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';
import type { Formatters } from './formatters.ts';

/** Where a date is shown. */
export interface TimeZoneOptions {
  /** The name of a time zone, such as `Europe/Berlin`. Default: the option `timeZone` of the `Locales`. */
  readonly timeZone?: string;
  /**
   * Instead of a time zone: the minutes from local time to UTC, as `new Date().getTimezoneOffset()` returns them in a
   * browser; -60 is an hour east of Greenwich. Default: none.
   */
  readonly gmtOffset?: number;
}

/** Options of `Locale.formatDate`. */
export interface FormatDateOptions extends TimeZoneOptions {
  /** Whether a date of the last 24 hours is shown as `5 minutes ago`, and the day before as `yesterday`. Default: true. */
  readonly relative?: boolean;
  /** Whether the time of day is left out of dates that are shown with their day. Default: false. */
  readonly shorter?: boolean;
  /** Whether to show day, month and year in any case: `July 10, 1980 at 3:04 PM`. Default: false. */
  readonly fullFormat?: boolean;
  /** Whether the time of day has 12 hours and `AM` or `PM`. Default: as usual in the locale. */
  readonly hour12?: boolean;
}

/** Options of `Locale.formatDay`. */
export interface FormatDayOptions extends TimeZoneOptions {
  /** Whether the day of the week is shown. Default: true. */
  readonly weekday?: boolean;
}

const FORMAT_DATE_OPTIONS: OptionNames<FormatDateOptions> = {
  relative: true,
  shorter: true,
  fullFormat: true,
  hour12: true,
  timeZone: true,
  gmtOffset: true,
};
const FORMAT_DAY_OPTIONS: OptionNames<FormatDayOptions> = { weekday: true, timeZone: true, gmtOffset: true };

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** The clocks of two computers differ by that much: a date that is later by less is shown as now. */
const MAX_SKEW_MS = MINUTE_MS;
/** From 50 seconds and 50 minutes on, the next unit is used. */
const UNITS = 50;
/** Within these days, the day of the week tells the date. */
const WEEKDAY_DAYS = 5;
/** Eleven months: after that, the month alone could be taken for that of this year. */
const YEAR_DAYS = 334;
/** The largest offset of a time zone is 14 hours. */
const MAX_OFFSET_MINUTES = 24 * 60;

/** What dates are formatted with. */
export interface DateRules {
  readonly formatters: Formatters;
  readonly timeZone: string;
  /** Undefined for the usual clock of the language. */
  readonly hour12: boolean | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
}

/** As Tornado's `format_date`, with texts of `Intl`. @throws WebUsageError `ERR_WEB_USAGE`. */
export function formatDate(date: Date | number, options: FormatDateOptions, rules: DateRules): string {
  webChecks.options('formatDate', options, FORMAT_DATE_OPTIONS);
  const { relative = true, shorter = false, hour12 = rules.hour12 } = options;
  let { fullFormat = false } = options;
  const zone = zoneOf('formatDate', options, rules);
  let dateMs = millisecondsOf('formatDate', date);
  if (dateMs > rules.nowMs) {
    if (relative && dateMs - rules.nowMs < MAX_SKEW_MS) dateMs = rules.nowMs;
    else fullFormat = true;
  }
  const elapsedMs = rules.nowMs - dateMs;
  if (!fullFormat && relative && elapsedMs < DAY_MS) return elapsed(elapsedMs, rules.formatters);
  const shown = new Shown(dateMs, zone, hour12, rules.formatters);
  if (!fullFormat && elapsedMs < DAY_MS) return shown.time();
  const day = dayText(shown, rules, { relative, fullFormat, elapsedMs });
  return shorter ? day : rules.formatters.dayAndTime(day, shown.time());
}

/** As Tornado's `format_day`. @throws WebUsageError `ERR_WEB_USAGE`. */
export function formatDay(date: Date | number, options: FormatDayOptions, rules: DateRules): string {
  webChecks.options('formatDay', options, FORMAT_DAY_OPTIONS);
  const { weekday = true } = options;
  const shown = new Shown(
    millisecondsOf('formatDay', date),
    zoneOf('formatDay', options, rules),
    undefined,
    rules.formatters,
  );
  return shown.day(
    weekday ? { weekday: 'long', month: 'long', day: 'numeric' } : { month: 'long', day: 'numeric' },
  );
}

/** Any format of `Intl.DateTimeFormat`. @throws WebUsageError `ERR_WEB_USAGE`. */
export function formatDateTime(
  date: Date | number,
  options: Intl.DateTimeFormatOptions,
  { formatters, timeZone }: DateRules,
): string {
  const milliseconds = millisecondsOf('formatDateTime', date);
  return formatters.date('formatDateTime', { timeZone, ...options }).format(milliseconds);
}

function dayText(
  shown: Shown,
  { formatters, nowMs }: DateRules,
  how: { readonly relative: boolean; readonly fullFormat: boolean; readonly elapsedMs: number },
): string {
  const days = Math.floor(how.elapsedMs / DAY_MS);
  if (how.fullFormat || days >= YEAR_DAYS)
    return shown.day({ year: 'numeric', month: 'long', day: 'numeric' });
  if (how.relative && days === 1 && shown.isDayOf(nowMs - DAY_MS)) {
    return formatters.relative('formatDate', { numeric: 'auto' }).format(-1, 'day');
  }
  return shown.day(days < WEEKDAY_DAYS ? { weekday: 'long' } : { month: 'long', day: 'numeric' });
}

function elapsed(elapsedMs: number, formatters: Formatters): string {
  const seconds = Math.floor(elapsedMs / SECOND_MS);
  // `0 seconds` is "now".
  const relative = formatters.relative('formatDate', { numeric: seconds === 0 ? 'auto' : 'always' });
  if (seconds < UNITS) return relative.format(-seconds, 'second');
  const minutes = elapsedMs / MINUTE_MS;
  if (minutes < UNITS) return relative.format(-Math.round(minutes), 'minute');
  return relative.format(-Math.round(elapsedMs / HOUR_MS), 'hour');
}

/** A time zone, or a fixed difference to UTC. */
interface Zone {
  readonly timeZone: string;
  readonly shiftMs: number;
}

/** A date in a zone. */
class Shown {
  readonly #dateMs: number;
  readonly #zone: Zone;
  readonly #hour12: boolean | undefined;
  readonly #formatters: Formatters;

  constructor(dateMs: number, zone: Zone, hour12: boolean | undefined, formatters: Formatters) {
    this.#dateMs = dateMs;
    this.#zone = zone;
    this.#hour12 = hour12;
    this.#formatters = formatters;
  }

  day(options: Intl.DateTimeFormatOptions): string {
    return this.#format(this.#dateMs, options);
  }

  time(): string {
    const clock = this.#hour12 === undefined ? {} : { hour12: this.#hour12 };
    return this.#format(this.#dateMs, { timeStyle: 'short', ...clock });
  }

  /** Whether another time is on the same day of the month. */
  isDayOf(otherMs: number): boolean {
    return this.day({ day: 'numeric' }) === this.#format(otherMs, { day: 'numeric' });
  }

  #format(dateMs: number, options: Intl.DateTimeFormatOptions): string {
    const { timeZone, shiftMs } = this.#zone;
    return this.#formatters.date('formatDate', { ...options, timeZone }).format(dateMs - shiftMs);
  }
}

function zoneOf(operation: string, { timeZone, gmtOffset }: TimeZoneOptions, rules: DateRules): Zone {
  if (gmtOffset === undefined) return { timeZone: timeZone ?? rules.timeZone, shiftMs: 0 };
  if (timeZone !== undefined) {
    throw webChecks.wrong(operation, 'either timeZone or gmtOffset', gmtOffset);
  }
  webChecks.number(operation, 'gmtOffset', gmtOffset, -MAX_OFFSET_MINUTES, MAX_OFFSET_MINUTES);
  return { timeZone: 'UTC', shiftMs: gmtOffset * MINUTE_MS };
}

/** ECMA-262: the largest time value. */
const MAX_TIME_MS = 8.64e15;

function millisecondsOf(operation: string, date: unknown): number {
  const milliseconds = date instanceof Date ? date.getTime() : date;
  // A day less, so that an offset cannot exceed the limit.
  const isValid = typeof milliseconds === 'number' && Math.abs(milliseconds) <= MAX_TIME_MS - DAY_MS;
  if (isValid) return milliseconds;
  throw webChecks.wrong(operation, 'a valid Date, or milliseconds since the Unix epoch,', date);
}
