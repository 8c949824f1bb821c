import { errorOf } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';

/**
 * How many formatters of one locale are kept. A program uses a few kinds, but in the time zone of each user. Each takes
 * some kilobytes, and tens of microseconds to make.
 */
const MAX_FORMATTERS = 200;

/** Makes formatters of `Intl` for one language, each once. */
export class Formatters {
  readonly #tag: string;
  readonly #made = new Map<string, unknown>();
  #glue: ((day: string, time: string) => string) | undefined;

  /** @param tag - the BCP 47 tag. */
  constructor(tag: string) {
    this.#tag = tag;
  }

  /** @throws WebUsageError `ERR_WEB_USAGE` if an option is invalid, such as an unknown time zone. As do all methods. */
  date(operation: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
    return this.#formatter(operation, 'date', options, () => new Intl.DateTimeFormat(this.#tag, options));
  }

  number(operation: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
    return this.#formatter(operation, 'number', options, () => new Intl.NumberFormat(this.#tag, options));
  }

  relative(operation: string, options: Intl.RelativeTimeFormatOptions): Intl.RelativeTimeFormat {
    return this.#formatter(
      operation,
      'relative',
      options,
      () => new Intl.RelativeTimeFormat(this.#tag, options),
    );
  }

  list(operation: string, options: Intl.ListFormatOptions): Intl.ListFormat {
    return this.#formatter(operation, 'list', options, () => new Intl.ListFormat(this.#tag, options));
  }

  /** Joins a day and a time, as in `Monday at 3:04 PM`: `Intl` does so only for dates that it formats itself. */
  dayAndTime(day: string, time: string): string {
    this.#glue ??= this.#makeGlue();
    return this.#glue(day, time);
  }

  #makeGlue(): (day: string, time: string) => string {
    // A date whose parts are all different, so that each is found.
    const sample = new Date(Date.UTC(2001, 10, 22, 13, 45));
    const [dateStyle, timeStyle, timeZone] = ['long', 'short', 'UTC'] as const;
    const format = (options: Intl.DateTimeFormatOptions): string =>
      this.date('formatDate', options).format(sample);
    const [day, time] = [format({ dateStyle, timeZone }), format({ timeStyle, timeZone })];
    const both = format({ dateStyle, timeStyle, timeZone });
    const [dayAt, timeAt] = [both.indexOf(day), both.indexOf(time)];
    if (dayAt === -1 || timeAt === -1) return (someDay, someTime) => `${someDay} ${someTime}`;
    const isDayFirst = dayAt < timeAt;
    const [first, second] = isDayFirst ? [day, time] : [time, day];
    const before = both.slice(0, Math.min(dayAt, timeAt));
    const between = both.slice(before.length + first.length, both.lastIndexOf(second));
    const after = both.slice(before.length + first.length + between.length + second.length);
    return (someDay, someTime) =>
      before + (isDayFirst ? someDay : someTime) + between + (isDayFirst ? someTime : someDay) + after;
  }

  #formatter<Formatter>(operation: string, kind: string, options: object, make: () => Formatter): Formatter {
    const key = `${kind} ${keyOf(options)}`;
    const known = this.#made.get(key) as Formatter | undefined;
    if (known !== undefined) return known;
    let formatter: Formatter;
    try {
      formatter = make();
    } catch (cause) {
      throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${errorOf(cause).message}`, { cause });
    }
    if (this.#made.size >= MAX_FORMATTERS) this.#made.clear();
    this.#made.set(key, formatter);
    return formatter;
  }
}

/** Options in the same order have the same key; those in another one only need another formatter. */
function keyOf(options: object): string {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
}
