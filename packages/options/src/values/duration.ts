import type { DurationUnit } from '../option-types.ts';
import { Refusal } from './refusal.ts';

const MS_OF_UNIT: Readonly<Record<DurationUnit, number>> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
};

export const DURATION_UNITS = Object.keys(MS_OF_UNIT) as readonly DurationUnit[];

/** Other names of the units, as Tornado and systemd have them. */
const ALIASES: Readonly<Record<string, DurationUnit>> = {
  ...{ week: 'w', weeks: 'w', day: 'd', days: 'd', hour: 'h', hours: 'h', hr: 'h' },
  ...{ min: 'm', minute: 'm', minutes: 'm', sec: 's', second: 's', seconds: 's' },
  ...{ msec: 'ms', millisecond: 'ms', milliseconds: 'ms' },
};

const PART = /\s*(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)/iy;
/** The longest text that can be a duration: one part for each unit. */
const MAX_CHARS = 200;

const EXPECTED = 'a duration such as 500ms, 30s or 1h 30m';

/**
 * Parses a duration: numbers with units, the largest unit first, such as `1h 30m`. 0 needs no unit.
 *
 * @param unit - that of a number without one; if `undefined`, such a number is refused, because people would take it
 *   for seconds as often as for milliseconds.
 * @returns milliseconds.
 */
export function parseDuration(text: string, unit?: DurationUnit): number | Refusal {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.length > MAX_CHARS) return new Refusal(EXPECTED);
  let total = 0;
  let least = Infinity;
  for (let at = 0; at < trimmed.length; at = PART.lastIndex) {
    PART.lastIndex = at;
    const [part, digits = '', word = ''] = PART.exec(trimmed) ?? [];
    if (part === undefined) return new Refusal(EXPECTED);
    if (word === '' && part.length === trimmed.length) return withoutUnit(Number(digits), unit);
    const factor = factorOf(word);
    // Every unit once, the largest first: 30m 1h and 1h 1h are more likely mistakes.
    if (factor === undefined || factor >= least) return new Refusal(EXPECTED);
    least = factor;
    total += Number(digits) * factor;
  }
  return total;
}

function withoutUnit(count: number, unit: DurationUnit | undefined): number | Refusal {
  if (count === 0) return 0;
  if (unit !== undefined) return count * MS_OF_UNIT[unit];
  return new Refusal('a duration with a unit', `write ${count}s or ${count}ms`);
}

function factorOf(word: string): number | undefined {
  const name = word.toLowerCase();
  const unit = Object.hasOwn(MS_OF_UNIT, name) ? name : ALIASES[name];
  return MS_OF_UNIT[unit as DurationUnit];
}

/** Formats milliseconds as a text that {@link parseDuration} reads: `1h 30m`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  let rest = ms;
  const parts: string[] = [];
  for (const [unit, factor] of Object.entries(MS_OF_UNIT)) {
    const count = unit === 'ms' ? Number(rest.toFixed(3)) : Math.floor(rest / factor);
    if (count === 0) continue;
    parts.push(`${count}${unit}`);
    rest -= count * factor;
  }
  return parts.join(' ');
}
