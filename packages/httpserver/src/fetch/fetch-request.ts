import type { HTTPServerExchange, RequestHead } from '@landspout/http1';
import { INSPECT, inspectedUrl, inspection } from '@landspout/ioloop/inspection';
import type { IncomingBody } from '../bodies/incoming-body.ts';
import { NodeExchange } from '../node/node-exchange.ts';
import type { BackgroundWork } from './background-work.ts';
import { LightHeaders } from './light-headers.ts';
import {
  inheritFrom,
  isDisturbed,
  NativeRequest,
  NativeResponse,
  requestStateSymbols,
} from './native-objects.ts';
import { RealRequest } from './real-request.ts';
import { bodyStream, decodeText, ownBytes, readAll } from './request-body.ts';
import { requestUrl } from './request-url.ts';

/** What `exchangeOf` returns. */
export interface RequestExchange {
  readonly exchange: HTTPServerExchange;
  readonly head: RequestHead;
}

/**
 * The request that a Fetch handler is called with: an object that inherits from `Request.prototype`, and reads method,
 * URL, headers and body from the head and the body of the connection when asked. The real `Request` is built for what
 * only that can do: `clone`, `formData` and to be copied or fetched.
 */
export class FetchRequest {
  readonly #exchange: HTTPServerExchange;
  readonly #head: RequestHead;
  /** Undefined if the request has no body. */
  readonly #incoming: IncomingBody | undefined;
  readonly #work: BackgroundWork;
  #url: string | undefined = undefined;
  /** Why the URL is invalid. */
  #urlError: Error | undefined = undefined;
  #headers: LightHeaders | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #closeReason: Error | undefined = undefined;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined = undefined;
  /** Whether the body was read without a stream. */
  #isRead = false;
  #real: RealRequest | undefined = undefined;
  #node: NodeExchange | undefined = undefined;
  /** That of the response, when it is complete. */
  #status = 200;

  constructor(
    exchange: HTTPServerExchange,
    head: RequestHead,
    incoming: IncomingBody | undefined,
    work: BackgroundWork,
  ) {
    this.#exchange = exchange;
    this.#head = head;
    this.#incoming = incoming;
    this.#work = work;
  }

  // ---- for the container: static, so that handlers do not see them ----

  /** The connection has ended: aborts the signal, if there is one. */
  static close(request: FetchRequest, reason: Error): void {
    request.#closeReason = reason;
    request.#controller?.abort(reason);
    request.#node?.connectionClosed(reason);
  }

  /** The container has completed the response: the objects of `node:http` must not wait for it. */
  static responded(request: FetchRequest, status: number): void {
    request.#status = status;
    request.#node?.respondedElsewhere(status);
  }

  /** The response of `node:http`, if the handler has asked for it or for the request of `node:http`. */
  static outgoingOf(request: FetchRequest): NodeExchange['response'] | undefined {
    return request.#node?.response;
  }

  /** The handler has taken over the connection, and has returned. */
  static handedOver(request: FetchRequest): void {
    request.#node?.handedOver();
  }

  /** Why the URL is invalid, if the handler has read it and it is. */
  static urlErrorOf(request: FetchRequest): Error | undefined {
    return request.#urlError;
  }

  static exchangeOf(value: unknown): RequestExchange | undefined {
    const request = FetchRequest.#originOf(value);
    return request && { exchange: request.#exchange, head: request.#head };
  }

  /** Remembers `copy` if it was made from one of ours, or from a copy of one; see {@link exchangeOf}. */
  static rememberCopy(copy: object, source: unknown): void {
    const origin = FetchRequest.#originOf(source);
    if (origin !== undefined) RealRequest.rememberCopy(copy, origin);
  }

  /** Returns the request of ours that `value` is, stands for or was copied from. */
  static #originOf(value: unknown): FetchRequest | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    const origin = #exchange in value ? value : RealRequest.originOf(value);
    return origin as FetchRequest | undefined;
  }

  /** Returns the native Request that stands for one of ours, and that it shares its body with; any other value as is. */
  static unwrap(value: unknown): unknown {
    return typeof value === 'object' && value !== null && #exchange in value ? value.#native() : value;
  }

