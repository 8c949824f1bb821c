import { randomBytes } from 'node:crypto';
import { shownValue } from '@landspout/ioloop/errors';
import { TopicsUsageError } from './errors.ts';

/** Cursors fit into event ids, URLs and JSON without escapes. */
const CURSOR = /^[A-Za-z0-9._-]{1,64}$/;
/** 72 random bits: a program that makes a million epochs a second for a year repeats none. */
const EPOCH_BYTES = 9;

/** @throws TopicsUsageError `ERR_TOPICS_CURSOR` if `value` is not the text of a cursor. */
export function requireCursor(operation: string, value: unknown): string {
  if (isCursor(value)) return value;
  throw new TopicsUsageError(
    'ERR_TOPICS_CURSOR',
    `${operation}: a cursor of 1 to 64 characters A-Z a-z 0-9 . _ - was expected, not ${shownValue(value)}; use the cursor of a record or of a subscription`,
  );
}

export function isCursor(value: unknown): value is string {
  return typeof value === 'string' && CURSOR.test(value);
}

/** The random name of one beginning of a log: 12 characters, without a dot. Never given to two logs. */
export function newEpoch(): string {
  return randomBytes(EPOCH_BYTES).toString('base64url');
}

/** The cursor of a position that is a counter. */
export function cursorOf(epoch: string, position: number): string {
  return `${epoch}.${position}`;
}

/** The parts of a cursor that {@link cursorOf} made. */
export interface CounterCursor {
  readonly epoch: string;
  readonly position: number;
}

/** Returns the parts; undefined if another kind of backplane made the cursor. */
export function parseCursor(cursor: string): CounterCursor | undefined {
  const dot = cursor.lastIndexOf('.');
  const digits = cursor.slice(dot + 1);
  if (dot <= 0 || !/^(?:0|[1-9]\d{0,15})$/.test(digits)) return undefined;
  const position = Number(digits);
  return Number.isSafeInteger(position) ? { epoch: cursor.slice(0, dot), position } : undefined;
}

/** Compares the positions of two cursors of one log. @throws TopicsUsageError `ERR_TOPICS_CURSOR`. */
export function comparePositions(a: string, b: string): number {
  const [first, second] = [parseCursor(a), parseCursor(b)];
  if (first === undefined || second === undefined) {
    throw new TopicsUsageError(
      'ERR_TOPICS_CURSOR',
      `compare: two cursors of one log were expected, not ${a} and ${b}`,
    );
  }
  return first.position - second.position;
}
