import { shownText, shownValue } from './shown-value.ts';

/**
 * The names of all options of an interface, each with the value `true`. The compiler reports names that are missing or
 * do not exist.
 *
 * @example
 * const SLEEP_OPTIONS: OptionNames<SleepOptions> = Object.freeze({ signal: true, clock: true });
 */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: true };

/** Maximum number of names that a message lists. */
const MAX_LISTED = 8;

/**
 * Checks that `options` is an object without unknown names. An option whose value is `undefined` is ignored, even if
 * its name is unknown. Costs one loop over the names that are present.
 *
 * @param known - the names, as {@link OptionNames}.
 * @returns the end of a message, such as `unknown option "timeout": did you mean "timeoutMs"?`; `undefined` if all
 *   names are known.
 */
export function optionsProblem(options: unknown, known: object): string | undefined {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return `an object of options was expected, not ${shownValue(options)}`;
  }
  // Includes inherited names, since reading an option also finds those of `Object.create(defaults)`.
  for (const name in options) {
    if ((known as Record<string, unknown>)[name] === true) continue;
    if ((options as Record<string, unknown>)[name] !== undefined) return unknownName(name, known);
  }
  return undefined;
}

/**
 * Returns only the options that one layer knows. For code that accepts the options of several layers in one object, and
 * has already checked all names.
 */
export function pickOptions<Options extends object>(
  options: NoInfer<Options>,
  known: OptionNames<Options>,
): Options {
  const picked: Partial<Options> = {};
  for (const name of Object.keys(known) as (keyof Options)[]) {
    if (options[name] !== undefined) picked[name] = options[name];
  }
  return picked as Options;
}

function unknownName(name: string, known: object): string {
  const names = Object.keys(known);
  const nearest = similarName(name, names);
  let remedy = '';
  if (nearest !== undefined) remedy = `: did you mean "${nearest}"?`;
  else if (names.length > 0 && names.length <= MAX_LISTED) remedy = ` (known: ${names.join(', ')})`;
  return `unknown option ${shownText(name)}${remedy}`;
}

/** Returns the name that was probably meant; `undefined` if none is similar. */
export function similarName(name: string, names: readonly string[]): string | undefined {
  const wanted = plain(name.slice(0, 64));
  let nearest: string | undefined;
  let least = Infinity;
  for (const candidate of names) {
    const distance = distanceOf(wanted, plain(candidate));
    if (distance < least) {
      nearest = candidate;
      least = distance;
    }
  }
  return least <= Math.max(PART_DISTANCE, Math.floor(wanted.length / 3)) ? nearest : undefined;
}

/** Treats `max_buffer_size` and `maxBufferSize` as equal, for readers who come from Python. */
function plain(name: string): string {
  return name.replace(/[_-]/g, '').toLowerCase();
}

/**
 * Maximum distance between two names if one begins with the other: larger than for one wrong letter, but still regarded
 * as similar.
 */
const PART_DISTANCE = 1.5;

function distanceOf(a: string, b: string): number {
  // A name without its unit, such as `timeout` for `timeoutMs`, or with an extra word, such as `hostname` for `host`.
  const isPart = a.length >= 3 && b.length >= 3 && (a.startsWith(b) || b.startsWith(a));
  if (isPart) return Math.min(Math.abs(a.length - b.length) / 3, PART_DISTANCE);
  return editDistance(a, b);
}

/**
 * Returns the number of insertions, deletions, replacements and swaps of neighbours that turn one text into the other.
 */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? at(before, j - 2) + 1 : Infinity;
      next.push(Math.min(replaced, swapped, at(row, j) + 1, at(next, j - 1) + 1));
    }
    before = row;
    row = next;
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] as number;
}
