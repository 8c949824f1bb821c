import type { Frame, TopicEnd, TopicGap, TopicHandlers, TopicPresence } from './events.ts';
import { callBack, platform } from './platform.ts';

/** Where a subscription stands, and the callbacks of the program. The transports bring it what the server says. */
export class Feed {
  /** What names the topic or run on the wire. */
  readonly name: { readonly topic: string } | { readonly run: string };
  readonly handlers: TopicHandlers<unknown>;
  cursor: string | undefined = undefined;
  isDone = false;
  /** Makes the transport let go of the feed: nothing more of it is delivered. */
  release: () => void = () => {};

  constructor(name: Feed['name'], handlers: TopicHandlers<unknown>) {
    this.name = name;
    this.handlers = handlers;
  }

  get key(): string {
    return keyOf(this.name);
  }

  /** What a subscription says: its position is the last one that is known, or that which the program asked for. */
  get request(): object {
    const { name, cursor, handlers } = this;
    const { last, after = 'run' in name && !last ? 'start' : undefined, onPresence } = handlers;
    return { ...name, ...(cursor ? { after: cursor } : { after, last }), presence: onPresence && true };
  }

  /**
   * Moves on by what the server says.
   *
   * @throws if the position or the data is invalid. Nothing has changed then.
   */
  take(op: unknown, { data, bytes, topic: _topic, run: _run, op: _op, ...event }: Frame): void {
    const { handlers } = this;
    const cursor = event.cursor as string;
    if (op === 'presence') callBack(handlers.onPresence, { ...event, kind: op } as TopicPresence);
    if (!/^(pos|msg|gap|end)$/.test(op as string)) return;
    if (typeof cursor !== 'string') throw new TypeError();
    // If a position is known, a gap follows if it cannot be kept; it must not be skipped before.
    if (op === 'pos') return callBack(handlers.onPosition, (this.cursor ??= cursor));
    if (bytes !== undefined)
      data = Uint8Array.from(platform.atob(bytes as string), (character) => character.charCodeAt(0));
    if (op === 'msg' && data === undefined) throw new TypeError();
    this.cursor = cursor;
    this.isDone = op === 'end';
    if (op === 'msg') callBack(handlers.onRecord, data, cursor);
    else if (op === 'gap') callBack(handlers.onGap, { ...event, kind: op } as TopicGap);
    else callBack(handlers.onEnd, { ...event, kind: op } as TopicEnd);
  }
}

/** Names a feed, or that which a frame is about. */
export function keyOf({ topic, run }: { readonly topic?: unknown; readonly run?: unknown }): string {
  return run === undefined ? `t${topic}` : `r${run}`;
}
