import { TopicsError } from './errors.ts';
import type { Frame } from './events.ts';
import { type TopicsSettings, WHEN_BROKEN } from './options.ts';
import { platform, type TopicsSocket } from './platform.ts';

/** Beside the close codes: the server has sent something that is not a frame. */
const GARBAGE = -1;

/** How many failures a close code counts as, at least. The codes from 1001 on go to all clients of a server at once. */
export const LEAST_FAILURES: Readonly<Record<number, number>> = {
  [GARBAGE]: WHEN_BROKEN,
  1001: 2,
  1012: 2,
  1013: 2,
};

/** Called with an `ok` frame, or with an error and an `err` frame. */
export type OnReply = (error: TopicsError | undefined, frame: Frame) => void;

/** What a link reports. Nothing more after `onLost`, or after `close`. */
export interface LinkDelegate {
  onOpen(): void;
  /** @throws if it is no valid frame: the link is then lost. */
  onFrame(frame: Frame): void;
  /** @param code - of the close frame, if there is one. */
  onLost(code: number | undefined): void;
}

/** One WebSocket, from the attempt to open it until it is lost. It pings, because browsers do not report their pings. */
export class SocketLink {
  isOpen = false;
  /** Whether a frame has arrived. */
  hasHeard = false;
  roundTripMs: number | undefined = undefined;
  readonly #settings: TopicsSettings;
  readonly #socket: TopicsSocket;
  readonly #delegate: LinkDelegate;
  readonly #replies = new Map<unknown, OnReply>();
  #lastId = 0;
  #isPinging = false;
  #isSilent = true;
  #stopTimer = (): void => {};

  /** @throws an error of the platform, if it refuses to connect. */
  constructor(url: string, settings: TopicsSettings, delegate: LinkDelegate) {
    this.#settings = settings;
    this.#delegate = delegate;
    const socket = new settings.WebSocket(url.replace(/^http/, 'ws'), 'landspout.topics.v1');
    this.#socket = socket;
    socket.onopen = () => {
      this.isOpen = true;
      this.ping();
      delegate.onOpen();
    };
    socket.onmessage = ({ data }: { readonly data: unknown }) => this.#receive(data);
    socket.onclose = ({ code }: { readonly code: number }) => this.#lose(code);
    this.#after(settings.connectTimeoutMs, () => this.#lose());
  }

  /** Sends a frame with an id. There is no call if the link is lost before the reply. */
  send(frame: object, onReply: OnReply = () => {}): void {
    this.#lastId += 1;
    this.#replies.set(this.#lastId, onReply);
    this.#socket.send(JSON.stringify({ ...frame, id: this.#lastId }));
  }

  /** Sends a ping if none is on its way. If nothing at all arrives within the limit, the link is lost. */
  ping(limitMs = this.#settings.heartbeatMs): void {
    if (!this.#isPinging) {
      const sentAt = platform.performance.now();
      // No topic has an empty name, so that this changes nothing; like any other frame, it gets a reply.
      this.send({ op: 'unsub', topic: '' }, () => {
        this.roundTripMs = platform.performance.now() - sentAt;
        this.#isPinging = false;
        this.#after(this.#settings.heartbeatMs, () => this.ping());
      });
    }
    this.#isPinging = this.#isSilent = true;
    // A large record may take longer than the limit, with the reply behind it.
    this.#after(limitMs, () => (this.#isSilent ? this.#lose() : this.ping()));
  }

  close(): void {
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    this.isOpen = false;
    this.#stopTimer();
    socket.close();
  }

  #receive(data: unknown): void {
    this.#isSilent = false;
    try {
      const frame = JSON.parse(data as string) as Frame;
      const { op, id, code, message } = frame;
      this.hasHeard = true;
      if (op !== 'ok' && op !== 'err') return this.#delegate.onFrame(frame);
      const onReply = this.#replies.get(id);
      this.#replies.delete(id);
      onReply?.(op === 'err' ? new TopicsError(`${code}`, `${message}`) : undefined, frame);
    } catch {
      this.#lose(GARBAGE);
    }
  }

  #lose(code?: number): void {
    this.close();
    this.#delegate.onLost(code);
  }

  #after(delayMs: number, callback: () => void): void {
    this.#stopTimer();
    this.#stopTimer = this.#settings.later(delayMs, callback);
  }
}
