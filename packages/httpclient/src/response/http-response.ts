// The response/ folder holds complete responses, and collects them from their pieces. fetch/ decides whether a response
// is an error.

import type { HTTPHeaders } from '@landspout/http1';
import {
  INSPECT,
  inspectedBytes,
  inspectedText,
  inspectedUrl,
  inspection,
} from '@landspout/ioloop/inspection';
import type { HTTPRequest } from '../request/http-request.ts';

/** How long the phases of one fetch took, in milliseconds. */
export interface HTTPTimings {
  /** From the call of `fetch` until a connection may be used or opened. */
  readonly queueMs: number;
  /** Name resolution, connecting and TLS together; 0 for a reused connection. */
  readonly connectMs: number;
  /** From sending the request to the complete head of the response. */
  readonly firstByteMs: number;
  /** From the call of `fetch` to the end of the response. */
  readonly totalMs: number;
}

export interface HTTPResponseParts {
  readonly request: HTTPRequest;
  readonly effectiveUrl: string;
  readonly status: number;
  readonly reason: string;
  readonly headers: HTTPHeaders;
  readonly body: Uint8Array;
  readonly timings: HTTPTimings;
}

const CHARSET = /;[ \t]*charset[ \t]*=[ \t]*"?([^\s;"]+)/i;

/** A complete response, which the caller owns. */
export class HTTPResponse {
  /** The request as passed to `fetch`. */
  readonly request: HTTPRequest;
  /** The requested URL, percent-encoded, without user information and fragment. */
  readonly effectiveUrl: string;
  /** 200 to 599. */
  readonly status: number;
  readonly reason: string;
  readonly headers: HTTPHeaders;
  /** The body as received; empty if `onData` consumed it. */
  readonly body: Uint8Array;
  readonly timings: HTTPTimings;

  constructor(parts: HTTPResponseParts) {
    this.request = parts.request;
    this.effectiveUrl = parts.effectiveUrl;
    this.status = parts.status;
    this.reason = parts.reason;
    this.headers = parts.headers;
    this.body = parts.body;
    this.timings = parts.timings;
  }

  /** Whether the status is 2xx. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** Decodes the body as text, in the charset of `Content-Type` if that charset is supported, otherwise as UTF-8. */
  text(): string {
    const label = CHARSET.exec(this.headers.get('Content-Type') ?? '')?.[1] ?? 'utf-8';
    return decoderFor(label).decode(this.body);
  }

  /**
   * Parses the body as JSON. Ignores the charset in the headers, because JSON is always UTF-8 (RFC 8259 §8.1).
   *
   * @throws SyntaxError
   */
  json(): unknown {
    return JSON.parse(new TextDecoder().decode(this.body));
  }

  [INSPECT](): object {
    return inspection(this, ['status'], () => ({
      reason: inspectedText(this.reason),
      effectiveUrl: inspectedUrl(this.effectiveUrl),
      headers: this.headers,
      body: inspectedBytes(this.body),
      timings: this.timings,
    }));
  }
}

function decoderFor(label: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder();
  }
}
