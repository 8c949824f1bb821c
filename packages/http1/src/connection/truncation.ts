import { type IOStream, StreamTruncatedError } from '@landspout/iostream';

/**
 * Returns the error for a message that was cut off by the end of its connection, if TLS did not announce that end (RFC
 * 9112 §9.8); otherwise undefined. It becomes the cause of the error of the message.
 *
 * @param operation - the message; default: the error names none.
 */
export function truncationOf(stream: IOStream, operation?: string): StreamTruncatedError | undefined {
  return stream.isEndBare ? new StreamTruncatedError(stream.bytesReceived, operation) : undefined;
}
