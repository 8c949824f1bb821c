// What the client does without a WebSocket: each feed is read by one request after another, each from where the last one
// ended, and each call is a request.

import { TopicsError } from './errors.ts';
import { EventStreamParser, type StreamBlock } from './event-stream.ts';
import type { Frame } from './events.ts';
import type { Feed } from './feed.ts';
import { retryDelay, type TopicsSettings, WHEN_BROKEN } from './options.ts';
import { type FetchLike, type FetchRequest, type FetchResponse, platform } from './platform.ts';

/** The longest wait of a long poll that a server allows, in milliseconds. */
const POLL_MS = 25_000;

/** The longest wait that a server can ask for, in milliseconds. */
const MAX_RETRY_MS = 300_000;

/** Why a feed cannot be read any more: the server cannot be reached, or this transport does not get through to it. */
export type Obstacle = 'gone' | 'mute';

/** One request, which is aborted if {@link touch} is not called for a while. */
export class HttpRequest {
  readonly #settings: TopicsSettings;
  readonly #controller = new platform.AbortController();
  #stopTimer = (): void => {};

  constructor(settings: TopicsSettings) {
    this.#settings = settings;
  }

  get isAborted(): boolean {
    return this.#controller.signal.aborted;
  }

  touch(limitMs: number): void {
    this.#stopTimer();
    this.#stopTimer = this.#settings.later(limitMs, () => this.abort());
  }

  abort(): void {
    this.#stopTimer();
    this.#controller.abort();
  }

  /** @throws TopicsError if the status is not 2xx, and an error of the platform if there is no response. */
  async send(url: string, parameters: object, request: Omit<FetchRequest, 'signal'>): Promise<FetchResponse> {
    const target = new platform.URL(url);
    for (const [name, value] of Object.entries(parameters))
      if (value !== undefined) target.searchParams.set(name, value);
    const { signal } = this.#controller;
    const response = await (this.#settings.fetch as unknown as FetchLike)(target.href, { ...request, signal });
    const { ok, status } = response;
    if (ok) return response;
    const isBusy = status >= 500 || [408, 425, 429].includes(status);
    const body = (await response.json().catch(() => {})) as { readonly code?: string } | undefined;
    const code = isBusy ? 'ERR_TOPICS_UNAVAILABLE' : (body?.code ?? 'ERR_TOPICS_REFUSED');
    throw new TopicsError(code, `the server responded with ${status}`, status);
  }
}

/** Reads a feed until it is released or ends, or until there is an obstacle. */
export class HttpReader {
  readonly #feed: Feed;
  readonly #url: string;
  readonly #isStream: boolean;
  readonly #settings: TopicsSettings;
  readonly #onLive: () => void;
  #isLive = false;
  #failures = 0;
  #isReleased = false;

  /** @param onLive - called whenever a request gets through. */
  constructor(feed: Feed, url: string, isStream: boolean, settings: TopicsSettings, onLive: () => void) {
    this.#feed = feed;
    this.#url = url;
    this.#isStream = isStream;
    this.#settings = settings;
    this.#onLive = onLive;
  }

  /** @throws TopicsError if the server refuses the subscription for good. */
  async run(): Promise<Obstacle | undefined> {
    const feed = this.#feed;
    for (;;) {
      const outcome = await this.#readOnce();
      if (this.#isReleased || feed.isDone) return undefined;
      if (typeof outcome === 'string') return outcome;
      await new Promise<void>((resolve) => {
      });
    }
  }
}
