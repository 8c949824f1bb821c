import { TopicsError } from './errors.ts';
import { type FetchLike, platform, type TopicsFetch, type TopicsSocketClass } from './platform.ts';

/** How records arrive: over one WebSocket for all subscriptions, or with an HTTP request for each of them. */
export type TopicsTransport = 'websocket' | 'event-stream' | 'long-poll';

/**
 * - `waiting`: not connected; for the next attempt or, if there is no subscription and nothing to publish, for one.
 * - `connecting`: an attempt is being made.
 * - `open`: connected.
 * - `closed`: `close()` was called.
 */
export type TopicsState = 'waiting' | 'connecting' | 'open' | 'closed';

/** What `onState` is called with. */
export interface TopicsStatus {
  readonly state: TopicsState;
  /** The transport that is open; `undefined` in other states. */
  readonly transport: TopicsTransport | undefined;
  /** While `waiting`: the wait before the next attempt, in milliseconds; `undefined` if there will be none. */
  readonly retryInMs: number | undefined;
}

export interface TopicsClientOptions {
  /** The transports that may be used; they are tried in the order of the default, which is all three. */
  readonly transports?: readonly TopicsTransport[];
  /** Called whenever the state or the transport has changed. */
  readonly onState?: (status: TopicsStatus) => void;
  /**
   * Returns the XSRF token for requests that publish or cancel without a WebSocket. Called for each of them. Default: the
   * value of the cookie `_xsrf`. A worker has no cookies, and needs this function if the application checks tokens.
   */
  readonly xsrfToken?: () => string | undefined;
  /** The class of the connections. Default: `globalThis.WebSocket`, which Node has since version 22. */
  readonly WebSocket?: TopicsSocketClass;
  /**
   * Sends the requests of the other transports; a function around `fetch` may add `credentials` or headers. Default:
   * `globalThis.fetch`.
   */
  readonly fetch?: TopicsFetch;
  /**
   * The limit of the random wait after the first failure, in milliseconds: at least 1. It doubles with each further
   * failure, and starts again after a subscription or a publish has succeeded. After the close codes 1001, 1012 and 1013,
   * which a server sends to all clients, it is at least four times as large. Default: 250.
   */
  readonly minRetryMs?: number;
  /** The largest limit of the random wait, in milliseconds. Default: 30,000. */
  readonly maxRetryMs?: number;
  /** How often the WebSocket is tried while another transport is used, in milliseconds. Default: 60,000. */
  readonly webSocketRetryMs?: number;
  /**
   * The pause between two pings, and the silence after one that ends a connection, in milliseconds. Event streams end
   * after twice this without a byte. Default: 30,000.
   */
  readonly heartbeatMs?: number;
  /** How long opening a WebSocket, or the first event of an event stream, may take, in milliseconds. Default: 10,000. */
  readonly connectTimeoutMs?: number;
  /** The default of `timeoutMs` of publishes and cancels, in milliseconds. Default: 60,000. */
  readonly publishTimeoutMs?: number;
  /** Publishes and cancels that may be unacknowledged at a time; more are rejected. Default: 256. */
  readonly maxPending?: number;
  /** Returns a number from 0 up to, but not including, 1, for the waits. Default: `Math.random`. */
  readonly random?: () => number;
  /**
   * Calls `callback` after a delay, and returns a function that cancels the call: a clock for tests. Default: the timers
   * of the platform.
   */
  readonly later?: (delayMs: number, callback: () => void) => () => void;
}

/** @internal The options with their defaults. */
export type TopicsSettings = Required<TopicsClientOptions>;

const TRANSPORTS: readonly TopicsTransport[] = ['websocket', 'event-stream', 'long-poll'];

/** The largest delay of `setTimeout`. */
const MAX_NUMBER = 0x7fffffff;

/** @throws TopicsError `ERR_TOPICS_BAD_OPTION` */
export function settingsOf(options: TopicsClientOptions): TopicsSettings {
  const settings: Record<string, unknown> = {
    transports: TRANSPORTS,
    onState: undefined,
    xsrfToken: () => /(?:^|; )_xsrf=([^;]*)/.exec(platform.document?.cookie as string)?.[1],
    WebSocket: platform.WebSocket,
    fetch: (...request: Parameters<FetchLike>) => platform.fetch(...request),
    minRetryMs: 250,
    maxRetryMs: 30_000,
    webSocketRetryMs: 60_000,
    heartbeatMs: 30_000,
    connectTimeoutMs: 10_000,
    publishTimeoutMs: 60_000,
    maxPending: 256,
    random: Math.random,
    later(delayMs: number, callback: () => void) {
      const timer = platform.setTimeout(callback, delayMs);
      return () => platform.clearTimeout(timer);
    },
  };
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    const isNumber = typeof settings[name] === 'number';
    if (!(name in settings) || (isNumber && !(value >= 1 && value <= MAX_NUMBER)))
      throw new TopicsError('ERR_TOPICS_BAD_OPTION', `unknown or out of range: ${name}`);
    settings[name] = value;
  }
  const { transports } = settings as unknown as TopicsSettings;
  settings.transports = TRANSPORTS.filter((transport) => transports.includes(transport));
  return settings as unknown as TopicsSettings;
}

/**
 * Returns how long to wait before the next attempt, in milliseconds: a random part of a window that doubles with each
 * failure ("full jitter").
 *
 * @param failures - how many attempts in a row have failed before, 0 or more.
 */
export function retryDelay({ minRetryMs, maxRetryMs, random }: TopicsSettings, failures: number): number {
  return random() * Math.min(maxRetryMs, minRetryMs * 2 ** failures);
}

/** A count of failures for a server that has sent something invalid: it would most likely do so again at once. */
export const WHEN_BROKEN = 4;
