import { PassThrough, pipeline, Readable } from 'node:stream';
import { HTTPHeaders } from '@landspout/http1';
import type { StreamedResponse } from './response-stream.ts';

/**
 * A response that describes itself for `node:http`, which takes less work than its properties, because these need a
 * native Response: `FastResponse` of srvx, which is also what h3 makes.
 */
export interface SelfPreparingResponse {
  /** May be called once: the response is empty afterwards. `headers` has names and values in turn. */
  _toNodeResponse(): {
    readonly status: number;
    readonly statusText: string;
    readonly headers: readonly unknown[];
    readonly body: unknown;
  };
}

export type PreparedBody = string | Uint8Array | ReadableStream<Uint8Array> | null;

/** What of Node's streams is used. React has objects that only have `pipe` and `abort`. */
interface Piping {
  pipe(target: PassThrough): unknown;
  abort?(): void;
}

export function isSelfPreparing(response: object): response is SelfPreparingResponse {
  return typeof (response as Partial<SelfPreparingResponse>)._toNodeResponse === 'function';
}

/** Takes the status, the headers and the body out of `response`. */
export function prepare(response: SelfPreparingResponse): StreamedResponse & { readonly body: PreparedBody } {
  const { status, statusText, headers: fields, body } = response._toNodeResponse();
  const headers = new HTTPHeaders();
  for (let at = 0; at + 1 < fields.length; at += 2) headers.add(String(fields[at]), String(fields[at + 1]));
  return { status, statusText, headers, body: bodyOf(body) };
}

function bodyOf(body: unknown): PreparedBody {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  if (body instanceof Readable) return webStreamOf(isOfBytes(body) ? body : encoded(body));
  if (typeof (body as Partial<Piping>).pipe === 'function') return piped(body as Piping);
  return body as ReadableStream<Uint8Array>;
}

function isOfBytes(readable: Readable): boolean {
  return !readable.readableObjectMode && readable.readableEncoding === null;
}

/** A failure or the end of one of the two streams is also that of the other. */
function encoded(source: Readable): Readable {
  return pipeline(source, new PassThrough(), () => {});
}

function piped(source: Piping): ReadableStream<Uint8Array> {
  const target = new PassThrough();
  target.once('close', () => {
    if (!target.readableEnded) source.abort?.();
  });
  source.pipe(target);
  return webStreamOf(target);
}

function webStreamOf(readable: Readable): ReadableStream<Uint8Array> {
  // The types of Node and those of the global classes differ only in name.
  return Readable.toWeb(readable) as unknown as ReadableStream<Uint8Array>;
}
