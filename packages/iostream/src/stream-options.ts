import type { Clock } from '@landspout/ioloop';

export interface IOStreamOptions {
  /** Most bytes that reads may have waiting. Default 100 MiB. */
  readonly maxReadBufferBytes?: number;
  /** Most bytes that writes may have waiting for a slow peer. Default 16 MiB. */
  readonly maxWriteBufferBytes?: number;
  /**
   * What a write past `maxWriteBufferBytes` does: `'error'` throws at the writer and keeps the stream, `'close'` also
   * closes the stream with the same error, for peers that are not worth more memory. Default `'error'`.
   */
  readonly writeOverflow?: 'error' | 'close';
  /** Default: the machine's clock. */
  readonly clock?: Clock;
}

export interface ReadOptions {
  /** Stops the wait. No byte is lost, and the stream stays open. */
  readonly signal?: AbortSignal;
}

export interface BoundedReadOptions extends ReadOptions {
  /** Most bytes to wait through. Default: the stream's `maxReadBufferBytes`. */
  readonly maxBytes?: number;
}

export interface ReadBytesOptions extends ReadOptions {
  /** Answers as soon as any byte is there. Default false. */
  readonly partial?: boolean;
}

export const DEFAULT_MAX_READ_BUFFER_BYTES = 100 * 1024 * 1024;
export const DEFAULT_MAX_WRITE_BUFFER_BYTES = 16 * 1024 * 1024;
/** Above this many queued bytes, `waitDrained` waits until {@link LOW_WATER_BYTES} are left. */
export const HIGH_WATER_BYTES = 64 * 1024;
export const LOW_WATER_BYTES = 32 * 1024;
