import { CodedError } from '../errors.ts';

/** Why a loop is not watched. */
export const WATCH_ERRORS = {
  ERR_WATCH_OPTIONS: { meaning: 'An option of the watchdog is of the wrong kind or out of range.' },
  ERR_WATCH_THREAD: { meaning: 'Only the loop of the main thread can be watched.' },
  ERR_WATCH_ACTIVE: { meaning: 'A watchdog runs already, and a process has one at most.' },
  ERR_WATCH_WORKER: { meaning: "The watchdog's worker file is not where the package was installed." },
} as const satisfies Record<string, { meaning: string }>;

export type WatchErrorCode = keyof typeof WATCH_ERRORS;

/** The caller asked for a watchdog that cannot be. Nothing was started. */
export class WatchUsageError extends CodedError<WatchErrorCode> {
  override readonly name = 'WatchUsageError';
}
