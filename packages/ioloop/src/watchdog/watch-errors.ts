import { CodedError } from '../errors.ts';

/** The reasons why a loop cannot be watched. */
export const WATCH_ERRORS = {
  ERR_WATCH_OPTIONS: {
    meaning: 'An option of the watchdog has the wrong type or is out of range; see the message.',
  },
  ERR_WATCH_THREAD: { meaning: 'Only the loop of the main thread can be watched; call `watch` there.' },
  ERR_WATCH_ACTIVE: {
    meaning: 'A watchdog is already running, and a process can have only one; close the running one first.',
  },
  ERR_WATCH_WORKER: {
    meaning:
      'The worker file of the watchdog is missing; if the program is bundled, exclude this package from the bundle.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type WatchErrorCode = keyof typeof WATCH_ERRORS;

/** The watchdog cannot be started as requested. Nothing was started. */
export class WatchUsageError extends CodedError<WatchErrorCode> {
  override readonly name = 'WatchUsageError';
}
