import { HTTPHeaders, type HTTPServerConnectionDelegate, type ResponseHead } from '@landspout/http1';
import { ClientConnection } from '@landspout/http1/client';
import type { HTTPHeadersInit } from '@landspout/http1/protocol';
import { HTTPServer, type HTTPServerOptions } from '@landspout/httpserver';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspectedBytes, inspection } from '@landspout/ioloop/inspection';
import { onAbort } from '@landspout/ioloop/reactor';
import { IOStream } from '@landspout/iostream';
import { webChecks } from '../errors.ts';

export interface TestClientOptions {
  /** The `Host` of each request. Default: `localhost`. */
  readonly host?: string;
  /** Options of the server, such as `maxBodyBytes`. */
  readonly server?: HTTPServerOptions;
}

export interface TestRequest {
  /** The HTTP method. Default: GET, or POST if there is a body. */
  readonly method?: string;
  readonly headers?: HTTPHeadersInit;
  /** Text, bytes, a form as `URLSearchParams` or `FormData`, or an array or plain object, which is sent as JSON. */
  readonly body?: string | Uint8Array | URLSearchParams | FormData | object;
  /** Closes the connection, as if the client had disconnected; the promise rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
}

const CLIENT_OPTIONS: OptionNames<TestClientOptions> = { host: true, server: true };
const REQUEST: OptionNames<TestRequest> = { method: true, headers: true, body: true, signal: true };

/** A complete response. */
export class TestResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: HTTPHeaders;
  readonly body: Uint8Array;

  constructor({ status, reason, headers }: ResponseHead, body: Uint8Array) {
    this.status = status;
    this.reason = reason;
    this.headers = headers;
    this.body = body;
  }

  /** The body as UTF-8. */
  text(): string {
    return Buffer.from(this.body).toString();
  }

  /** The body as JSON. @throws SyntaxError */
  json(): unknown {
    return JSON.parse(this.text());
  }

  [INSPECT](): object {
    return inspection(this, ['status', 'headers'], () => ({ body: inspectedBytes(this.body) }));
  }
}

/**
 * Sends requests to an application without a network: over a stream in memory, through the whole HTTP server. It keeps
 * the cookies that responses set, and sends them with later requests. Requests may run concurrently; each has its own
 * connection. Redirects are not followed.
 *
 * @example
 * await using client = new TestClient(app);
 * expect((await client.request('/user/1')).json()).toEqual({ id: '1' });
 */
export class TestClient {
  /** The cookies that the client sends, by name; a test may change them. */
  readonly cookies = new Map<string, string>();
  readonly #server: HTTPServer;
  readonly #host: string;

  /** @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown; otherwise like {@link HTTPServer}. */
  constructor(app: HTTPServerConnectionDelegate, options: TestClientOptions = {}) {
    webChecks.options('TestClient', options, CLIENT_OPTIONS);
    this.#server = new HTTPServer(app, options.server);
    this.#host = options.host ?? 'localhost';
  }

  /**
   * Sends a request, and returns the response whatever its status.
   *
   * @param target - path and query, such as `/user/1?page=2`, sent unchanged.
   * @throws HTTPClosedError `ERR_HTTP_CLOSED` if the connection ends before the response is complete, for example
   *   because of an error after the headers were sent; the reason of `signal`; WebUsageError `ERR_WEB_USAGE` if an
   *   option is unknown.
   */
  async request(target: string, request: TestRequest = {}): Promise<TestResponse> {
    webChecks.options('TestClient.request', request, REQUEST);
    const { signal } = request;
    signal?.throwIfAborted();
    const body = await bodyOf(request.body);
    const headers = this.#headersOf(request, body?.type);
    const [stream, serverStream] = IOStream.pair();
    this.#server.handleStream(serverStream);
    const connection = new ClientConnection(stream);
    const bytes = body?.bytes;
    const response = await new Promise<TestResponse>((resolve, reject) => {
      let head: ResponseHead;
      const chunks: Uint8Array[] = [];
      const stopListening = onAbort(signal, (reason) => connection.abort(reason as Error));
      const method = request.method ?? (bytes === undefined ? 'GET' : 'POST');
      connection.begin(
        { method, target, headers, bodyBytes: bytes?.length ?? 0 },
        {
          headersReceived(received) {
            head = received;
          },
          dataReceived(chunk) {
            chunks.push(chunk);
          },
          finish() {
            stopListening();
            resolve(new TestResponse(head, Buffer.concat(chunks)));
          },
          connectionClosed(reason) {
            stopListening();
            reject(reason);
          },
        },
      );
      if (bytes === undefined || bytes.length === 0) return;
      connection.write(bytes);
      if (connection.wantsBody) connection.finish();
    }).finally(() => connection.close());
    this.#keepCookies(response.headers);
    return response;
  }

  /** Closes the connections of this client. */
  close(): Promise<void> {
    return this.#server.closeAll();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ host: this.#host, cookies: [...this.cookies.keys()] }));
  }

  #headersOf(request: TestRequest, type: string | undefined): HTTPHeaders {
    const headers = new HTTPHeaders().set('Host', this.#host);
    if (type !== undefined) headers.set('Content-Type', type);
    if (this.cookies.size > 0) {
      headers.set('Cookie', [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    }
    if (request.headers === undefined) return headers;
    for (const [name, value] of HTTPHeaders.from(request.headers).getAll()) headers.set(name, value);
    return headers;
  }

  #keepCookies(headers: HTTPHeaders): void {
    for (const line of headers.getList('Set-Cookie')) {
      const [pair = '', ...attributes] = line.split(';');
      const name = pair.slice(0, pair.indexOf('=')).trim();
      const expires = attributes.find((attribute) => /^\s*expires=/i.test(attribute));
      const isGone =
        expires !== undefined && Date.parse(expires.slice(expires.indexOf('=') + 1)) <= Date.now();
      if (isGone) this.cookies.delete(name);
      else this.cookies.set(name, pair.slice(pair.indexOf('=') + 1).trim());
    }
  }
}

interface Body {
  readonly bytes: Uint8Array;
  readonly type?: string;
}

/** @throws WebUsageError `ERR_WEB_USAGE` for an object that JSON would not represent. */
async function bodyOf(body: TestRequest['body']): Promise<Body | undefined> {
  if (body === undefined) return undefined;
  if (typeof body === 'string') return { bytes: Buffer.from(body), type: 'text/plain; charset=UTF-8' };
  if (body instanceof Uint8Array) return { bytes: body };
  if (body instanceof URLSearchParams)
    return { bytes: Buffer.from(body.toString()), type: 'application/x-www-form-urlencoded' };
  if (body instanceof FormData) {
    const encoded = new Response(body);
    const type = encoded.headers.get('Content-Type') ?? '';
    return { bytes: new Uint8Array(await encoded.arrayBuffer()), type };
  }
  if (!isPlain(body)) {
    const expected = 'body: text, bytes, URLSearchParams, FormData, an array or a plain object';
    throw webChecks.wrong('TestClient.request', expected, body);
  }
  return { bytes: Buffer.from(JSON.stringify(body)), type: 'application/json' };
}

function isPlain(value: object): boolean {
  if (Array.isArray(value) || 'toJSON' in value) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
