import type { OptionNames } from '@landspout/ioloop/errors';
import { onAbort } from '@landspout/ioloop/reactor';
import { closedError, StreamTruncatedError, streamChecks } from '../errors.ts';
import type { IOStream } from './io-stream.ts';
import { requireReadOptions } from './stream-options.ts';

export interface PipeOptions {
  /**
   * Whether to end the target's writing side when the source ends, and to close or reset the target if the source
   * fails or is cut off. Default: true.
   */
  readonly end?: boolean;
  /** Stops the pipe. Both streams stay open, and everything read so far is queued at the target. */
  readonly signal?: AbortSignal;
}

const PIPE_OPTIONS: OptionNames<PipeOptions> = { end: true, signal: true };

const CHUNK_BYTES = 64 * 1024;

/**
 * Moves everything received on `source` to `target` until the source's peer ends, then ends the target's writing side.
 *
 * Nothing is read while more than 64 KiB are queued at the target, so that back-pressure reaches the source's peer; the
 * pipe never queues more than 128 KiB at the target. If the source closes before its peer has ended, the target is
 * closed too if we closed the source; otherwise the target is reset, so that truncated data does not look complete. The
 * target is also reset if the source's TLS ends without close_notify; the source then stays open.
 *
 * @returns the number of bytes moved; resolves when all of them have reached the kernel.
 * @throws StreamTruncatedError `ERR_STREAM_TLS_TRUNCATED` if the source's TLS ends without close_notify.
 * @throws StreamClosedError `ERR_STREAM_CLOSED` if the source fails, or if the target closes first. In the second case
 *   the source stays open, and bytes that were not sent are lost. Also the reason of `signal` if it aborts, and the
 *   same error as {@link IOStream.readUntil} if another read is pending.
 */
export async function pipe(source: IOStream, target: IOStream, options: PipeOptions = {}): Promise<number> {
  streamChecks.options('pipeTo', options, PIPE_OPTIONS);
  const { end = true, signal } = options;
  signal?.throwIfAborted();
  const stopping = new AbortController();
  const stopListening = onAbort(signal, (reason) => stopping.abort(reason));
  // While nothing arrives from the source, nothing is written, so only this callback notices that the target closes.
  const onTargetClosed = (): void => stopping.abort(closedError(target, 'pipeTo'));
  target.waitClosed({ signal: stopping.signal }).then(onTargetClosed, () => {});
  try {
    const moved = await move(source, target, stopping.signal);
    if (end) target.endWrite();
    await target.waitDrained({ toBytes: 0, signal: stopping.signal });
    return moved;
  } catch (error) {
    if (end && error instanceof StreamTruncatedError) target.reset(error);
    else if (end && source.isClosed && !source.isEnded) passOnClose(source, target);
    throw error;
  } finally {
    stopListening();
    stopping.abort();
  }
}

/**
 * Connects two streams: all bytes received on one are written to the other, with half-close, reset and back-pressure in
 * both directions, until both peers have ended. Takes ownership of both streams and closes them.
 *
 * @returns the number of bytes moved from `one` to `other`, and the number moved from `other` to `one`.
 * @throws StreamClosedError `ERR_STREAM_CLOSED` if either stream fails, StreamTruncatedError `ERR_STREAM_TLS_TRUNCATED`
 *   if the TLS of either ends without close_notify, or the reason of `signal` if it aborts. Both streams are then reset.
 *
 * @example
 * const proxy = new TCPServer({
 *   async handleStream(inbound) {
 *     const outbound = await client.connect({ host: 'backend', port: 7 });
 *     await join(inbound, outbound);
 *   },
 * });
 */
export async function join(
  one: IOStream,
  other: IOStream,
  options: Pick<PipeOptions, 'signal'> = {},
): Promise<[number, number]> {
  requireReadOptions('join', options);
  try {
    const moved = await Promise.all([pipe(one, other, options), pipe(other, one, options)]);
    one.close();
    other.close();
    return moved;
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    one.reset(cause);
    other.reset(cause);
    throw error;
  }
}

/** @returns the number of bytes moved; resolves when the source has ended. */
async function move(source: IOStream, target: IOStream, signal: AbortSignal): Promise<number> {
  let moved = 0;
  for await (const chunk of source.chunks({ maxBytes: CHUNK_BYTES, signal })) {
    if (target.isClosed || target.isWriteEnded) {
      source.unread(chunk);
      throw closedError(target, 'write');
    }
    void target.write(chunk);
    moved += chunk.length;
    await target.waitDrained({ signal });
  }
  return moved;
}

function passOnClose(source: IOStream, target: IOStream): void {
  if (source.closeReason === 'we-ended') target.close();
  else target.reset(source.error);
}
