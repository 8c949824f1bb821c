// A complete response, and how it is collected from its pieces. Whether it is an error is decided elsewhere.

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
  /** From the call until a connection may be used. */
  readonly queueMs: number;
  /** Name resolution, connecting and TLS; 0 on a reused connection. */
  readonly connectMs: number;
  /** From sending the request to the complete head of the response. */
  readonly firstByteMs: number;
  /** From the call to the end of the response. */
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
  /** The URL that was requested: without user information and fragment, and percent-encoded. */
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

  /** Decodes the body as text: in the charset of `Content-Type` if it is known, otherwise as UTF-8. */
  text(): string {
    const label = CHARSET.exec(this.headers.get('Content-Type') ?? '')?.[1] ?? 'utf-8';
    return decoderFor(label).decode(this.body);
  }

  /** Parses the body as JSON, which is UTF-8 whatever the headers say (RFC 8259 §8.1). @throws SyntaxError */
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
