import { expect } from 'vitest';
import type { Logger } from '../../src/index.ts';

/** A logger that keeps the errors that it is told of. */
export function recordLogger(): { readonly logger: Logger; readonly errors: unknown[] } {
  const errors: unknown[] = [];
  const record = (details: object) => void errors.push((details as { error: unknown }).error);
  return { logger: { debug: record, info: record, warn: record, error: record }, errors };
}

/** A promise that the test settles. */
export function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** Lets everything that is due by promises happen. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What a usage error looks like. */
export const USAGE = expect.objectContaining({ name: 'LoopUsageError', code: 'ERR_LOOP_USAGE' });
