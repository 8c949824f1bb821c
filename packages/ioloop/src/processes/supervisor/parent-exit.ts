import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';

/** How long the parent waits: longer than the last write to a disk that is busy takes. */
const EXIT_WAIT_MS = 5_000;

const callbacks = new Set<() => unknown>();

/**
 * Registers a callback for the parent of `forkProcesses`: it is called when all children have ended, before the parent
 * exits with 0. If it returns a promise, the parent waits for it, for at most 5 s in all. If it throws or rejects, the
 * error is logged.
 *
 * In a child, and in a program that does not call `forkProcesses`, it is never called.
 *
 * @returns a function that removes the callback.
 */
export function beforeParentExit(callback: () => unknown): () => void {
  callbacks.add(callback);
  return () => void callbacks.delete(callback);
}

/** Calls all callbacks, and waits for them. Never rejects. */
export async function callBeforeParentExit(logger: Logger, clock: Pick<Clock, 'setTimeout'>): Promise<void> {
  if (callbacks.size === 0) return;
  const called = [...callbacks].map(async (callback) => {
    try {
      await callback();
    } catch (error) {
      logger.error({ error }, 'a callback of beforeParentExit failed');
    }
  });
  await new Promise<void>((resolve) => {
    const timer = clock.setTimeout(resolve, EXIT_WAIT_MS);
    void Promise.all(called).then(() => {
      timer.cancel();
      resolve();
    });
  });
}
