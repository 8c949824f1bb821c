import type { EventStreamProtocolError } from '@landspout/http1/protocol';
import { CodedError } from '@landspout/ioloop/errors';

/** The ways in which an event source can fail, or lose its connection. */
export const EVENT_SOURCE_ERRORS = {
  ERR_HTTPCLIENT_EVENTS_LINE_TOO_LONG: {
    meaning: 'A line of the event stream is longer than `maxLineBytes`; raise the limit to accept it.',
  },
  ERR_HTTPCLIENT_EVENTS_EVENT_TOO_LARGE: {
    meaning: 'The lines of one event are larger than `maxEventBytes`; raise the limit to accept them.',
  },
  ERR_HTTPCLIENT_EVENTS_STATUS: {
    meaning: 'The status of the response is neither 200, which starts a stream, nor 204, which ends it.',
  },
  ERR_HTTPCLIENT_EVENTS_CONTENT_TYPE: {
    meaning: 'The Content-Type of the response is not text/event-stream.',
  },
  ERR_HTTPCLIENT_EVENTS_ENDED: {
    meaning: 'The server ended the stream. Passed to `onReconnect`; not an error of the event source itself.',
  },
  ERR_HTTPCLIENT_EVENTS_IDLE: {
    meaning:
      'No byte arrived for `idleTimeoutMs`, so the connection was closed. Passed to `onReconnect`; not an error of the event source itself.',
  },
  ERR_HTTPCLIENT_EVENTS_RETRIES: {
    meaning:
      'The stream was lost, and `maxRetries` attempts to connect again received nothing; the `cause` is why the last one failed.',
  },
} as const satisfies Record<string, { meaning: string }>;

/** The event stream exceeds a limit. Its decoder cannot continue; events before the excess were delivered. */
export class EventStreamLimitError extends CodedError<
  'ERR_HTTPCLIENT_EVENTS_LINE_TOO_LONG' | 'ERR_HTTPCLIENT_EVENTS_EVENT_TOO_LARGE'
> {
  override readonly name = 'EventStreamLimitError';

  /** @internal Makes the error of this layer from that of the decoder, which becomes its cause. */
  static from(cause: EventStreamProtocolError): EventStreamLimitError {
    const code =
      cause.code === 'ERR_HTTP1_EVENT_STREAM_LINE'
        ? 'ERR_HTTPCLIENT_EVENTS_LINE_TOO_LONG'
        : 'ERR_HTTPCLIENT_EVENTS_EVENT_TOO_LARGE';
    return new EventStreamLimitError(code, cause.message, { cause });
  }
}

/** The server responded with something other than an event stream. The event source does not connect again. */
export class EventStreamRefusedError extends CodedError<
  'ERR_HTTPCLIENT_EVENTS_STATUS' | 'ERR_HTTPCLIENT_EVENTS_CONTENT_TYPE'
> {
  override readonly name = 'EventStreamRefusedError';

  /** The status of the response. */
  readonly status: number;
  /** The URL that responded, after redirects. */
  readonly url: string;

  constructor(code: EventStreamRefusedError['code'], message: string, status: number, url: string) {
    super(code, message);
    this.status = status;
    this.url = url;
  }
}

/** A connection of an event source ended. If it can be replaced, `onReconnect` is called with this error. */
export class EventStreamLostError extends CodedError<
  'ERR_HTTPCLIENT_EVENTS_ENDED' | 'ERR_HTTPCLIENT_EVENTS_IDLE' | 'ERR_HTTPCLIENT_EVENTS_RETRIES'
> {
  override readonly name = 'EventStreamLostError';
}
