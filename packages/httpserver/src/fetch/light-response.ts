import { HTTPHeaders } from '@landspout/http1';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { fieldsFrom, LightHeaders } from './light-headers.ts';
import { type FetchBody, inheritFrom, isDisturbed, NativeResponse } from './native-objects.ts';
import { decodeText, ownBytes } from './request-body.ts';

/** A body that can be written without a native object. */
export type LightBody = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null;

const CONTENT_TYPE = 'Content-Type';
const TEXT_TYPE = 'text/plain;charset=UTF-8';
const FORM_TYPE = 'application/x-www-form-urlencoded;charset=UTF-8';
const JSON_TYPE = 'application/json';

/** The headers of most responses without headers of their own. Shared: never changed. */
const TEXT_FIELDS = new HTTPHeaders().add(CONTENT_TYPE, TEXT_TYPE);
const NO_FIELDS = new HTTPHeaders();

/** Statuses of responses that have no body (Fetch standard, null body status). */
const NULL_BODY_STATUSES: ReadonlySet<number> = new Set([101, 103, 204, 205, 304]);
const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** RFC 9112 §4: reason-phrase. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * A Response that keeps the status, the fields and the body it was made of. A response of text, bytes or a stream is
 * written without a native Response, Headers or stream. For anything else that is asked of the body, a native Response
 * is created, which then holds the body.
 *
 * It replaces the global `Response`: each is an instance of the other, and classes may extend it.
 */
export class LightResponse {
  readonly #status: number;
  readonly #statusText: string;
  readonly #fields: HTTPHeaders;
  readonly #isShared: boolean;
  #headers: LightHeaders | undefined = undefined;
  #body: LightBody;
  /** Whether the text or bytes were read or written. */
  #isUsed = false;
  /** Holds the body after something was asked of it that only a native Response can do. */
  #native: Response | undefined = undefined;

