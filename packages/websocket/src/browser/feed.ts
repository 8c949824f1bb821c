import type { Frame, TopicEnd, TopicGap, TopicHandlers, TopicPresence } from './events.ts';
import { callBack, platform } from './platform.ts';

/** Where a subscription stands, and the callbacks of the program. The transports bring it what the server says. */
export class Feed {
  /** What names the topic or run on the wire. */
  readonly name: { readonly topic: string } | { readonly run: string };
  cursor: string | undefined;
  /** Whether the server has confirmed the subscription on this WebSocket. What arrives before belongs to an earlier one. */
  isLive = false;
  /** Makes the transport let go of the feed: nothing more of it is delivered. */
  release: () => void = () => {};
  readonly #handlers: TopicHandlers<unknown>;
  /** Forgets the feed. */
  readonly #onClose: () => void;
  #isClosed = false;

  constructor(name: Feed['name'], handlers: TopicHandlers<unknown>, onClose: () => void) {
    this.name = name;
    this.#handlers = handlers;
    this.#onClose = onClose;
  }

  /** What a subscription says: its position is the last one that is known, or that which the program asked for. */
  get request(): object {
    const { name, cursor } = this;
    const { last, after = 'run' in name && !last ? 'start' : undefined, onPresence } = this.#handlers;
    return { ...name, ...(cursor ? { after: cursor } : { after, last }), presence: onPresence && true };
  }

  /** Does nothing if it is closed. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.release();
    this.#onClose();
  }

  /** Does nothing if it is closed. */
  fail(error: unknown): void {
    if (this.#isClosed) return;
    this.close();
    callBack(this.#handlers.onError, error as Error);
  }

  /**
   * Moves on by what the server says.
   *
   * @throws if the position is invalid. Nothing has changed then.
   */
  take(op: unknown, { data, bytes, topic: _topic, run: _run, op: _op, ...event }: Frame): void {
    const handlers = this.#handlers;
    const cursor = event.cursor as string;
    const report = { ...event, kind: op };
    if (op === 'presence') callBack(handlers.onPresence, report as TopicPresence);
    if (!/^(pos|msg|gap|end)$/.test(op as string)) return;
    if (typeof cursor !== 'string') throw new TypeError();
    if (op === 'pos') {
      // If a position is known, a gap follows if it cannot be kept; it must not be skipped before.
      this.cursor ??= cursor;
      callBack(handlers.onPosition, this.cursor);
      return;
    }
    if (bytes !== undefined)
      data = Uint8Array.from(platform.atob(bytes as string), (character) => character.charCodeAt(0));
    this.cursor = cursor;
    if (op === 'msg') callBack(handlers.onRecord, data, cursor);
    else if (op === 'gap') callBack(handlers.onGap, report as TopicGap);
    else {
      // First, because the program may subscribe again at once.
      this.close();
      callBack(handlers.onEnd, report as unknown as TopicEnd);
    }
  }
}

/** Names a feed, or that which a frame is about. */
export function keyOf({ topic, run }: { readonly topic?: unknown; readonly run?: unknown }): string {
  // Names have no line ends.
  return [topic, run].join('\n');
}
