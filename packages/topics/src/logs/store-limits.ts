import type { OptionNames } from '@landspout/ioloop/errors';
import { topicsChecks } from '../errors.ts';
import type { StoreLimits } from './log-store.ts';

/** The names of the limits, for the options of a backplane. */
export const STORE_LIMIT_NAMES: OptionNames<StoreLimits> = {
  maxTopics: true,
  maxHistoryBytes: true,
  maxRuns: true,
  maxRunBytes: true,
};

/** The limits that apply if the program sets none. */
const DEFAULT_STORE_LIMITS: StoreLimits = Object.freeze({
  maxTopics: 100_000,
  maxHistoryBytes: 64 * 1024 * 1024,
  maxRuns: 10_000,
  maxRunBytes: 256 * 1024 * 1024,
});

/** Fills in the defaults. @throws TopicsUsageError `ERR_TOPICS_USAGE`. */
export function requireStoreLimits(operation: string, options: Partial<StoreLimits>): StoreLimits {
  const limit = (name: keyof StoreLimits, least: number) =>
    topicsChecks.wholeNumber(operation, name, options[name] ?? DEFAULT_STORE_LIMITS[name], least);
  return Object.freeze({
    maxTopics: limit('maxTopics', 1),
    maxHistoryBytes: limit('maxHistoryBytes', 0),
    maxRuns: limit('maxRuns', 0),
    maxRunBytes: limit('maxRunBytes', 0),
  });
}
