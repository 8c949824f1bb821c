import { topicsChecks } from '../errors.ts';
import type { Backplane } from './backplane.ts';

/** @returns the backplane. @throws TopicsUsageError `ERR_TOPICS_USAGE` if it lacks a method. */
export function requireBackplane(operation: string, backplane: Backplane): Backplane {
  return topicsChecks.withMethods(
    operation,
    'backplane: a Backplane, such as new MemoryBackplane() or await JournalBackplane.open({ folder })',
    backplane,
    'append',
    'read',
    'follow',
    'join',
    'claimRun',
    'close',
  );
}
