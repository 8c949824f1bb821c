import { Buffer } from 'node:buffer';
import type { HTTPHeaders } from '@landspout/http1';
import { INSPECT, inspectedBytes, inspectedUrl, inspection } from '@landspout/ioloop/inspection';

/** A request that a MockTransport received, with its complete body. */
export class MockRequest {
  readonly method: string;
  /** The absolute URL, without user information and fragment. */
  readonly url: string;
  /** The header fields as they were sent, with those that the client added. */
  readonly headers: HTTPHeaders;
  readonly body: Uint8Array;
  /** The number of the connection on which it arrived, from 1. Requests with the same number shared a connection. */
  readonly connection: number;

  /** @internal */
  constructor(method: string, url: string, headers: HTTPHeaders, body: Uint8Array, connection: number) {
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.body = body;
    this.connection = connection;
  }

  /** The body as UTF-8. */
  text(): string {
    return Buffer.from(this.body.buffer, this.body.byteOffset, this.body.byteLength).toString();
  }

  /** The body as JSON. @throws SyntaxError */
  json(): unknown {
    return JSON.parse(this.text());
  }

  [INSPECT](): object {
    return inspection(this, ['method', 'headers', 'connection'], () => ({
      url: inspectedUrl(this.url),
      body: inspectedBytes(this.body),
    }));
  }
}

/** Keeps the most recent requests within limits: when one is exceeded, the oldest are forgotten. */
export class RequestLog {
  readonly requests: MockRequest[] = [];
  readonly #maxRequests: number;
  readonly #maxBytes: number;
  #bytes = 0;

  /** @param maxBytes - of the bodies together. */
  constructor(maxRequests: number, maxBytes: number) {
    this.#maxRequests = maxRequests;
    this.#maxBytes = maxBytes;
  }

  add(request: MockRequest): void {
    this.requests.push(request);
    this.#bytes += request.body.length;
    while (this.requests.length > this.#maxRequests || this.#bytes > this.#maxBytes) {
      const oldest = this.requests.shift();
      if (oldest === undefined) return;
      this.#bytes -= oldest.body.length;
    }
  }

  clear(): void {
    this.requests.length = 0;
    this.#bytes = 0;
  }
}
