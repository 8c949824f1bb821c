import { BodyChunks } from '@landspout/http1/server';
import type { IncomingBody } from '../bodies/incoming-body.ts';

/** Without `stream: true`, no call leaves anything behind for the next. */
const utf8 = new TextDecoder();

/** Reads the whole body. Rejects with the reason if the rest does not arrive. */
export function readAll(body: IncomingBody): Promise<Uint8Array> {
  if (body.isComplete) return Promise.resolve(body.takeAll());
  return new Promise((resolve, reject) => {
    const chunks = new BodyChunks();
    const read = () => {
      for (let chunk = body.take(); chunk !== undefined; chunk = body.take()) chunks.push(chunk);
      if (!body.isComplete && body.error === undefined) return;
      body.onReadable = undefined;
      if (body.isComplete) resolve(chunks.takeAll());
      else reject(body.error);
    };
    body.onReadable = read;
    read();
  });
}

/** Returns a stream of the bytes of the body. Only what is asked for is taken from the connection. */
export function bodyStream(body: IncomingBody): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream(new BodySource(body), {
    highWaterMark: 0,
  }) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

class BodySource {
  readonly type = 'bytes';
  readonly #body: IncomingBody;
  #controller: ReadableByteStreamController | undefined = undefined;
  /** Whether a reader waits for a chunk. */
  #isAsked = false;

  constructor(body: IncomingBody) {
    this.#body = body;
  }

  start(controller: ReadableByteStreamController): void {
    this.#controller = controller;
    const body = this.#body;
    body.onReadable = () => this.#deliver();
    if (body.isComplete && body.queuedBytes === 0) this.#end();
  }

  pull(): void {
    this.#isAsked = true;
    this.#deliver();
  }

  cancel(): void {
    this.#body.discard();
  }

  #deliver(): void {
    const body = this.#body;
    const controller = this.#controller;
    if (controller === undefined) return;
    if (this.#isAsked) {
      const chunk = body.take();
      if (chunk !== undefined) {
        this.#isAsked = false;
        controller.enqueue(ownBytes(chunk));
      }
    }
    if (body.queuedBytes > 0) return;
    if (body.isComplete) this.#end();
    else if (body.error !== undefined) this.#close(() => controller.error(body.error));
  }

  #end(): void {
    const controller = this.#controller as ReadableByteStreamController;
    this.#close(() => {
      controller.close();
      controller.byobRequest?.respond(0);
    });
  }

  #close(act: () => void): void {
    this.#controller = undefined;
    this.#body.onReadable = undefined;
    act();
  }
}

/**
 * Returns bytes that do not share their memory: a small Buffer is a part of Node's pool, which a stream of bytes would
 * transfer as a whole.
 */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength
    ? new Uint8Array(bytes.buffer as ArrayBuffer)
    : new Uint8Array(bytes);
}

/** Decodes UTF-8 like `text()` of Fetch: without a byte order mark, and with U+FFFD for what is no UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}
