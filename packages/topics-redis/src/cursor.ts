import { TopicsUsageError } from '@landspout/topics';

/** The position before the first record of a stream. */
export const START_ID = '0-0';

/** A place that only the end of the epoch reaches. */
export const END_OF_EPOCH = '9007199254740991-0';

/** The parts of a cursor of this backplane: `<epoch>.<stream id>`. */
export interface StreamCursor {
  readonly epoch: string;
  /** An id of a Redis stream, `<milliseconds>-<sequence number>`. */
  readonly id: string;
}

const ID = /^(?:0|[1-9]\d{0,15})-(?:0|[1-9]\d{0,15})$/;

export function cursorOf(epoch: string, id: string): string {
  return `${epoch}.${id}`;
}

/** Returns the parts; undefined if another kind of backplane made the cursor. */
export function parseCursor(cursor: string): StreamCursor | undefined {
  const dot = cursor.lastIndexOf('.');
  const id = cursor.slice(dot + 1);
  return dot > 0 && ID.test(id) ? { epoch: cursor.slice(0, dot), id } : undefined;
}

/** Compares two ids. Negative: `a` is before `b`. */
export function compareIds(a: string, b: string): number {
  const [firstMs, firstSequence] = partsOf(a);
  const [secondMs, secondSequence] = partsOf(b);
  return firstMs - secondMs || firstSequence - secondSequence;
}

/** When a record with this id was appended, in milliseconds since the Unix epoch, by the clock of Redis. */
export function timeOf(id: string): number {
  return partsOf(id)[0];
}

/** Compares two cursors of one log. @throws TopicsUsageError `ERR_TOPICS_CURSOR`. */
export function compareCursors(a: string, b: string): number {
  const [first, second] = [parseCursor(a), parseCursor(b)];
  if (first === undefined || second === undefined) {
    throw new TopicsUsageError(
      'ERR_TOPICS_CURSOR',
      `compare: two cursors of one log were expected, not ${a} and ${b}`,
    );
  }
  return compareIds(first.id, second.id);
}

function partsOf(id: string): readonly [milliseconds: number, sequence: number] {
  const dash = id.indexOf('-');
  return [Number(id.slice(0, dash)), Number(id.slice(dash + 1))];
}
