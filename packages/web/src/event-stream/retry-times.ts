import { shownValue } from '@landspout/ioloop/errors';
import { WebUsageError } from '../errors.ts';

/** The shortest and longest time after which a client of a stopping server connects again, as for WebSockets. */
const MIN_STOPPING_MS = 1_000;
const MAX_STOPPING_MS = 10_000;

/** Returns half to one and a half times `retryMs`, so that clients that are cut off together do not return together. */
export function jittered(retryMs: number, random: () => number): number {
  return Math.round(retryMs * (0.5 + checked(random)));
}

/** The time for clients of a server that stops, or whose topics are unavailable. */
export function stoppingRetry(random: () => number): number {
  return Math.round(MIN_STOPPING_MS + (MAX_STOPPING_MS - MIN_STOPPING_MS) * checked(random));
}

function checked(random: () => number): number {
  const value: unknown = random();
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  const problem = `random must return a number from 0 to 1, got ${shownValue(value)}`;
  throw new WebUsageError('ERR_WEB_USAGE', `eventStream: ${problem}`);
}
