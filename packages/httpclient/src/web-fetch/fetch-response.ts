import { INSPECT, inspectedText, inspectedUrl, inspection } from '@landspout/ioloop/inspection';
import type { HTTPStreamedResponse } from '../response/http-streamed-response.ts';
import { FetchBody } from './fetch-body.ts';

/** Statuses of responses that never have a body ("null body status" of the Fetch standard). */
const NULL_BODY: ReadonlySet<number> = new Set([101, 103, 204, 205, 304]);

/** As the Fetch standard requires: always UTF-8, without a byte order mark, and with U+FFFD for what is not. */
const UTF_8 = new TextDecoder();

/**
 * A response of the client with the members of a `Response` of the Fetch standard. Each of them is defined here: the
 * class inherits from `Response` only for `instanceof`, because the constructor of Node's class costs more than the
 * request.
 */
export class FetchResponse implements Omit<Response, typeof Symbol.toStringTag> {
  readonly #response: HTTPStreamedResponse;
  readonly #body: FetchBody;
  #headers: Headers | undefined = undefined;

  /** Makes the class inherit from `Response`. Not done on import, because it makes Node load its whole `fetch`. */
  static inherit(): void {
    if (FetchResponse.prototype instanceof Response) return;
    Object.setPrototypeOf(FetchResponse.prototype, Response.prototype);
    Object.defineProperty(FetchResponse.prototype, 'constructor', {
      value: Response,
    });
  }

  /** Must not be called before {@link inherit}. @param body - the half of a clone. */
  constructor(response: HTTPStreamedResponse, body?: FetchBody) {
    this.#response = response;
    this.#body = body ?? bodyOf(response);
  }

  get status(): number {
    return this.#response.status;
  }

  get statusText(): string {
    return this.#response.reason;
  }

  get ok(): boolean {
    return this.#response.ok;
  }

  /** The URL after redirects, without the fragment. */
  get url(): string {
    return this.#response.effectiveUrl;
  }

  get redirected(): boolean {
    return this.#response.redirects.length > 0;
  }

  /** Always `basic`, as with Node's fetch: there is no origin that could be another one. */
  get type(): Response['type'] {
    return 'basic';
  }

  /** A copy of the header fields, which is the same object each time. */
  get headers(): Headers {
    this.#headers ??= this.#response.headers.toFetch();
    return this.#headers;
  }

  get body(): Response['body'] {
    return this.#body.stream;
  }

  get bodyUsed(): boolean {
    return this.#body.isUsed;
  }

  get [Symbol.toStringTag](): 'Response' {
    return 'Response';
  }

  text(): Promise<string> {
    const bytes = this.#body.takeComplete();
    return bytes === undefined ? this.#text() : Promise.resolve(UTF_8.decode(bytes));
  }

  async json(): Promise<unknown> {
    return JSON.parse(UTF_8.decode(await this.#body.bytes()));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return copyOf(await this.#body.bytes()).buffer;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return copyOf(await this.#body.bytes());
  }

  async blob(): Promise<Blob> {
    return (await this.#completeResponse()).blob();
  }

  async formData(): Promise<FormData> {
    return (await this.#completeResponse()).formData();
  }

  /** The body as a stream of text. As in Node 26. @throws TypeError if the body was read or has a reader. */
  textStream(): ReadableStream<string> {
    if (this.#body.isUnusable) throw new TypeError('Body is unusable: Body has already been read');
    const { stream } = this.#body;
    if (stream === null) return new ReadableStream({ start: (controller) => controller.close() });
    return stream.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>);
  }

  /** Splits the body, so that both responses can be read. @throws TypeError if it was read. */
  clone(): Response {
    const clone = new FetchResponse(this.#response, this.#body.tee());
    return clone as unknown as Response;
  }

  [INSPECT](): object {
    return inspection(this as FetchResponse, ['status', 'ok', 'type', 'redirected', 'bodyUsed'], () => ({
      statusText: inspectedText(this.statusText),
      url: inspectedUrl(this.url),
      headers: this.#response.headers,
    }));
  }

  async #text(): Promise<string> {
    return UTF_8.decode(await this.#body.bytes());
  }

  /** Reads the body into a response of Node, which knows how to parse it. */
  async #completeResponse(): Promise<Response> {
    const bytes = await this.#body.bytes();
    const type = this.#response.headers.get('Content-Type');
    return new Response(copyOf(bytes), type === undefined ? {} : { headers: { 'Content-Type': type } });
  }
}

function bodyOf(response: HTTPStreamedResponse): FetchBody {
  const { status, request, source } = response;
  const hasNone = NULL_BODY.has(status) || request.method === 'HEAD';
  // No one could read it, or cancel it.
  if (hasNone) source.cancel();
  const { signal } = request.options;
  return new FetchBody(hasNone ? null : source, signal === undefined ? terminated : abortable(signal));
}

function terminated(cause: unknown): TypeError {
  return new TypeError('terminated', { cause });
}

function abortable(signal: AbortSignal): (error: unknown) => unknown {
  return (error) => (signal.aborted ? signal.reason : terminated(error));
}

/** Copies bytes to a buffer of their own, which the caller may transfer. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
