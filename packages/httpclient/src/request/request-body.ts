import type { ClientConnection } from '@landspout/http1/client';
import { shownValue } from '@landspout/ioloop/errors';
import { callReporting } from '@landspout/ioloop/reactor';
import type { RequestBody } from './http-request.ts';
import { HTTPClientUsageError } from './usage.ts';

/** Size of the pieces in which a body in memory is written, so that no more is queued than the server reads. */
const PIECE_BYTES = 256 * 1024;

/** The result of a race between the next chunk and the end of the request, if the request ended first. */
const STOPPED = undefined;

/** A body that is ready to be sent. */
export type OutgoingBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'chunks'; readonly chunks: AsyncIterable<Uint8Array> };

/** @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if the value is not a body. */
export function outgoingBody(body: RequestBody | undefined): OutgoingBody {
  if (body === undefined) return { kind: 'none' };
  if (typeof body === 'string') return { kind: 'bytes', bytes: Buffer.from(body, 'utf8') };
  if (body instanceof Uint8Array) return { kind: 'bytes', bytes: body };
  if (typeof (body as Partial<AsyncIterable<Uint8Array>>)?.[Symbol.asyncIterator] === 'function') {
    return { kind: 'chunks', chunks: body };
  }
  throw new HTTPClientUsageError(
    'ERR_HTTPCLIENT_USAGE',
    `fetch: body must be a string, a Uint8Array or an async iterable of Uint8Arrays, got ${shownValue(body)}`,
  );
}

/** Returns the length of a body for the connection: -1 if it is unknown. */
export function lengthOf(body: OutgoingBody): number {
  if (body.kind === 'none') return 0;
  return body.kind === 'bytes' ? body.bytes.length : -1;
}

/**
 * Writes the body of a request whose head was sent, as fast as the server reads. Stops without an error if the exchange
 * has ended, because the response may be complete before the request is.
 *
 * @param over - settles when the exchange has ended. Without it, an iterable that never yields another chunk would
 *   block this function.
 */
export async function writeBody(
  connection: ClientConnection,
  body: OutgoingBody,
  over: Promise<unknown>,
): Promise<void> {
  if (body.kind === 'none') return;
  if (body.kind === 'bytes') await writeBytes(connection, body.bytes);
  else await writeChunks(connection, body.chunks[Symbol.asyncIterator](), over);
  if (connection.wantsBody) connection.finish();
}

async function writeBytes(connection: ClientConnection, bytes: Uint8Array): Promise<void> {
  // A short body is sent together with its head, in this loop iteration.
  connection.write(bytes.length <= PIECE_BYTES ? bytes : bytes.subarray(0, PIECE_BYTES));
  for (let at = PIECE_BYTES; at < bytes.length && connection.wantsBody; at += PIECE_BYTES) {
    await connection.waitDrained();
    if (connection.wantsBody) connection.write(bytes.subarray(at, at + PIECE_BYTES));
  }
}

async function writeChunks(
  connection: ClientConnection,
  chunks: AsyncIterator<Uint8Array>,
  over: Promise<unknown>,
): Promise<void> {
  const stopped = over.then(
    () => STOPPED,
    () => STOPPED,
  );
  let done = false;
  try {
    while (connection.wantsBody) {
      const next = await Promise.race([chunks.next(), stopped]);
      if (next === STOPPED) return;
      done = next.done === true;
      if (done) return;
      if (!(next.value instanceof Uint8Array)) {
        const problem = `fetch: chunks of the body must be Uint8Arrays, got ${shownValue(next.value)}`;
        throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', problem);
      }
      if (!connection.wantsBody) return;
      connection.write(next.value);
      await Promise.race([connection.waitDrained(), stopped]);
    }
  } finally {
    // Not awaited, because a generator that is waiting for something else returns only after that. Errors are ignored,
    // because they must not hide the reason why the body was stopped.
    if (!done)
      callReporting(
        () => chunks.return?.(),
        undefined,
        () => {},
      );
  }
}
