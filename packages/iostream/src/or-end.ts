import type { IOStream } from './io-stream.ts';
import { StreamClosedError, StreamLimitError } from './stream-errors.ts';

/** What a read gives, or `undefined` where it fails because the peer has ended, in order, and too little is left. */
export async function orEnd<Result>(stream: IOStream, read: Promise<Result>): Promise<Result | undefined> {
  try {
    return await read;
  } catch (error) {
    // Whatever closed the stream after the peer's end, all that was sent has come. A limit is another matter.
    const isEnd = error instanceof StreamClosedError && !(error.cause instanceof StreamLimitError);
    if (isEnd && stream.isEnded) return undefined;
    throw error;
  }
}
