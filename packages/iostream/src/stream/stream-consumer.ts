/**
 * Receives the bytes of a stream as they arrive: an alternative to reads, for protocols. If one of its methods throws
 * or rejects, the stream is closed with that error; `closed` must not throw.
 */
export interface StreamConsumer {
  /** Bytes `start` to `end` of `bytes`, borrowed until the callback returns. */
  received(bytes: Buffer, start: number, end: number): void;
  /** The peer shut down its writing side (FIN). We can still write. */
  ended(): void;
  /** Everything queued for writing has reached the kernel. */
  drained(): void;
  /** The stream is closed. Called exactly once, after all other calls. */
  closed(error: Error | undefined): void;
}
