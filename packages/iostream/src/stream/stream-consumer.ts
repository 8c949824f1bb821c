/**
 * A protocol that receives the bytes of a stream as they arrive, instead of reading them. If one of its methods throws
 * or rejects, the stream is closed with that error; `closed` must not throw.
 */
export interface StreamConsumer {
  /** Bytes `start` to `end` of `bytes`, borrowed until the callback returns. */
  received(bytes: Buffer, start: number, end: number): void;
  /** The peer shut down its writing side (FIN). Ours still works. */
  ended(): void;
  /** Everything queued for writing has reached the kernel. */
  drained(): void;
  /** The stream is closed. The last call, made exactly once. */
  closed(error: Error | undefined): void;
}
