import type { ClientConnection } from '@landspout/http1/client';
import { shownValue } from '@landspout/ioloop/errors';
import { callReporting } from '@landspout/ioloop/reactor';
import { encodeBody, jsonBody } from './body-forms.ts';
import type { EncodedBody } from './encoded-body.ts';
import type { BodyWriter, HTTPRequest } from './http-request.ts';
import { clientChecks, HTTPClientUsageError } from './usage.ts';

/** Size of the pieces in which a body in memory is written, so that no more is queued than the server reads. */
const PIECE_BYTES = 256 * 1024;

/** A body that is ready to be sent. */
export type OutgoingBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly contentType: string | undefined }
  | {
      readonly kind: 'chunks';
      readonly chunks: AsyncIterable<Uint8Array>;
      /** -1 if it is unknown. */
      readonly bodyBytes: number;
      readonly isRepeatable: boolean;
      readonly contentType: string | undefined;
    }
  | { readonly kind: 'producer'; readonly produce: (write: BodyWriter) => void | PromiseLike<void> };

export const NO_BODY: OutgoingBody = { kind: 'none' };

/**
 * Returns the body of a request, in the form in which it is sent.
 *
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if the value is not a body, or there are several.
 */
export function bodyOf({ encodedBody, options: { body, json, bodyProducer } }: HTTPRequest): OutgoingBody {
  if (encodedBody !== undefined) return outgoing(encodedBody);
  const given = Number(body !== undefined) + Number(json !== undefined) + Number(bodyProducer !== undefined);
  if (given === 0) return NO_BODY;
  if (given > 1) throw usage('fetch: only one of body, json and bodyProducer may be set');
  if (bodyProducer !== undefined)
    return { kind: 'producer', produce: clientChecks.callback('fetch', 'bodyProducer', bodyProducer) };
  return outgoing(json === undefined ? encodeBody(body) : jsonBody(json));
}

function outgoing({ content, bodyBytes, isRepeatable, contentType }: EncodedBody): OutgoingBody {
  if (content instanceof Uint8Array) return { kind: 'bytes', bytes: content, contentType };
  return { kind: 'chunks', chunks: content, bodyBytes, isRepeatable, contentType };
}

function usage(message: string): HTTPClientUsageError {
  return new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', message);
}

/** Whether a body can be sent more than once. */
export function isRepeatable(body: OutgoingBody): boolean {
  return body.kind !== 'chunks' || body.isRepeatable;
}

/** The Content-Type to send unless the request has one. */
export function contentTypeOf(body: OutgoingBody): string | undefined {
  return body.kind === 'bytes' || body.kind === 'chunks' ? body.contentType : undefined;
}

/** Gives up a body that was never read: a stream is cancelled, so that its source can end. Errors of that are ignored. */
export function discardBody(body: OutgoingBody): void {
  if (body.kind !== 'chunks' || body.isRepeatable) return;
  callReporting(
    () => body.chunks[Symbol.asyncIterator]().return?.(),
    undefined,
    () => {},
  );
}

/** Returns the length of a body for the connection: -1 if it is unknown. */
export function lengthOf(body: OutgoingBody): number {
  if (body.kind === 'none') return 0;
  if (body.kind === 'bytes') return body.bytes.length;
  return body.kind === 'chunks' ? body.bodyBytes : -1;
}

/**
 * Ends the waits of a body that is being sent. Not a promise to race with: that would keep what each wait resolved to in
 * memory until the exchange ends, which is the whole body.
 */
export class BodyStop {
  readonly #wakes = new Set<(value: undefined) => void>();
  #isOver = false;

  /** The exchange has ended: all waits resolve to undefined, also later ones. */
  stop(): void {
    this.#isOver = true;
    for (const wake of this.#wakes) wake(undefined);
    this.#wakes.clear();
  }

  /** Waits for a promise, or until the exchange has ended. */
  wait<T>(waiting: T | PromiseLike<T>): Promise<T | undefined> {
    return new Promise<T | undefined>((resolve, reject) => {
      if (this.#isOver) resolve(undefined);
      else this.#wakes.add(resolve);
      Promise.resolve(waiting).then(
        (value) => {
          this.#wakes.delete(resolve);
          resolve(value);
        },
        (error) => {
          this.#wakes.delete(resolve);
          reject(error);
        },
      );
    });
  }
}

/**
 * Writes the body of a request whose head was sent, as fast as the server reads. Stops without an error if the exchange
 * has ended, because the response may be complete before the request is.
 *
 * @param end - is stopped when the exchange has ended. Without it, an iterable that never yields another chunk would
 *   block this function.
 */
export async function writeBody(
  connection: ClientConnection,
  body: OutgoingBody,
  end: BodyStop,
): Promise<void> {
  if (body.kind === 'none') return;
  if (body.kind === 'bytes') await writeBytes(connection, body.bytes);
  else if (body.kind === 'chunks') await writeChunks(connection, body.chunks[Symbol.asyncIterator](), end);
  else await produce(connection, body.produce, end);
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

async function produce(
  connection: ClientConnection,
  producer: (write: BodyWriter) => void | PromiseLike<void>,
  end: BodyStop,
): Promise<void> {
  // The connection may carry another request later, which a call of `write` must not reach.
  let isOpen = true;
  const write = async (chunk: string | Uint8Array): Promise<void> => {
    // Not at once: a producer without end would then block the event loop.
    if (!isOpen || !connection.wantsBody) return nextTurn();
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))
      throw usage(`fetch: bodyProducer must write strings or Uint8Arrays, got ${shownValue(chunk)}`);
    connection.write(typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : chunk);
    // If the stream is closed, the fetch ends with the reason; a write that is not awaited must not reject.
    await end.wait(connection.waitDrained().catch(nextTurn));
  };
  try {
    await end.wait(producer(write));
  } finally {
    isOpen = false;
  }
}

/** Resolves in the next loop iteration. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function writeChunks(
  connection: ClientConnection,
  chunks: AsyncIterator<Uint8Array>,
  end: BodyStop,
): Promise<void> {
  let done = false;
  try {
    while (connection.wantsBody) {
      const next = await end.wait(chunks.next());
      if (next === undefined) return;
      done = next.done === true;
      if (done) return;
      if (!(next.value instanceof Uint8Array)) {
        const problem = `fetch: chunks of the body must be Uint8Arrays, got ${shownValue(next.value)}`;
        throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', problem);
      }
      if (!connection.wantsBody) return;
      connection.write(next.value);
      await end.wait(connection.waitDrained());
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
