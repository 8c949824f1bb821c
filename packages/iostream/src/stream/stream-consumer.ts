/**
 * A protocol that is handed the bytes as they come, in place of reads. What its methods throw or reject with closes the
 * stream, but for `closed`, which must not throw.
 */
export interface StreamConsumer {
  /** Bytes `start` to `end`, lent for the length of this call only. */
  received(bytes: Buffer, start: number, end: number): void;
  /** The peer shut down its writing side; ours still works. */
  ended(): void;
  /** All that was queued for writing has reached the kernel. */
  drained(): void;
  /** The stream is closed: the last call, exactly once. */
  closed(error: Error | undefined): void;
}
