/**
 * Receives the bytes of a stream as they arrive: an alternative to reads, for protocols. If one of its methods throws
 * or rejects, the stream is closed with that error; `closed` must not throw.
 */
export interface StreamConsumer {
  /** Bytes `start` to `end` of `bytes`, borrowed until the callback returns. */
  received(bytes: Buffer, start: number, end: number): void;
  /**
   * The peer shut down its writing side (FIN). We can still write. Called again after the consumer resumes a stream that
   * has ended.
   *
   * @param isBare - whether the end may be forged, and bytes may be missing: TLS ended without close_notify. If only the
   *   end completes the consumer's message, that message is not complete. If the message has a length or an end of its
   *   own, a bare end is like any other. Always false without TLS and on node:tls.
   */
  ended(isBare: boolean): void;
  /** Everything queued for writing has reached the kernel. */
  drained(): void;
  /** The stream is closed. Called exactly once, after all other calls. */
  closed(error: Error | undefined): void;
}
