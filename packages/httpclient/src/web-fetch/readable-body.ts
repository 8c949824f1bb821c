import type { ResponseBody } from '../response/response-body.ts';

/** Converts an error of a body to the one that its reader gets. */
export type BodyFailure = (error: unknown) => unknown;

/**
 * Makes a byte stream of a body. The body is read only when the stream is read, so a slow reader slows the server down.
 * Cancelling the stream closes the connection, unless the body has arrived completely.
 */
export function readableBody(body: ResponseBody, failure: BodyFailure): ReadableStream<Uint8Array> {
  return new ReadableStream(
    new BodySource(body, failure) as UnderlyingByteSource,
  ) as ReadableStream<Uint8Array>;
}

type UnderlyingByteSource = ConstructorParameters<typeof ReadableStream>[0] & {
  readonly type: 'bytes';
};

class BodySource {
  readonly type = 'bytes';
  readonly #body: ResponseBody;
  readonly #failure: BodyFailure;

  constructor(body: ResponseBody, failure: BodyFailure) {
    this.#body = body;
    this.#failure = failure;
  }

  async pull(controller: ReadableByteStreamController): Promise<void> {
    let chunk: Uint8Array | undefined;
    try {
      do chunk = await this.#body.next();
      while (chunk?.length === 0);
    } catch (error) {
      throw this.#failure(error);
    }
    if (chunk !== undefined) {
      controller.enqueue(detachable(chunk));
      return;
    }
    controller.close();
    // A read into the caller's own buffer ends only with a response (WHATWG Streams, readable byte streams).
    controller.byobRequest?.respond(0);
  }

  cancel(): void {
    this.#body.cancel();
  }
}

/** The stream detaches the buffer of each chunk, which must therefore not be shared with others. */
function detachable(chunk: Uint8Array): Uint8Array {
  const isOwn = chunk.byteLength === chunk.buffer.byteLength;
  return isOwn ? new Uint8Array(chunk.buffer as ArrayBuffer) : new Uint8Array(chunk);
}
