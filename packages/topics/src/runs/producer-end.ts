import { errorOf } from '@landspout/ioloop/errors';
import type { NewRunEnd } from '../backplane/backplane.ts';
import { topicsChecks } from '../errors.ts';
import { payloadOf } from '../topic/payload.ts';
import { publicErrorOf } from './run-failure.ts';

/** What `onInterrupted` leads to if the run is not to be continued. */
export const NOT_CONTINUED: unique symbol = Symbol('the run is not continued');

/** How a producer settled. */
export interface ProducerEnd {
  readonly end: NewRunEnd;
  /** For the log; only of `failed`. */
  readonly error?: Error;
}

/** The end of a run whose producer returned. A result that is not JSON is a failure. */
export function endOfResult(result: unknown, maxRecordBytes: number): ProducerEnd {
  if (result === NOT_CONTINUED) return { end: { how: 'interrupted' } };
  if (result === undefined) return { end: { how: 'finished' } };
  try {
    if (isIterator(result)) {
      throw topicsChecks.wrong('the result of a producer', 'JSON, and run.write for each item,', result);
    }
    if (ArrayBuffer.isView(result)) {
      throw topicsChecks.wrong('the result of a producer', 'JSON, and run.write for bytes,', result);
    }
    const text = payloadOf('the result of a producer', result, maxRecordBytes) as string;
    return { end: { how: 'finished', result: text } };
  } catch (error) {
    return endOfFailure(error);
  }
}

/** The end of a run whose producer threw or rejected. */
export function endOfFailure(error: unknown): ProducerEnd {
  const readable = errorOf(error);
  return { end: { how: 'failed', error: publicErrorOf(readable) }, error: readable };
}

/** A producer written as a generator returns an iterator, and nothing of it has run. */
function isIterator(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && typeof (value as { next?: unknown }).next === 'function'
  );
}