  static nodeOf(request: FetchRequest): NodeExchange {
    if (request.#node === undefined) {
      request.#node = new NodeExchange(request.#exchange, request.#head);
      request.#node.setBody(request.#incoming);
      if (request.#exchange.finished) request.#node.respondedElsewhere(request.#status);
    }
    return request.#node;
  }

  // ---- Request ----

  get method(): string {
    return this.#head.method;
  }

  get url(): string {
    this.#url ??= this.#findUrl();
    return this.#url;
  }

  get headers(): Headers {
    this.#headers ??= new LightHeaders(this.#head.headers, true);
    return this.#headers as unknown as Headers;
  }

  /** Aborts if the connection ends before the response is complete; see `reason.code`. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#closeReason !== undefined) this.#controller.abort(this.#closeReason);
    }
    return this.#controller.signal;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (this.#real !== undefined) return this.#real.body as ReadableStream<Uint8Array<ArrayBuffer>> | null;
    if (this.#incoming === undefined) return null;
    if (this.#stream === undefined) {
      this.#stream = this.#isRead ? usedStream() : bodyStream(this.#incoming);
    }
    return this.#stream;
  }

  get bodyUsed(): boolean {
    if (this.#real !== undefined) return this.#real.bodyUsed;
    return this.#isRead || (this.#stream !== undefined && isDisturbed(this.#stream));
  }

  text(): Promise<string> {
    return this.#read((bytes) => decodeText(bytes), 'text');
  }

  json(): Promise<unknown> {
    return this.#read((bytes) => JSON.parse(decodeText(bytes)) as unknown, 'json');
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#read((bytes) => ownBytes(bytes).buffer, 'arrayBuffer');
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#read(ownBytes, 'bytes');
  }

  blob(): Promise<Blob> {
    const type = this.headers.get('content-type') ?? '';
    const blobOf = (bytes: Uint8Array) =>
      new NativeResponse(ownBytes(bytes), { headers: type === '' ? [] : [['content-type', type]] }).blob();
    return this.#read(blobOf, 'blob');
  }

  formData(): Promise<FormData> {
    return settled(() => this.#native().formData());
  }

  clone(): Request {
    return this.#native().clone();
  }

  get cache(): Request['cache'] {
    return 'default';
  }

  get credentials(): Request['credentials'] {
    return 'same-origin';
  }

  get destination(): Request['destination'] {
    return '';
  }

  get duplex(): 'half' {
    return 'half';
  }

  get integrity(): string {
    return '';
  }

  get isHistoryNavigation(): boolean {
    return false;
  }

  get isReloadNavigation(): boolean {
    return false;
  }

  get keepalive(): boolean {
    return false;
  }

  get mode(): Request['mode'] {
    return 'cors';
  }

  get redirect(): Request['redirect'] {
    return 'follow';
  }

  get referrer(): string {
    return 'about:client';
  }

  get referrerPolicy(): Request['referrerPolicy'] {
    return '';
  }

  // ---- additions of srvx ----

  /** The IP address of the client: from the headers of trusted proxies if there are any, else that of the connection. */
  get ip(): string | undefined {
    const { remoteAddress } = this.#exchange.connection;
    return 'address' in remoteAddress ? remoteAddress.address : undefined;
  }

  set ip(value: string | undefined) {
    shadow(this, 'ip', value);
  }

  /**
   * Counts work that continues after the response. Only `close` of a server of `serve` waits for it; with a FetchContainer
   * in another server, call `settled` of the container after stopping the server.
   */
  waitUntil(promise: PromiseLike<unknown>): void {
    this.#work.add(promise);
  }

  /** The objects of `node:http` for this request. */
  get runtime(): { readonly name: 'node'; readonly node: RuntimeNode } {
    const runtime = { name: 'node', node: new RuntimeNode(this) } as const;
    shadow(this, 'runtime', runtime);
    return runtime;
  }

  set runtime(value: object) {
    shadow(this, 'runtime', value);
  }

  [INSPECT](): object {
    return inspection(this, ['method'], () => ({
      url: this.#urlError === undefined ? inspectedUrl(this.url) : undefined,
      headers: this.headers,
      bodyUsed: this.bodyUsed,
    }));
  }

  #findUrl(): string {
    try {
      return requestUrl(this.#head, this.#exchange.connection, this.#exchange.publicOrigins);
    } catch (error) {
      this.#urlError = error as Error;
      throw error;
    }
  }

  #read<T>(
    convert: (bytes: Uint8Array) => T | Promise<T>,
    method: 'text' | 'json' | 'arrayBuffer' | 'bytes' | 'blob',
  ): Promise<T> {
    const real = this.#real as unknown as Record<string, () => Promise<T>> | undefined;
    if (real !== undefined) return (real[method] as () => Promise<T>).call(real);
    const incoming = this.#incoming;
    if (incoming === undefined) return settled(() => convert(NO_BYTES));
    const isLocked = this.#stream?.locked === true;
    if (isLocked || this.bodyUsed) return Promise.reject(unusable(isLocked));
    // A stream that was asked for and not read would take the chunks.
    if (this.#stream !== undefined)
      return (this.#native() as unknown as Record<string, () => Promise<T>>)[method]?.() as Promise<T>;
    this.#isRead = true;
    return incoming.isComplete ? settled(() => convert(incoming.takeAll())) : readAll(incoming).then(convert);
  }

  #native(): RealRequest {
    this.#real ??= this.#createReal();
    return this.#real;
  }

  #createReal(): RealRequest {
    const isLocked = this.#stream?.locked === true;
    if (isLocked || this.bodyUsed) throw unusable(isLocked);
    const incoming = this.#incoming;
    const isWhole = incoming?.isComplete === true && this.#stream === undefined;
    const headers = this.#headers === undefined ? undefined : LightHeaders.fieldsOf(this.#headers);
    const fields = (headers ?? this.#head.headers).getAll();
    return new RealRequest(
      this as unknown as Request,
      fields,
      isWhole ? ownBytes(incoming.takeAll()) : this.body,
    );
  }
}

inheritFrom(
  FetchRequest.prototype,
  NativeRequest,
  (request) => FetchRequest.unwrap(request) as Request,
  requestStateSymbols,
);

/** `request.runtime.node` of srvx. */
class RuntimeNode {
  readonly #request: FetchRequest;

  constructor(request: FetchRequest) {
    this.#request = request;
  }

  get req(): NodeExchange['request'] {
    return FetchRequest.nodeOf(this.#request).request;
  }

  get res(): NodeExchange['response'] {
    return FetchRequest.nodeOf(this.#request).response;
  }
}

const NO_BYTES = new Uint8Array(0);

/** A stream that was read to its end. */
function usedStream(): ReadableStream<Uint8Array<ArrayBuffer>> {
  const response = new NativeResponse('');
  void response.text();
  return response.body as ReadableStream<Uint8Array<ArrayBuffer>>;
}

function unusable(isLocked: boolean): TypeError {
  return new TypeError(`Body is unusable: it ${isLocked ? 'is locked' : 'has already been read'}`);
}

async function settled<T>(act: () => T | Promise<T>): Promise<T> {
  return act();
}

function shadow(request: object, name: string, value: unknown): void {
  Object.defineProperty(request, name, { value, writable: true, configurable: true });
}
