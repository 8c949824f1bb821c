import type { ClientConnection } from '@landspout/http1/client';
import { shownValue } from '@landspout/ioloop/errors';
import { callReporting } from '@landspout/ioloop/reactor';
import type { RequestBody } from './http-request.ts';
import { HTTPClientUsageError } from './usage.ts';

/** Pieces of a body that is in memory: it is queued for the peer no faster than the peer takes it. */
const PIECE_BYTES = 256 * 1024;

/** What a race is won by when nobody waits for the request any longer. */
const STOPPED = undefined;

/** A body that is ready to be sent. */
export type OutgoingBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'chunks'; readonly chunks: AsyncIterable<Uint8Array> };

/** @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` for anything that is no body. */
export function outgoingBody(body: RequestBody | undefined): OutgoingBody {
  if (body === undefined) return { kind: 'none' };
  if (typeof body === 'string') return { kind: 'bytes', bytes: Buffer.from(body, 'utf8') };
  if (body instanceof Uint8Array) return { kind: 'bytes', bytes: body };
  if (typeof (body as Partial<AsyncIterable<Uint8Array>>)?.[Symbol.asyncIterator] === 'function') {
    return { kind: 'chunks', chunks: body };
  }
  throw new HTTPClientUsageError(
    'ERR_HTTPCLIENT_USAGE',
    `a body must be a string, bytes, or an async iterable of bytes, not ${shownValue(body)}`,
  );
}

/** The length of a body as a connection wants it: -1 where it is not known. */
export function lengthOf(body: OutgoingBody): number {
  if (body.kind === 'none') return 0;
  return body.kind === 'bytes' ? body.bytes.length : -1;
}

/**
 * Writes the body of a request that was begun, at the pace of the peer. Stops, without an error, once nobody will
 * read it: an answer may come before its request is complete.
 *
 * @param over - settles when the request has, so that an iterable which never goes on holds up nothing.
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
  // A short body leaves together with its head, in this very turn.
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
        const problem = `a body must be made of Uint8Arrays, not ${shownValue(next.value)}`;
        throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', problem);
      }
      if (!connection.wantsBody) return;
      connection.write(next.value);
      await Promise.race([connection.waitDrained(), stopped]);
    }
  } finally {
    // Not awaited: a generator that waits for something else answers only when that has come.
    // What it fails with is of no interest any more, and must not hide why we stopped.
    if (!done)
      callReporting(
        () => chunks.return?.(),
        undefined,
        () => {},
      );
  }
}
