import { ByteQueue } from './byte-queue.ts';

/** 64 KiB at most, since an empty queue keeps 4 KiB at most. */
const MOST_SPARES = 16;
const SPARES: ByteQueue[] = [];

/**
 * What nobody ever appends to: the queue of every stream that holds no bytes. A queue of its own, with the memory that
 * it keeps for the next message, would cost an idle stream more than all the rest of its reading side.
 */
export const NO_BYTES: ByteQueue = new ByteQueue();

/** An empty queue, whose memory is there already if it is one that was used before. */
export function borrowQueue(): ByteQueue {
  return SPARES.pop() ?? new ByteQueue();
}

/** Takes back an empty queue, which its user has forgotten. What it has given away it does not share. */
export function returnQueue(queue: ByteQueue): void {
  if (SPARES.length < MOST_SPARES && queue.isSpare) SPARES.push(queue);
}
