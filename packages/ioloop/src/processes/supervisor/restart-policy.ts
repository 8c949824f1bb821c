import { MAX_DELAY_MS } from '../../clock.ts';
import type { OptionNames } from '../../option-names.ts';
import { shownValue } from '../../shown-value.ts';
import { ProcessUsageError } from '../launching/process-errors.ts';

export interface RestartPolicyOptions {
  /** Most restarts, of all children together, within {@link restartWindowMs}; 0 to 10,000. Default 100. */
  readonly maxRestarts?: number;
  /** For how long a restart counts. Default one hour: a crash now and then must not add up over months. */
  readonly restartWindowMs?: number;
  /** The wait before a child is first started again. Default 100 ms. It doubles with each further death. */
  readonly restartDelayMs?: number;
  /** The longest wait. Default 10 s; never below {@link restartDelayMs}. */
  readonly maxRestartDelayMs?: number;
  /** A child that lived this long starts anew with {@link restartDelayMs}. Default 60 s. */
  readonly steadyMs?: number;
}

const DEFAULTS = {
  maxRestarts: 100,
  restartWindowMs: 3_600_000,
  restartDelayMs: 100,
  maxRestartDelayMs: 10_000,
  steadyMs: 60_000,
} as const satisfies Required<RestartPolicyOptions>;

export const RESTART_OPTIONS: OptionNames<RestartPolicyOptions> = {
  maxRestarts: true,
  restartWindowMs: true,
  restartDelayMs: true,
  maxRestartDelayMs: true,
  steadyMs: true,
};

const MAX_RESTARTS = 10_000;

/** Whether a child that died is started again, and after how long. Knows no processes and no clock: time is told. */
export class RestartPolicy {
  readonly #options: Required<RestartPolicyOptions>;
  /** The wait that each task has had last. */
  readonly #delays = new Map<number, number>();
  /** When restarts were granted, oldest first: as many as may be, at most. */
  readonly #granted: number[] = [];

  /** @throws ProcessUsageError `ERR_PROCESS_USAGE` for a number out of its range. */
  constructor(options: RestartPolicyOptions = {}) {
    const chosen = chosenFrom(options);
    requireWithin(chosen, 'maxRestarts', 0, MAX_RESTARTS);
    requireWithin(chosen, 'restartWindowMs', 1, MAX_DELAY_MS);
    requireWithin(chosen, 'restartDelayMs', 0, MAX_DELAY_MS);
    requireWithin(chosen, 'maxRestartDelayMs', 0, MAX_DELAY_MS);
    requireWithin(chosen, 'steadyMs', 0, MAX_DELAY_MS);
    this.#options = chosen;
  }

  /**
   * A child died.
   *
   * @param death.nowMs - when, on any clock that does not go backwards.
   * @param death.livedMs - for how long it had lived.
   * @returns how many milliseconds to wait before its successor is started; `undefined` when no restart is left.
   */
  afterDeath(death: {
    readonly taskId: number;
    readonly nowMs: number;
    readonly livedMs: number;
  }): number | undefined {
    const { maxRestarts, restartWindowMs, restartDelayMs, maxRestartDelayMs, steadyMs } = this.#options;
    while (this.#granted.length > 0 && (this.#granted[0] as number) <= death.nowMs - restartWindowMs)
      this.#granted.shift();
    if (this.#granted.length >= maxRestarts) return undefined;
    this.#granted.push(death.nowMs);
    const last = death.livedMs >= steadyMs ? undefined : this.#delays.get(death.taskId);
    // From 0 nothing doubles: who wants no wait gets none.
    const delay =
      last === undefined ? restartDelayMs : Math.min(last * 2, Math.max(maxRestartDelayMs, restartDelayMs));
    this.#delays.set(death.taskId, delay);
    return delay;
  }
}

type Limits = Required<RestartPolicyOptions>;

function requireWithin(options: Limits, name: keyof Limits, least: number, most: number): void {
  const value = options[name];
  const isWhole = name !== 'maxRestarts' || Number.isInteger(value);
  if (typeof value === 'number' && isWhole && value >= least && value <= most) return;
  throw new ProcessUsageError(`${name} of ${least} to ${most} was expected, not ${shownValue(value)}`);
}

/** Of the supervisor's options only those that are the policy's. */
function chosenFrom(options: RestartPolicyOptions): Limits {
  const chosen: { -readonly [Name in keyof Limits]: number } = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof Limits)[])
    chosen[name] = options[name] ?? DEFAULTS[name];
  return chosen;
}
