import type { Clock } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import { disown } from '../errors.ts';
import type { CursorEvent, CursorSource, CursorSubscription } from '../event-stream/cursor-source.ts';
import type { ReadFrom } from '../event-stream/read-from.ts';
import { type BatchLimits, PollBatch } from './poll-batch.ts';

/** When a poll ends without an event. */
export interface PollWait {
  readonly clock: Clock;
  /** Aborted when the client is gone, or the server stops. */
  readonly signals: readonly AbortSignal[];
  readonly waitMs: number;
}

/**
 * How long a poll with a gap waits for a record. The client should know of the gap soon, but a topic without a history has
 * a gap in each poll if it is busy: without this, a client would poll all the time and get no record. It also limits how
 * often a client polls that does not use the position after the gap.
 */
const GAP_WAIT_MS = 1_000;

type Result = IteratorResult<CursorEvent, unknown>;

/**
 * Reads the records after a position: those that are there, or else what comes next.
 *
 * @param from - undefined to learn only the present position. Without a cursor in it, nothing is waited for.
 * @returns the response, as JSON.
 * @throws what `subscribe` or the iteration throws. The subscription is closed in any case.
 */
export async function longPoll(
  source: CursorSource,
  from: ReadFrom | undefined,
  wait: PollWait,
  limits: BatchLimits,
): Promise<string> {
  const subscription = await source.subscribe(from?.options ?? { after: 'now' });
  try {
    const batch = new PollBatch(subscription.cursor, limits);
    const { end } = subscription;
    if (end !== undefined && (end.cursor === from?.cursor || end.cursor === subscription.cursor))
      batch.setEnd(end);
    else if (from !== undefined)
      await fill(batch, subscription, from.cursor === undefined ? 0 : wait.waitMs, wait);
    return batch.toJSONText();
  } finally {
    subscription.close();
  }
}

async function fill(
  batch: PollBatch,
  subscription: CursorSubscription,
  waitMs: number,
  wait: PollWait,
): Promise<void> {
  const events = subscription[Symbol.asyncIterator]();
  let waitsMs = waitMs;
  while (!batch.isComplete) {
    const next = Promise.resolve(events.next());
    // It may reject after the poll has ended.
    disown(next);
    const result = await (waitsMs > 0 ? within(next, { ...wait, waitMs: waitsMs }) : withinTurn(next));
    if (result === undefined || result.done === true) return;
    const { kind } = result.value;
    if (kind === 'gap' && !batch.hasGap) waitsMs = Math.min(waitsMs, GAP_WAIT_MS);
    // Presence does not end the wait; time spent so far is not subtracted, because polls do not ask for presence.
    else if (kind !== 'presence') waitsMs = 0;
    if (!batch.add(result.value)) return;
  }
}

/** Resolves with the event if it is there already: records that were published together come together. */
function withinTurn(next: Promise<Result>): Promise<Result | undefined> {
  const turn = new Promise<undefined>((resolve) => {
    setImmediate(resolve, undefined);
  });
  return Promise.race([next, turn]);
}

/** Resolves with the next event, or with undefined after the time or an abort. */
function within(next: Promise<Result>, { clock, signals, waitMs }: PollWait): Promise<Result | undefined> {
  return new Promise((resolve, reject) => {
    const forgets: (() => void)[] = [];
    const settle = <Value>(how: (value: Value) => void, value: Value): void => {
      timer.cancel();
      for (const forget of forgets) forget();
      how(value);
    };
    const timer = clock.setTimeout(() => settle(resolve, undefined), waitMs);
    for (const signal of signals) forgets.push(onAbort(signal, () => settle(resolve, undefined)));
    next.then(
      (result) => settle(resolve, result),
      (error: unknown) => settle(reject, error),
    );
  });
}
