import type { TrialSize } from './trial.ts';

/** Trials of the suite, several of which run at once. */
export const SHORT: TrialSize = { topics: 2, readersPerServer: 2, pauseMs: 15, records: 30, moveAfter: 40 };
export const SHORT_CROWD: TrialSize = { topics: 2, readersPerServer: 34, pauseMs: 50, records: 15 };
export const SHORT_PAUSE_MS = 0;
