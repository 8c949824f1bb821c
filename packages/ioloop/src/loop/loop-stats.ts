import type { OptionNames } from '../option-names.ts';
import type { ReactorStats } from '../reactor/reactor.ts';
import type { LagStats } from './loop-lag.ts';

/** What a loop has done since it was made, and how it fares. Everything but `lag` only ever grows or is a level. */
export interface LoopStats {
  readonly callbacks: {
    /** Calls of `addCallback` that were run. */
    readonly run: number;
    /** Those that wait for the next turn. */
    readonly waiting: number;
  };
  readonly timers: {
    /** Calls of `callLater` and `callAt` that were run. */
    readonly fired: number;
    /** Those that wait for their moment. */
    readonly pending: number;
  };
  /** Of the native reactor, which all loops of this thread share; `undefined` on the portable backend. */
  readonly reactor: ReactorStats | undefined;
  /** How late the loop comes to what is due. Measured from the first call of `stats` on. */
  readonly lag: LagStats;
  /** Milliseconds that this thread's loop has spent in JavaScript and its own work. */
  readonly busyMs: number;
  /** Milliseconds that it has waited for something to happen. */
  readonly idleMs: number;
}

export interface StatsOptions {
  /** Begins a new measurement of the lag after this one was read. Default false. */
  readonly resetLag?: boolean;
}

export const STATS_OPTIONS: OptionNames<StatsOptions> = { resetLag: true };
