import type { HTTPHeadersInit } from '@landspout/http1/protocol';
import type { OptionNames } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';
import type { Authorize } from './authorization.ts';
import type { CursorSource } from './cursor-source.ts';

/** Options of every event stream. */
export interface EventStreamOptions {
  /**
   * After how many milliseconds without an event a comment is sent, so that proxies do not close the connection, and a
   * client that is gone is noticed; up to a second later. 0: never. Default: 15,000.
   */
  readonly keepAliveMs?: number;
  /**
   * The time after which a client connects again, in milliseconds; each response has half to one and a half times this,
   * chosen at random. At most a day. Default: 3,000, as in browsers.
   */
  readonly retryMs?: number;
  /**
   * Whether the source's texts and bytes are already an event stream, such as the UI message stream of the AI SDK. They
   * are then sent as they are, and no events of our own are added. Default: false; a `Response`, and bytes of an async
   * iterable, are always sent as they are.
   */
  readonly passThrough?: boolean;
  /** Further headers of the response, such as `x-vercel-ai-ui-message-stream`. */
  readonly headers?: HTTPHeadersInit;
  /** Returns numbers from 0 to 1, for the times after which clients connect again. Default: `Math.random`. */
  readonly random?: () => number;
}

/** Options of the event stream of a topic or run. */
export interface CursorStreamOptions<Handler = unknown> extends EventStreamOptions {
  /** Decides whether the client may read; asked for each request, and so whenever a client resumes. */
  readonly authorize: Authorize<Handler>;
  /** What `authorize` is asked: `subscribe` for a topic, `read` for a run. Default: as the source is. */
  readonly action?: 'subscribe' | 'read';
  /** The name of the topic or the id of the run, for `authorize`. Default: the `name` or `id` of the source. */
  readonly topic?: string;
  /**
   * Where to begin if the request has neither `Last-Event-ID` nor the query arguments `after` and `last`: after this
   * position, or `'start'` or `'now'`. Default: `'now'` for `subscribe`, `'start'` for `read`.
   */
  readonly after?: string;
  /** Begins this many records before the end, instead of {@link after}. */
  readonly last?: number;
  /** Whether presence is reported; `authorize` is then asked about `presence` too. Default: false. */
  readonly presence?: boolean;
  /**
   * Whose subscription it is, such as the id of a user, for `topics.revoke(topic, subject)`; or a function that returns
   * it, which is called after `authorize`. Default: none.
   */
  readonly subject?: string | (() => string | undefined) | undefined;
  /**
   * After how many milliseconds `authorize` is asked again, for as long as the stream is open; a refusal ends the stream
   * with an event `end` that says `revoked`. 0: never. Default: 0.
   */
  readonly reauthorizeMs?: number;
}

const EVENT_STREAM_OPTIONS: OptionNames<EventStreamOptions> = {
  keepAliveMs: true,
  retryMs: true,
  passThrough: true,
  headers: true,
  random: true,
};

const CURSOR_STREAM_OPTIONS: OptionNames<CursorStreamOptions> = {
  ...EVENT_STREAM_OPTIONS,
  authorize: true,
  action: true,
  topic: true,
  after: true,
  last: true,
  presence: true,
  subject: true,
  reauthorizeMs: true,
};

const OPERATION = 'eventStream';
/** A day. */
const MAX_RETRY_MS = 86_400_000;
/** The maximum of the query argument `last` and of the option. A topic keeps 1,000 records by default. */
export const MAX_LAST = 1_000_000;

/** Checked options with their defaults. */
export interface StreamSettings {
  readonly keepAliveMs: number;
  readonly retryMs: number;
  readonly passThrough: boolean;
  readonly headers: HTTPHeadersInit;
  readonly random: () => number;
}

/** Checked options of a topic or run. */
export interface CursorStreamSettings<Handler> extends StreamSettings {
  readonly authorize: Authorize<Handler>;
  readonly action: 'subscribe' | 'read';
  readonly topic: string;
  readonly after: string;
  readonly last: number | undefined;
  readonly presence: boolean;
  readonly subject: string | (() => string | undefined) | undefined;
  readonly reauthorizeMs: number;
}

/** @throws WebUsageError `ERR_WEB_USAGE`. */
export function requireSubject(subject: string | undefined): string | undefined {
  if (subject === undefined || typeof subject === 'string') return subject;
  throw webChecks.wrong(OPERATION, 'subject: a string', subject);
}

/** @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid. */
export function streamSettings(options: EventStreamOptions): StreamSettings {
  webChecks.options(OPERATION, options, EVENT_STREAM_OPTIONS);
  return settingsOf(options);
}

/**
 * @param source - a source with an id and no name is one of a run.
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown, invalid or missing.
 */
export function cursorStreamSettings<Handler>(
  options: CursorStreamOptions<Handler>,
  source: CursorSource,
): CursorStreamSettings<Handler> {
  webChecks.options(OPERATION, options ?? {}, CURSOR_STREAM_OPTIONS as OptionNames<typeof options>);
  const { name, id } = source;
  const usual = name === undefined && id !== undefined ? 'read' : 'subscribe';
  const { authorize, action = usual, topic = name ?? id, last, subject, presence = false } = options ?? {};
  const { after = action === 'read' ? 'start' : 'now', reauthorizeMs = 0 } = options ?? {};
  webChecks.callback(OPERATION, 'authorize, which decides whether the client may read', authorize);
  if (typeof topic !== 'string')
    throw webChecks.wrong(OPERATION, 'topic: the name of the topic or the id of the run', topic);
  if (typeof after !== 'string') throw webChecks.wrong(OPERATION, 'after: a cursor', after);
  if (typeof subject !== 'function') requireSubject(subject);
  if (last !== undefined) webChecks.wholeNumber(OPERATION, 'last', last, 0, MAX_LAST);
  return {
    ...settingsOf(options),
    authorize,
    action: webChecks.oneOf(OPERATION, 'action', action, ['subscribe', 'read']),
    topic,
    after,
    last,
    presence: webChecks.boolean(OPERATION, 'presence', presence),
    subject,
    reauthorizeMs: webChecks.durationMs(OPERATION, 'reauthorizeMs', reauthorizeMs),
  };
}

function settingsOf(options: EventStreamOptions): StreamSettings {
  const { keepAliveMs = 15_000, retryMs = 3_000, passThrough = false } = options;
  const { headers = [], random = Math.random } = options;
  return {
    keepAliveMs: webChecks.durationMs(OPERATION, 'keepAliveMs', keepAliveMs),
    retryMs: webChecks.number(OPERATION, 'retryMs', retryMs, 0, MAX_RETRY_MS),
    passThrough: webChecks.boolean(OPERATION, 'passThrough', passThrough),
    headers,
    random: webChecks.callback(OPERATION, 'random', random),
  };
}
