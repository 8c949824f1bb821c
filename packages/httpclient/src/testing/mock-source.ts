import type { AsyncHTTPClient } from '../fetch/async-http-client.ts';
import { HTTPRequest } from '../request/http-request.ts';
import { MockTransportError } from './errors.ts';
import type { MockRequest } from './mock-request.ts';
import type { PreparedResponse } from './mock-response.ts';
import {
  messageFields,
  type RecordedExchange,
  type Recording,
  type ReplayedExchange,
  readRecording,
  recordBody,
  recordHeaders,
} from './recording.ts';

/** Where the responses to requests come from that no rule matches. */
export interface MockSource {
  /** @returns undefined if there is none. */
  replyTo(request: MockRequest, signal: AbortSignal): Promise<PreparedResponse | undefined>;
  /** What is left that should have been used. */
  pending(): string[];
  recorded(): Recording | undefined;
  close(): Promise<void>;
}

export interface RecorderSettings {
  readonly client: AsyncHTTPClient;
  /** Whether the client is closed with the recorder. */
  readonly ownsClient: boolean;
  readonly keepCredentials: boolean;
  readonly maxExchanges: number;
  readonly maxBytes: number;
}

/** Fields that the client sets itself. Its Host is that of the URL. */
const OWN_FIELDS: readonly string[] = ['Content-Length', 'Expect'];

/** Sends requests to the real servers, and records them with their responses. */
export class NetworkRecorder implements MockSource {
  readonly #settings: RecorderSettings;
  readonly #exchanges: RecordedExchange[] = [];
  #bytes = 0;

  constructor(settings: RecorderSettings) {
    this.#settings = settings;
  }

  /** @throws the errors of the client; MockTransportError `ERR_MOCK_LIMIT` if the recording becomes too large. */
  async replyTo(request: MockRequest, signal: AbortSignal): Promise<PreparedResponse> {
    const { method, url } = request;
    const fields = messageFields(request.headers, ...OWN_FIELDS);
    // Neither followed nor decompressed, so that the replay has the same bytes.
    const options = {
      method,
      headers: fields,
      followRedirects: false,
      decompressResponse: false,
      raiseError: false,
      allowNonstandardMethods: true,
      userAgent: '',
      // The fetch that sent the request has its own timeout, which closes the connection.
      requestTimeoutMs: 0,
      signal,
    };
    const isEmpty = request.body.length === 0 && !request.headers.has('Content-Length');
    const received = await this.#settings.client.fetch(
      new HTTPRequest(url, isEmpty ? options : { ...options, body: request.body }),
    );
    const { status, reason, body } = received;
    const isBodiless = method === 'HEAD' || status === 304;
    const headers = messageFields(received.headers, ...(isBodiless ? [] : ['Content-Length']));
    this.#record(request, fields, { status, reason, headers, body });
    return {
      status,
      reason,
      headers,
      body: isBodiless ? undefined : body,
      delayMs: 0,
    };
  }

  pending(): string[] {
    return [];
  }

  recorded(): Recording {
    return { version: 1, exchanges: [...this.#exchanges] };
  }

  async close(): Promise<void> {
    if (this.#settings.ownsClient) await this.#settings.client.close();
  }

  #record(
    request: MockRequest,
    fields: MockRequest['headers'],
    response: Pick<PreparedResponse, 'status' | 'reason' | 'headers'> & {
      readonly body: Uint8Array;
    },
  ): void {
    const { keepCredentials, maxExchanges, maxBytes } = this.#settings;
    this.#bytes += request.body.length + response.body.length;
    const what = `the recording has more than`;
    if (this.#exchanges.length >= maxExchanges)
      throw new MockTransportError('ERR_MOCK_LIMIT', `${what} ${maxExchanges} exchanges (maxExchanges)`);
    if (this.#bytes > maxBytes)
      throw new MockTransportError(
        'ERR_MOCK_LIMIT',
        `${what} ${maxBytes} bytes of bodies (maxRecordingBytes)`,
      );
    this.#exchanges.push({
      request: {
        method: request.method,
        url: request.url,
        headers: recordHeaders(fields, keepCredentials),
        ...recordBody(request.body),
      },
      response: {
        status: response.status,
        reason: response.reason,
        headers: recordHeaders(response.headers, keepCredentials),
        ...recordBody(response.body),
      },
    });
  }
}

/** Sends recorded responses: those for one method and URL in the order of the recording, each once. */
export class Replay implements MockSource {
  /** By method and URL. */
  readonly #left = new Map<string, { readonly exchanges: readonly ReplayedExchange[]; next: number }>();

  /** @throws MockUsageError `ERR_MOCK_RECORDING` if the recording is invalid. */
  constructor(recording: Recording) {
    const lists = new Map<string, ReplayedExchange[]>();
    for (const exchange of readRecording(recording)) {
      const key = `${exchange.method} ${exchange.url}`;
      const list = lists.get(key);
      if (list === undefined) lists.set(key, [exchange]);
      else list.push(exchange);
    }
    for (const [key, exchanges] of lists) this.#left.set(key, { exchanges, next: 0 });
  }

  async replyTo({ method, url }: MockRequest): Promise<PreparedResponse | undefined> {
    const left = this.#left.get(`${method} ${url}`);
    const exchange = left?.exchanges[left.next];
    if (left === undefined || exchange === undefined) return undefined;
    left.next += 1;
    const { status, reason, headers, body } = exchange;
    return { status, reason, headers, body, delayMs: 0 };
  }

  pending(): string[] {
    const lines: string[] = [];
    for (const [key, { exchanges, next }] of this.#left) {
      if (next < exchanges.length) lines.push(`${key} (recorded, used ${next} of ${exchanges.length} times)`);
    }
    return lines;
  }

  recorded(): undefined {
    return undefined;
  }

  async close(): Promise<void> {}
}
