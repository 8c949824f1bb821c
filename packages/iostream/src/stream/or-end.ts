import { StreamClosedError, StreamLimitError } from '../errors.ts';
import type { IOStream } from './io-stream.ts';

/** Whether all that the peer sent has come: whatever closed the stream after the peer's end, but for a limit of ours. */
export function endedInOrder(stream: IOStream): boolean {
  return stream.isEnded && !(stream.error instanceof StreamLimitError);
}

/** What a read gives, or `undefined` where it fails because the peer has ended, in order, and too little is left. */
export async function orEnd<Result>(stream: IOStream, read: Promise<Result>): Promise<Result | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof StreamClosedError && endedInOrder(stream)) return undefined;
    throw error;
  }
}