  constructor(body?: FetchBody, init?: ResponseInit) {
    let type: string | undefined;
    if (typeof body === 'string') {
      this.#body = body;
      type = TEXT_TYPE;
    } else if (body === undefined || body === null) {
      this.#body = null;
    } else {
      this.#body = null;
      type = this.#takeBody(body);
    }
    if (init === undefined || init === null) {
      this.#status = 200;
      this.#statusText = '';
    } else {
      this.#status = statusOf(init.status);
      this.#statusText = init.statusText === undefined ? '' : reasonOf(init.statusText);
      if (type !== undefined || this.#body !== null || this.#native !== undefined) refuseBodyOf(this.#status);
    }
    const given = init?.headers;
    if (given === undefined) {
      this.#isShared = type === TEXT_TYPE || type === undefined;
      this.#fields =
        type === TEXT_TYPE ? TEXT_FIELDS : type === undefined ? NO_FIELDS : typed(new HTTPHeaders(), type);
    } else {
      this.#isShared = false;
      this.#fields = fieldsFrom(given);
      if (type !== undefined) typed(this.#fields, type);
    }
  }

  // ---- for the container: static, so that handlers do not see them ----

  static isLight(value: object): value is LightResponse {
    return #body in value;
  }

  /** Returns the fields to send, not to be changed. */
  static fieldsOf(response: LightResponse): HTTPHeaders {
    const headers = response.#headers;
    return headers === undefined ? response.#fields : (LightHeaders.fieldsOf(headers) as HTTPHeaders);
  }

  /**
   * Takes the body to write it.
   *
   * @returns undefined if the body was already read, or is being read.
   */
  static takeBody(response: LightResponse): LightBody | undefined {
    const body = response.#native === undefined ? response.#body : response.#native.body;
    if (body === null) return null;
    if (body instanceof ReadableStream) return body.locked || isDisturbed(body) ? undefined : body;
    if (response.#isUsed) return undefined;
    response.#isUsed = true;
    return body;
  }

  // ---- Response ----

  static error(): Response {
    return NativeResponse.error();
  }

  static json(data: unknown, init?: ResponseInit): Response {
    const text = JSON.stringify(data) as string | undefined;
    if (text === undefined) throw new TypeError('Response.json: the value has no JSON form');
    const headers = init?.headers === undefined ? new HTTPHeaders() : fieldsFrom(init.headers);
    const { status, statusText } = init ?? {};
    const fields = new LightHeaders(typed(headers, JSON_TYPE), false) as unknown as Headers;
    return new LightResponse(text, {
      headers: fields,
      ...(status !== undefined && { status }),
      ...(statusText !== undefined && { statusText }),
    }) as unknown as Response;
  }

  static redirect(url: string | URL, status = 302): Response {
    let location: string;
    try {
      location = new URL(String(url)).href;
    } catch (error) {
      throw new TypeError(`Response.redirect: ${JSON.stringify(String(url))} is not an absolute URL`, {
        cause: error,
      });
    }
    const code = Math.trunc(Number(status));
    if (!REDIRECT_STATUSES.has(code))
      throw new RangeError(`Response.redirect: ${String(status)} is no redirect status`);
    return new LightResponse(null, { status: code, headers: { Location: location } }) as unknown as Response;
  }

  get status(): number {
    return this.#status;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299;
  }

  get type(): Response['type'] {
    return 'default';
  }

  get url(): string {
    return '';
  }

  get redirected(): boolean {
    return false;
  }

  get headers(): Headers {
    this.#headers ??= new LightHeaders(this.#fields, this.#isShared);
    return this.#headers as unknown as Headers;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (this.#native === undefined && (this.#body === null || this.#body instanceof ReadableStream)) {
      return this.#body as ReadableStream<Uint8Array<ArrayBuffer>> | null;
    }
    return this.#holder().body as ReadableStream<Uint8Array<ArrayBuffer>> | null;
  }

  get bodyUsed(): boolean {
    if (this.#native !== undefined) return this.#native.bodyUsed;
    return this.#body instanceof ReadableStream ? isDisturbed(this.#body) : this.#isUsed;
  }

  async text(): Promise<string> {
    const bytes = this.#takeBytes();
    return bytes === undefined ? this.#holder().text() : decodeText(bytes);
  }

  async json(): Promise<unknown> {
    const bytes = this.#takeBytes();
    return bytes === undefined ? this.#holder().json() : (JSON.parse(decodeText(bytes)) as unknown);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = this.#takeBytes();
    return bytes === undefined ? this.#holder().arrayBuffer() : bytes.buffer;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.arrayBuffer());
  }

  async blob(): Promise<Blob> {
    const type = this.headers.get(CONTENT_TYPE) ?? '';
    return new NativeResponse(
      await this.arrayBuffer(),
      type === '' ? {} : { headers: [[CONTENT_TYPE, type]] },
    ).blob();
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get(CONTENT_TYPE) ?? '';
    const body = this.#holder().body;
    return new NativeResponse(body, type === '' ? {} : { headers: [[CONTENT_TYPE, type]] }).formData();
  }

  clone(): Response {
    const body = this.#body;
    const isOwn = this.#native === undefined && !(body instanceof ReadableStream);
    if (this.bodyUsed || (isOwn ? false : this.body?.locked === true)) {
      throw new TypeError('Response.clone: the body has already been read, or is locked');
    }
    const copy = new LightResponse(null, {
      status: this.#status,
      statusText: this.#statusText,
      headers: this.headers,
    });
    if (isOwn) copy.#body = body;
    else copy.#native = this.#holder().clone();
    return copy as unknown as Response;
  }

  [INSPECT](): object {
    return inspection(this, ['status', 'statusText', 'headers', 'bodyUsed']);
  }

  /** Keeps a body that is not a text. @returns its content type, if it has one of its own. */
  #takeBody(body: unknown): string | undefined {
    if (body instanceof ReadableStream) {
      if (body.locked || isDisturbed(body)) {
        throw new TypeError('Response: the body is a stream that is locked or was already read');
      }
      this.#body = body as ReadableStream<Uint8Array>;
      return undefined;
    }
    // A copy: the program may use its buffer again while the response is being sent.
    if (body instanceof ArrayBuffer) this.#body = new Uint8Array(body.slice(0));
    else if (ArrayBuffer.isView(body)) {
      this.#body = new Uint8Array(new Uint8Array(body.buffer, body.byteOffset, body.byteLength));
    } else if (body instanceof URLSearchParams) {
      this.#body = body.toString();
      return FORM_TYPE;
    } else {
      this.#native = new NativeResponse(body as FetchBody);
      return this.#native.headers.get(CONTENT_TYPE) ?? undefined;
    }
    return undefined;
  }

  /** Takes the body as bytes of its own; undefined if only the holder can read it. */
  #takeBytes(): Uint8Array<ArrayBuffer> | undefined {
    const body = this.#body;
    if (this.#native !== undefined || body instanceof ReadableStream) return undefined;
    if (body === null) return new Uint8Array(0);
    if (this.#isUsed) throw new TypeError('Body is unusable: it has already been read');
    this.#isUsed = true;
    return typeof body === 'string' ? ownBytes(Buffer.from(body, 'utf8')) : new Uint8Array(body);
  }

  #holder(): Response {
    if (this.#native === undefined) {
      this.#native = new NativeResponse(this.#body);
      if (this.#isUsed) void this.#native.arrayBuffer();
    }
    return this.#native;
  }
}

Object.defineProperty(LightResponse, 'name', { value: 'Response' });
Object.defineProperty(LightResponse, Symbol.hasInstance, { value: isInstanceOf });
inheritFrom(LightResponse.prototype, NativeResponse, (response: LightResponse) => {
  const { status, statusText, headers, body } = response;
  return new NativeResponse(body, { status, statusText, headers });
});
// Static methods of later versions of Node.
Object.setPrototypeOf(LightResponse, NativeResponse);

/** Native responses are instances of the class too. Subclasses have only their own instances. */
function isInstanceOf(this: unknown, value: unknown): boolean {
  if (this === LightResponse) return value instanceof NativeResponse;
  return Function.prototype[Symbol.hasInstance].call(this, value);
}

/** Adds a content type unless there is one. */
function typed(fields: HTTPHeaders, type: string): HTTPHeaders {
  return fields.get(CONTENT_TYPE) === undefined ? fields.add(CONTENT_TYPE, type) : fields;
}

function statusOf(given: number | undefined): number {
  if (given === undefined) return 200;
  const status = typeof given === 'number' ? Math.trunc(given) : Math.trunc(Number(given));
  if (status >= 200 && status <= 599) return status;
  throw new RangeError(`Response: the status must be from 200 to 599, not ${String(given)}`);
}

function reasonOf(given: string): string {
  const reason = String(given);
  if (reason === '' || REASON.test(reason)) return reason;
  throw new TypeError('Response: statusText contains a character that a reason phrase must not have');
}

function refuseBodyOf(status: number): void {
  if (NULL_BODY_STATUSES.has(status))
    throw new TypeError(`Response: a response with status ${status} has no body`);
}
