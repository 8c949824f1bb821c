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
