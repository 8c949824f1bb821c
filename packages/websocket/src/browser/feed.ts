// Closures rather than a class, because they are smaller once minified.

import type { Frame, TopicEnd, TopicGap, TopicHandlers, TopicPresence } from './events.ts';
import { callBack, platform } from './platform.ts';

/** Where a subscription stands, and the callbacks of the program. The transports bring it what the server says. */
export interface Feed {
  /** What names the topic or run on the wire. */
  readonly name: { readonly topic: string } | { readonly run: string };
  cursor?: string;
  /** Whether the server has confirmed the subscription on this WebSocket. What arrives before belongs to an earlier one. */
  isLive?: boolean;
  /** Makes the transport let go of the feed: nothing more of it is delivered. */
  release?: () => void;
  /** What a subscription says: its position is the last one that is known, or that which the program asked for. */
  request(): object;
  /** Does nothing if it is closed. */
  close(): void;
  /** Does nothing if it is closed. */
  fail(error: unknown): void;
  /**
   * Moves on by what the server says.
   *
   * @throws if the position is invalid. Nothing has changed then.
   */
  take(op: unknown, frame: Frame): void;
}

/** @param onClose - forgets the feed. */
export function createFeed(name: Feed['name'], handlers: TopicHandlers<unknown>, onClose: () => void): Feed {
  let isClosed = false;
  const feed: Feed = {
    name,
    request() {
      const { last, after = 'run' in name && !last ? 'start' : undefined, onPresence } = handlers;
      return {
        ...name,
        ...(feed.cursor ? { after: feed.cursor } : { after, last }),
        presence: onPresence && true,
      };
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      feed.release?.();
      onClose();
    },
    fail(error) {
      if (isClosed) return;
      feed.close();
      callBack(handlers.onError, error as Error);
    },
    take(op, { data, bytes, topic: _topic, run: _run, op: _op, ...event }) {
      const cursor = event.cursor as string;
      const report = { ...event, kind: op };
      if (op === 'presence') callBack(handlers.onPresence, report as TopicPresence);
      if (!/^(pos|msg|gap|end)$/.test(op as string)) return;
      if (typeof cursor !== 'string') throw new TypeError();
      if (op === 'pos') {
        // If a position is known, a gap follows if it cannot be kept; it must not be skipped before.
        feed.cursor ??= cursor;
        callBack(handlers.onPosition, feed.cursor);
      } else {
        if (bytes !== undefined)
          data = Uint8Array.from(platform.atob(bytes as string), (character) => character.charCodeAt(0));
        feed.cursor = cursor;
        if (op === 'msg') callBack(handlers.onRecord, data, cursor);
        else if (op === 'gap') callBack(handlers.onGap, report as TopicGap);
        else {
          // First, because the program may subscribe again at once.
          feed.close();
          callBack(handlers.onEnd, report as unknown as TopicEnd);
        }
      }
    },
  };
  return feed;
}

/** Names a feed, or that which a frame is about. */
export function keyOf({ topic, run }: { readonly topic?: unknown; readonly run?: unknown }): string {
  // Names have no line ends.
  return [topic, run].join('\n');
}
