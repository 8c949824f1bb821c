// What the client does without a WebSocket: each feed is read by one request after another, each from where the last one
// ended, and each call is a request.

import { isTemporary, TopicsError } from './errors.ts';
import { parseBlock } from './event-stream.ts';
import type { Frame } from './events.ts';
import type { Feed } from './feed.ts';
import type { TopicsSettings } from './options.ts';
import { type FetchLike, type FetchRequest, type FetchResponse, platform } from './platform.ts';
import { CONNECT_LIMIT_MS, HEARTBEAT_MS, POLL_MS, retryDelay, WHEN_BUSY } from './timing.ts';

export const JSON_TYPE = 'application/json';

export interface HttpRequest {
  /** Rejects with a TopicsError if the status is not 2xx, and with an error of the platform if there is no response. */
  readonly response: Promise<FetchResponse>;
  abort(): void;
  /** Gives it more time, in milliseconds. */
  extend(limitMs: number): void;
}

/**
 * Sends a request, which is aborted after a while.
 *
 * @param parameters - of the query; those that are undefined are left out.
 */
export function sendRequest(
  { fetch, later }: TopicsSettings,
  url: string,
  parameters: object,
  request: Omit<FetchRequest, 'signal'>,
  limitMs: number,
): HttpRequest {
  const target = new platform.URL(url);
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) target.searchParams.set(name, value);
  const controller = new platform.AbortController();
  const abort = () => {
    stopTimer();
    controller.abort();
  };
  let stopTimer = later(limitMs, abort);
  const receive = async () => {
    const response = await (fetch as unknown as FetchLike)(target.href, {
      ...request,
      signal: controller.signal,
    });
    const { ok, status } = response;
    if (ok) return response;
    const isBusy = /^5|408|425|429/.test(`${status}`);
    const body = (await response.json().catch(() => {})) as { readonly code?: string } | undefined;
    throw new TopicsError(
      isBusy ? 'ERR_TOPICS_UNAVAILABLE' : (body?.code ?? 'ERR_TOPICS_REFUSED'),
      `HTTP ${status}`,
      status,
    );
  };
  return {
    response: receive(),
    abort,
    extend(moreMs) {
      stopTimer();
      stopTimer = later(moreMs, abort);
    },
  };
}

/** Takes what a server says of the feed. @throws if it is invalid. */
type Take = (op: unknown, frame: Frame) => void;

/**
 * Reads a feed until it is released or ends, or until there is no way through to the server.
 *
 * @param onLive - called whenever a request gets through.
 * @returns whether the feed was neither released nor has ended.
 * @throws TopicsError if the server refuses the subscription for good.
 */
export async function readOverHttp(
  feed: Feed,
  url: string,
  isStream: boolean,
  settings: TopicsSettings,
  onLive: () => void,
): Promise<boolean> {
  let isReleased = false;
  let failures = 0;
  for (;;) {
    const { response, abort, extend } = sendRequest(
      settings,
      url,
      { ...feed.request(), waitMs: isStream ? undefined : POLL_MS },
      // JSON is for errors.
      { headers: { Accept: isStream ? `text/event-stream, ${JSON_TYPE}` : JSON_TYPE } },
      CONNECT_LIMIT_MS + (isStream ? 0 : POLL_MS),
    );
    const hold = (release: () => void) => {
      feed.release = () => {
        isReleased = true;
        release();
      };
    };
    hold(abort);
    let isLive = false;
    let delayMs: number | undefined;
    const take: Take = (op, frame) => {
      if (isReleased) return;
      isLive = true;
      failures = 0;
      onLive();
      feed.take(op, frame);
    };
    try {
      const received = await response;
      if (received.status === 204) take('end', { how: 'ended', cursor: feed.cursor ?? '' });
      else if (isStream)
        delayMs = await readStream(received, take, () => isLive && !isReleased && extend(2 * HEARTBEAT_MS));
      else delayMs = takePoll((await received.json()) as Poll, take);
    } catch (error) {
      if (error instanceof TopicsError) {
        if (!isReleased && !isTemporary(error.code)) throw error;
        delayMs = retryDelay(settings, failures++);
      } else if (isLive) delayMs = retryDelay(settings, WHEN_BUSY);
    }
    abort();
    if (isReleased) return false;
    if (!isLive && delayMs === undefined) return true;
    // A timer could take long in a page that is hidden.
    if (delayMs !== 0)
      await new Promise<void>((resolve) => hold(settings.later(delayMs ?? retryDelay(settings, 0), resolve)));
  }
}

/** Returns the wait for which the server asks, in milliseconds. */
async function readStream(
  response: FetchResponse,
  take: Take,
  onBytes: () => void,
): Promise<number | undefined> {
  const decoder = new platform.TextDecoder();
  // A browser without streams has no body, and throws here.
  const reader = (response.body as NonNullable<typeof response.body>).getReader();
  let text = '';
  let retryMs: number | undefined;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return retryMs;
    const blocks = (text + decoder.decode(value, { stream: true })).split('\n\n');
    text = blocks.pop() as string;
    for (const { id, event, data, retry } of blocks.map(parseBlock)) {
      if (retry) retryMs = Number(retry);
      if (event === 'bytes') take('msg', { cursor: id, bytes: data });
      else if (event) take(event, { cursor: id, ...JSON.parse(data as string) });
      else if (data !== undefined) take('msg', { cursor: id, data: JSON.parse(data) });
      else if (id) take('pos', { cursor: id });
    }
    onBytes();
  }
}

/** The response to a long poll. */
interface Poll {
  readonly records: readonly Frame[];
  readonly cursor: string;
  readonly gap?: Frame;
  readonly end?: Frame;
}

/** Returns 0 if there may be more, and otherwise undefined. */
function takePoll({ records, cursor, gap, end }: Poll, take: Take): number | undefined {
  if (gap) take('gap', gap);
  for (const record of records) take('msg', record);
  if (end) take('end', end);
  else take('pos', { cursor });
  return records[0] && 0;
}
