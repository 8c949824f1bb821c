import { CodedError } from '@landspout/ioloop/errors';
import { WebSocketProtocolError } from '../protocol/errors.ts';

/** The ways in which compressing or decompressing a message can fail, other than invalid data from the peer. */
export const COMPRESSION_ERRORS = {
  ERR_WEBSOCKET_COMPRESSION_BUSY: {
    meaning:
      'Too much is waiting to be compressed or decompressed: see `maxWaitingBytes` of `CompressionPool`.',
  },
  ERR_WEBSOCKET_COMPRESSION_CLOSED: {
    meaning: 'The connection was closed before the message was compressed or decompressed.',
  },
  ERR_WEBSOCKET_COMPRESSION_FAILED: {
    meaning: 'zlib failed for a reason other than invalid data, such as lack of memory; see `cause`.',
  },
} as const satisfies Record<string, { meaning: string }>;

export type WebSocketCompressionErrorCode = keyof typeof COMPRESSION_ERRORS;

/** A message was neither compressed nor decompressed. */
export class WebSocketCompressionError extends CodedError<WebSocketCompressionErrorCode> {
  override readonly name = 'WebSocketCompressionError';
}

/** Whether a message was refused because too many others wait; nothing of it was processed. */
export function isBusy(error: unknown): boolean {
  return error instanceof WebSocketCompressionError && error.code === 'ERR_WEBSOCKET_COMPRESSION_BUSY';
}

/** Makes the error for a job whose connection was closed. */
export function closedError(): WebSocketCompressionError {
  return new WebSocketCompressionError(
    'ERR_WEBSOCKET_COMPRESSION_CLOSED',
    'the connection was closed before the message was compressed or decompressed',
  );
}

/** Makes the error for a message that is larger than `maxBytes` when it is decompressed. */
export function tooBigError(maxBytes: number): WebSocketProtocolError {
  return new WebSocketProtocolError(
    'ERR_WEBSOCKET_MESSAGE_TOO_BIG',
    `a compressed message has more than ${maxBytes} bytes when it is decompressed`,
  );
}

/** Makes the error for compressed data that is invalid or incomplete. */
export function badDeflateError(detail: string, options?: ErrorOptions): WebSocketProtocolError {
  return new WebSocketProtocolError('ERR_WEBSOCKET_BAD_DEFLATE', detail, options);
}

/** Codes of zlib that mean that the compressed data is at fault. */
const DATA_FAULTS: readonly unknown[] = ['Z_DATA_ERROR', 'Z_BUF_ERROR', 'Z_NEED_DICT'];

/** Converts an error of zlib while it decompressed data of the peer. Our own errors are returned unchanged. */
export function inflateError(error: unknown): Error {
  if (error instanceof CodedError) return error;
  const cause = error as NodeJS.ErrnoException;
  if (!DATA_FAULTS.includes(cause.code)) return failedError('inflate', error);
  return badDeflateError(`a compressed message is invalid: ${cause.message}`, { cause });
}

/** Converts an error of zlib that does not depend on the data. Our own errors are returned unchanged. */
export function failedError(operation: 'deflate' | 'inflate', error: unknown): Error {
  if (error instanceof CodedError) return error;
  const cause = error instanceof Error ? error : new Error(String(error));
  const detail = `${operation}: zlib failed: ${cause.message}`;
  return new WebSocketCompressionError('ERR_WEBSOCKET_COMPRESSION_FAILED', detail, { cause });
}
