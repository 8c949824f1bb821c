import { type OptionNames, optionsProblem } from './option-names.ts';
import { shownValue } from './shown-value.ts';

/** The longest delay that Node's timers support. A timer with a longer delay fires immediately. */
export const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Checks options and arguments for one layer, which supplies the error to throw. Each message names the operation, the
 * option, the expected value and the actual value:
 * `TCPServer: backlog: a whole number of 1 or more was expected, not 0`.
 *
 * Each check returns the value. `undefined` is refused like any other value of the wrong type, so fill in defaults
 * first.
 *
 * @example
 * const checks = new ArgumentChecks((problem) => new StreamUsageError('ERR_STREAM_USAGE', problem));
 * checks.options('listen', options, LISTEN_OPTIONS);
 * checks.wholeNumber('listen', 'backlog', options.backlog ?? 511, 1);
 */
export class ArgumentChecks<Refusal extends Error = Error> {
  readonly #errorOf: (problem: string) => Refusal;

  /** @param errorOf - creates the layer's error from its message. */
  constructor(errorOf: (problem: string) => Refusal) {
    this.#errorOf = errorOf;
  }

  /** Returns the error for an invalid value; the caller throws it. @param expected - such as `a clock`. */
  wrong(operation: string, expected: string, value: unknown): Refusal {
    return this.#errorOf(`${operation}: ${expected} was expected, not ${shownValue(value)}`);
  }

  /**
   * Refuses a value that is not an object, and unknown option names. `null` is refused too: it does not mean "no
   * options".
   */
  options<Options extends object>(operation: string, options: Options, known: OptionNames<Options>): void {
    const problem = optionsProblem(options, known);
    if (problem !== undefined) throw this.#errorOf(`${operation}: ${problem}`);
  }

  /** A safe integer from `least` to `most`. */
  wholeNumber(
    operation: string,
    name: string,
    value: unknown,
    least = 0,
    most = Number.MAX_SAFE_INTEGER,
  ): number {
    if (Number.isSafeInteger(value) && isWithin(value, least, most)) return value;
    throw this.wrong(operation, `${name}: a whole number of ${range(least, most)}`, value);
  }

  /** A number from `least` to `most`. Fractions are accepted, and so is `Infinity` unless `most` is finite. */
  number(operation: string, name: string, value: unknown, least = 0, most = Infinity): number {
    if (isWithin(value, least, most)) return value;
    throw this.wrong(operation, `${name}: a number of ${range(least, most)}`, value);
  }

  /** A number above 0, and at most {@link MAX_DELAY_MS}. For a rate or duration that cannot be turned off. */
  positiveNumber(operation: string, name: string, value: unknown): number {
    if (isWithin(value, 0, MAX_DELAY_MS) && value > 0) return value;
    throw this.wrong(operation, `${name}: a number above 0, and of at most ${MAX_DELAY_MS},`, value);
  }

  /**
   * A number of milliseconds from `least` to {@link MAX_DELAY_MS}. Timers silently replace other values: `NaN`, for
   * example, becomes 1 ms.
   */
  durationMs(operation: string, name: string, value: unknown, least = 0): number {
    if (isWithin(value, least, MAX_DELAY_MS)) return value;
    throw this.wrong(operation, `${name}: ${range(least, MAX_DELAY_MS)} ms`, value);
  }

  boolean(operation: string, name: string, value: unknown): boolean {
    if (typeof value === 'boolean') return value;
    throw this.wrong(operation, `${name}: true or false`, value);
  }

  callback<Callback>(operation: string, name: string, value: Callback): Callback {
    if (typeof value === 'function') return value;
    throw this.wrong(operation, `${name}: a function`, value);
  }

  oneOf<Choice>(operation: string, name: string, value: Choice, choices: readonly Choice[]): Choice {
    if (choices.includes(value)) return value;
    const listed = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : String(choice)));
    throw this.wrong(operation, `${name}: ${listed.join(' or ')}`, value);
  }

  /** An `AbortSignal`, aborted or not, or `undefined`. */
  signal(operation: string, value: unknown): void {
    if (value === undefined || value instanceof AbortSignal) return;
    throw this.wrong(operation, 'signal: an AbortSignal', value);
  }

  /** An object that has these methods, such as a custom clock. */
  withMethods<Given>(
    operation: string,
    expected: string,
    value: Given,
    ...methods: readonly (keyof Given & string)[]
  ): Given {
    const present = value as Readonly<Record<string, unknown>> | null | undefined;
    for (const method of methods) {
      if (typeof present?.[method] !== 'function') throw this.wrong(operation, expected, value);
    }
    return value;
  }
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}

function range(least: number, most: number): string {
  return most >= Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
}
