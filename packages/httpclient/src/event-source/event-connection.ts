import type { HTTPHeaders } from '@landspout/http1';
import type { Clock } from '@landspout/ioloop';
import { excerpt } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { onAbort } from '@landspout/ioloop/reactor';
import { EventStreamLostError, EventStreamRefusedError } from './errors.ts';

/** What an event source asks for: a GET with `Accept: text/event-stream` and `Cache-Control: no-store`. */
export interface EventStreamRequest {
  /** The value of the Last-Event-ID header, already encoded; '' to send none. */
  readonly lastEventId: string;
  /**
   * Aborts the request. It governs the body too: when it is aborted, the connection must be closed at once, even if the
   * response was already returned.
   */
  readonly signal: AbortSignal;
}

/** A response whose head was received, after redirects. */
export interface EventStreamResponse {
  readonly status: number;
  readonly headers: HTTPHeaders;
  /** The URL that responded, without user information. */
  readonly url: string;
  /**
   * The body, whose chunks are owned by the event source. While `next` is not called, at most a bounded amount is read
   * from the connection. If the connection fails, `next` first delivers what was received, and then rejects with an
   * `HTTPClientError`.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Sends the request of an event source, and resolves when the head of the response was received, whatever its status.
 * Neither the time nor the size of the body may be limited.
 *
 * @throws HTTPClientError if there is no response: the event source connects again. Any other error ends the source.
 */
export type OpenEventStream = (request: EventStreamRequest) => Promise<EventStreamResponse>;

/** A charset or another parameter is ignored, because an event stream is always UTF-8. */
const EVENT_STREAM_TYPE = /^[ \t]*text\/event-stream[ \t]*(?:;|$)/i;

/** One connection of an event source, from the request to its end. It is not used again. */
export class EventConnection {
  readonly #clock: Clock;
  readonly #idleTimeoutMs: number;
  readonly #controller = new AbortController();
  #body: AsyncIterator<Uint8Array> | undefined;

  /** @param idleTimeoutMs - maximum wait for bytes of the body; 0 means no limit. */
  constructor(clock: Clock, idleTimeoutMs: number) {
    this.#clock = clock;
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /**
   * Sends the request, and checks that the response is an event stream.
   *
   * @returns `undefined` if the status is 204, with which a server tells a client not to connect again.
   * @throws EventStreamRefusedError for any other response; the error of `open`; the reason passed to {@link close}.
   */
  async open(open: OpenEventStream, lastEventId: string): Promise<EventStreamResponse | undefined> {
    const { signal } = this.#controller;
    const response = await unlessAborted(signal, open({ lastEventId, signal }));
    const { status, headers, url } = response;
    if (status === 204) return undefined;
    if (status !== 200) {
      const message = `the event stream was refused: expected status 200, got ${status}`;
      throw new EventStreamRefusedError('ERR_HTTPCLIENT_EVENTS_STATUS', message, status, url);
    }
    const type = headers.get('Content-Type');
    if (type === undefined || !EVENT_STREAM_TYPE.test(type)) {
      const got = type === undefined ? 'no Content-Type' : excerpt(type);
      const message = `the response is not an event stream: expected text/event-stream, got ${got}`;
      throw new EventStreamRefusedError('ERR_HTTPCLIENT_EVENTS_CONTENT_TYPE', message, status, url);
    }
    this.#body = response.body[Symbol.asyncIterator]();
    return response;
  }

  /**
   * Waits for bytes. Must not be called while another call is pending.
   *
   * @throws EventStreamLostError if the server ended the stream, or if no byte arrives within the idle timeout; the
   *   error of the body; the reason passed to {@link close}.
   */
  async read(): Promise<Uint8Array> {
    const limitMs = this.#idleTimeoutMs;
    const timer =
      limitMs === 0 ? undefined : this.#clock.setTimeout(() => this.close(idle(limitMs)), limitMs);
    try {
      const body = this.#body as AsyncIterator<Uint8Array>;
      let result = await unlessAborted(this.#controller.signal, body.next());
      while (result.done !== true && result.value.length === 0) {
        result = await unlessAborted(this.#controller.signal, body.next());
      }
      if (result.done !== true) return result.value;
    } finally {
      timer?.cancel();
    }
    throw new EventStreamLostError('ERR_HTTPCLIENT_EVENTS_ENDED', 'the server ended the event stream');
  }

  /** Closes the connection at once. A call that waits for it rejects with `reason`. Can be called more than once. */
  close(reason: unknown): void {
    const body = this.#body;
    this.#body = undefined;
    this.#controller.abort(reason);
    // Not awaited: a body that waits for the network may take any time. Its error no longer matters.
    Promise.resolve(body?.return?.()).catch(() => {});
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isClosed: this.#controller.signal.aborted }));
  }
}

/** Settles with `work`, or rejects with the abort reason as soon as `signal` is aborted. */
function unlessAborted<T>(signal: AbortSignal, work: PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, reject);
    work.then(
      (value) => {
        stopListening();
        resolve(value);
      },
      (error) => {
        stopListening();
        reject(error);
      },
    );
  });
}

function idle(limitMs: number): EventStreamLostError {
  const message = `no byte of the event stream arrived for ${limitMs} ms`;
  return new EventStreamLostError('ERR_HTTPCLIENT_EVENTS_IDLE', message);
}
