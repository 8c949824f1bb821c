// The response/ folder holds responses: complete ones, and bodies that are read while they arrive. fetch/ decides
// whether a response is an error.

import { Buffer } from 'node:buffer';
import type { HTTPHeaders, ResponseHead } from '@landspout/http1';
import {
  INSPECT,
  inspectedBytes,
  inspectedText,
  inspectedUrl,
  inspection,
} from '@landspout/ioloop/inspection';
import type { HTTPRedirect, HTTPRequest } from '../request/http-request.ts';

/** How long the phases of one fetch took, in milliseconds. */
export interface HTTPTimings {
  /** From the call of `fetch` until a connection may be used or opened. */
  readonly queueMs: number;
  /** Name resolution; 0 for a reused connection and a numeric address. */
  readonly dnsMs: number;
  /** Connecting, without name resolution and TLS; 0 for a reused connection. */
  readonly connectMs: number;
  /** The TLS handshake; 0 for a reused connection and for http. */
  readonly tlsMs: number;
  /** From the start of sending the last request until its whole body was passed to the system; 0 without a body. */
  readonly sendMs: number;
  /** From the start of sending the last request to the complete head of the response. */
  readonly firstByteMs: number;
  /** From the call of `fetch` to the start of the last request: the redirects that were followed. */
  readonly redirectMs: number;
  /** From the call of `fetch` to the end of the response. */
  readonly totalMs: number;
}

/** What all responses have, whether their body is complete or not. */
export interface ResponseFacts {
  readonly request: HTTPRequest;
  readonly effectiveUrl: string;
  readonly head: ResponseHead;
  readonly redirects: readonly HTTPRedirect[];
}

const NO_BODY = new Uint8Array(0);
const CHARSET = /;[ \t]*charset[ \t]*=[ \t]*"?([^\s;"]+)/i;

/** A complete response, which the caller owns. */
export class HTTPResponse {
  /** The request as passed to `fetch`, also after redirects. */
  readonly request: HTTPRequest;
  /**
   * The URL of the response: the requested one, or that to which the last redirect led. Percent-encoded, without user
   * information and fragment.
   */
  readonly effectiveUrl: string;
  /** 200 to 599. */
  readonly status: number;
  readonly reason: string;
  /** The body, decompressed unless that was switched off; empty if `onData` consumed it. */
  readonly body: Uint8Array;
  /** The redirects that were followed, in order. */
  readonly redirects: readonly HTTPRedirect[];
  readonly timings: HTTPTimings;
  readonly #head: ResponseHead;

  /** @internal */
  constructor(facts: ResponseFacts, body: Uint8Array | undefined, timings: HTTPTimings) {
    this.request = facts.request;
    this.effectiveUrl = facts.effectiveUrl;
    this.status = facts.head.status;
    this.reason = facts.head.reason;
    this.body = body ?? NO_BODY;
    this.redirects = facts.redirects;
    this.timings = timings;
    this.#head = facts.head;
  }

  /** The header fields. After decompression they still have the Content-Encoding and Content-Length of the message. */
  get headers(): HTTPHeaders {
    return this.#head.headers;
  }

  /** Whether the status is 2xx. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** Decodes the body as text, in the charset of `Content-Type` if that charset is supported, otherwise as UTF-8. */
  text(): string {
    return textOf(this.body, this.headers);
  }

  /**
   * Parses the body as JSON. Ignores the charset in the headers, because JSON is always UTF-8 (RFC 8259 §8.1).
   *
   * @throws SyntaxError
   */
  json(): unknown {
    return parseJson(this.body);
  }

  /** What `JSON.stringify` shows, for logs: not the headers and the body. */
  toJSON(): object {
    const { status, reason, effectiveUrl, body, redirects, timings } = this;
    return { status, reason, effectiveUrl, bodyBytes: body.length, redirects, timings };
  }

  [INSPECT](): object {
    return inspection(this, ['status'], () => ({
      reason: inspectedText(this.reason),
      effectiveUrl: inspectedUrl(this.effectiveUrl),
      headers: this.headers,
      body: inspectedBytes(this.body),
      redirects: this.redirects.length,
      timings: this.timings,
    }));
  }
}

/** Decodes a body in the charset of its `Content-Type` if that charset is supported, otherwise as UTF-8. */
export function textOf(body: Uint8Array, headers: HTTPHeaders): string {
  const label = CHARSET.exec(headers.get('Content-Type') ?? '')?.[1] ?? 'utf-8';
  return decoderFor(label).decode(body);
}

/** @throws SyntaxError */
export function parseJson(body: Uint8Array): unknown {
  // RFC 8259 §8.1: a parser may ignore a byte order mark.
  const start = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8', start));
}

function decoderFor(label: string): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder();
  }
}
