import { TopicsError } from './errors.ts';
import { platform, type TopicsFetch, type TopicsSocketClass } from './platform.ts';

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
  /** The transports to use, in the order of the default, which is all three. */
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

/** @throws TopicsError `ERR_TOPICS_BAD_OPTION` */
export function settingsOf(options: TopicsClientOptions): TopicsSettings {
  const settings: Record<string, unknown> = {
    transports: ['websocket', 'event-stream', 'long-poll'],
    onState: undefined,
    xsrfToken: () => /\b_xsrf=([^;]*)/.exec(platform.document?.cookie as string)?.[1],
    WebSocket: platform.WebSocket,
    fetch: platform.fetch,
    maxPending: 256,
    random: Math.random,
    later(delayMs: number, callback: () => void) {
      const timer = platform.setTimeout(callback, delayMs);
      return () => platform.clearTimeout(timer);
    },
  };
  for (const [name, value] of Object.entries(options)) {
    if (!(name in settings)) throw new TopicsError('ERR_TOPICS_BAD_OPTION', name);
    settings[name] = value ?? settings[name];
  }
  return settings as unknown as TopicsSettings;
}
