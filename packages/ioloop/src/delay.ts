import { usage } from './checks.ts';

/** The longest delay that Node's timers keep; beyond it they fire at once. */
export const MAX_DELAY_MS = 2 ** 31 - 1;

/** Refuses a delay that a timer would silently turn into another one, such as `NaN` into 1 ms. */
export function requireDelay(delayMs: number, operation: string): void {
  if (typeof delayMs === 'number' && delayMs >= 0 && delayMs <= MAX_DELAY_MS) return;
  throw usage(operation, `a delay of 0 to ${MAX_DELAY_MS} ms`, delayMs);
}
