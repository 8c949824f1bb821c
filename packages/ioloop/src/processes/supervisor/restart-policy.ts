import { MAX_DELAY_MS } from '../../clock.ts';
import type { OptionNames } from '../../option-names.ts';
import { shownValue } from '../../shown-value.ts';
import { ProcessUsageError } from '../launching/process-errors.ts';

export interface RestartPolicyOptions {
  /** Maximum number of restarts of all children together within {@link restartWindowMs}; 0 to 10,000. Default: 100. */
  readonly maxRestarts?: number;
  /**
   * How long a restart is counted for {@link maxRestarts}. Default: one hour, so that occasional crashes do not add up
   * over months.
   */
  readonly restartWindowMs?: number;
  /** The delay before the first restart of a child. It doubles with each further death. Default: 100 ms. */
  readonly restartDelayMs?: number;
  /** The maximum restart delay; never less than {@link restartDelayMs}. Default: 10 s. */
  readonly maxRestartDelayMs?: number;
  /** If a child lived at least this long, the delay starts again from {@link restartDelayMs}. Default: 60 s. */
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

/** Decides whether a child that died is restarted, and after what delay. Reads no clock: the caller passes the time. */
export class RestartPolicy {
  readonly #options: Required<RestartPolicyOptions>;
  /** The latest delay of each task. */
  readonly #delays = new Map<number, number>();
  /** The times at which restarts were granted, oldest first; at most `maxRestarts` entries. */
  readonly #granted: number[] = [];

  /** @throws ProcessUsageError `ERR_PROCESS_USAGE` if a number is out of its range. */
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
   * Decides what happens after the death of a child.
   *
   * @param death.nowMs - when the child died, on any clock that does not go backwards.
   * @param death.livedMs - how long the child had been running.
   * @returns how many milliseconds to wait before the child is restarted; `undefined` if the limit of restarts is
   *   reached.
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
    // If restartDelayMs is 0, doubling leaves it 0: restarts are immediate.
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

/** Returns only those options of the supervisor that are for the policy. */
function chosenFrom(options: RestartPolicyOptions): Limits {
  const chosen: { -readonly [Name in keyof Limits]: number } = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof Limits)[])
    chosen[name] = options[name] ?? DEFAULTS[name];
  return chosen;
}
