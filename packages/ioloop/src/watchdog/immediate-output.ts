import { writeSync } from 'node:fs';

const STANDARD_ERROR = 2;

/**
 * Sends what this thread writes to standard error straight to the descriptor. The usual way of a worker leads through
 * the main thread, which does nothing while it is blocked.
 */
export function writeStandardErrorAtOnce(): void {
  process.stderr.write = (chunk: string | Uint8Array): boolean => {
    try {
      if (typeof chunk === 'string') writeSync(STANDARD_ERROR, chunk);
      else writeSync(STANDARD_ERROR, chunk);
    } catch {
      // A pipe that is full or closed: there is nobody to tell, and a watchdog must not die of it.
    }
    return true;
  };
}
