import { Buffer } from 'node:buffer';
import { DEFAULT_EVENT_STREAM_LIMITS, type EventStreamLimits } from '@landspout/http1/protocol';
import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { clientChecks, HTTPClientUsageError } from '../request/usage.ts';
import type { EventStreamResponse } from './event-connection.ts';

export interface EventSourceOptions extends Partial<EventStreamLimits> {
  /**
   * Resumes after this event: sent as Last-Event-ID with the first request. Must not contain control characters.
   * Default: '', to send none.
   */
  readonly lastEventId?: string;
  /**
   * The time to wait before connecting again, until the server sets another one with `retry:`. See `maxRetryMs` for
   * what is added to it. Default: 3 s.
   */
  readonly retryMs?: number;
  /**
   * Maximum wait before connecting again; also limits the `retry:` of the server. The wait is `retryMs` and a random
   * part, whose maximum is `retryMs` too after the first failure, but at least 500 ms, and doubles with each further
   * failure. Default: 60 s.
   */
  readonly maxRetryMs?: number;
  /**
   * Maximum number of attempts to connect again. The count starts again when a byte of a stream is received. `Infinity`
   * means no limit; 0 means that a lost connection is not replaced. Default: `Infinity`.
   */
  readonly maxRetries?: number;
  /**
   * Maximum wait for bytes of the stream, comments included, while the program waits for an event. The connection is
   * then replaced. Must be longer than the keep-alive interval of the server. Default: 0, no limit.
   */
  readonly idleTimeoutMs?: number;
  /** Ends the event source. The pending or next call of `next` rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** Called each time a stream has been opened. */
  readonly onOpen?: ((response: Omit<EventStreamResponse, 'body'>) => void) | undefined;
  /** Called each time a connection was lost or not made, before the wait of `delayMs`. */
  readonly onReconnect?: ((reason: Error, delayMs: number) => void) | undefined;
  /** Called with the text of each comment. */
  readonly onComment?: ((text: string) => void) | undefined;
}

/** The names of all {@link EventSourceOptions}. */
const EVENT_SOURCE_OPTIONS: OptionNames<EventSourceOptions> = {
  maxLineBytes: true,
  maxEventBytes: true,
  lastEventId: true,
  retryMs: true,
  maxRetryMs: true,
  maxRetries: true,
  idleTimeoutMs: true,
  signal: true,
  onOpen: true,
  onReconnect: true,
  onComment: true,
};

/** What a header value must not contain (RFC 9110 §5.5). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is searched for
const CONTROLS = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Options with their defaults. */
export type EventSourceSettings = Required<EventSourceOptions>;

/** Checks options and fills in the defaults. @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` */
export function resolveEventSourceOptions(options: EventSourceOptions): EventSourceSettings {
  const operation = 'eventSource';
  clientChecks.options(operation, options, EVENT_SOURCE_OPTIONS);
  const { maxLineBytes = DEFAULT_EVENT_STREAM_LIMITS.maxLineBytes } = options;
  const { maxEventBytes = DEFAULT_EVENT_STREAM_LIMITS.maxEventBytes } = options;
  const { retryMs = 3_000, maxRetryMs = 60_000, maxRetries = Infinity, idleTimeoutMs = 0 } = options;
  const { lastEventId = '', signal, onOpen, onReconnect, onComment } = options;
  clientChecks.signal(operation, signal);
  if (maxRetries !== Infinity) clientChecks.wholeNumber(operation, 'maxRetries', maxRetries);
  for (const [name, callback] of Object.entries({ onOpen, onReconnect, onComment })) {
    if (callback !== undefined) clientChecks.callback(operation, name, callback);
  }
  return {
    maxLineBytes: clientChecks.wholeNumber(operation, 'maxLineBytes', maxLineBytes, 1),
    maxEventBytes: clientChecks.wholeNumber(operation, 'maxEventBytes', maxEventBytes, 1),
    lastEventId: checkedId(operation, lastEventId),
    retryMs: clientChecks.durationMs(operation, 'retryMs', retryMs),
    maxRetryMs: clientChecks.durationMs(operation, 'maxRetryMs', maxRetryMs),
    maxRetries,
    idleTimeoutMs: clientChecks.durationMs(operation, 'idleTimeoutMs', idleTimeoutMs),
    signal,
    onOpen,
    onReconnect,
    onComment,
  };
}

function checkedId(operation: string, id: string): string {
  if (typeof id !== 'string') throw clientChecks.wrong(operation, 'lastEventId: a string', id);
  if (!CONTROLS.test(id)) return id;
  throw new HTTPClientUsageError(
    'ERR_HTTPCLIENT_USAGE',
    `${operation}: lastEventId must not contain control characters, got ${shownValue(id)}`,
  );
}

/**
 * Encodes an id for the Last-Event-ID header: its UTF-8 bytes, as latin1 text. An id from the server may contain
 * control characters, which a header cannot carry; the request is then sent without it.
 */
export function encodedId(id: string): string {
  return CONTROLS.test(id) ? '' : Buffer.from(id).toString('latin1');
}
