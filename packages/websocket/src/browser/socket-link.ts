// Closures rather than a class, because they are smaller once minified.

import { TopicsError } from './errors.ts';
import type { Frame } from './events.ts';
import type { TopicsSettings } from './options.ts';
import { platform } from './platform.ts';
import { CONNECT_LIMIT_MS, HEARTBEAT_MS, UNREADABLE } from './timing.ts';

/** Called with an `ok` frame, or with an error and an `err` frame. */
type OnReply = (error: TopicsError | false, frame: Frame) => void;

/** One WebSocket, from the attempt to open it until it is lost. It pings, because browsers do not report their pings. */
export interface SocketLink {
  isOpen: boolean;
  /** Of the last ping; undefined until a frame has arrived, of which the reply to a ping is the first. */
  roundTripMs?: number;
  /** Sends a frame with an id. There is no call if the link is lost before the reply. */
  send(frame: object, onReply?: OnReply): void;
  /** Sends a ping if none is on its way. If nothing at all arrives within the limit, the link is lost. */
  ping(limitMs?: number): void;
  close(): void;
}

/**
 * Opens a link. None of the callbacks is called after `onLost`, or after `close`.
 *
 * @param onFrame - throws if it is no valid frame: the link is then lost.
 * @param onLost - called with the code of the close frame, if there is one.
 * @throws an error of the platform, if it refuses to connect.
 */
export function openLink(
  url: string,
  { WebSocket, later }: TopicsSettings,
  onOpen: () => void,
  onFrame: (frame: Frame) => void,
  onLost: (code?: number) => void,
): SocketLink {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), 'landspout.topics.v1');
  /** By the id of the frame. */
  const replies: Record<number, OnReply | undefined> = {};
  let lastId = 0;
  let isPinging = false;
  let isSilent: boolean;
  const link: SocketLink = {
    isOpen: false,
    send(frame, onReply) {
      replies[++lastId] = onReply;
      socket.send(JSON.stringify({ ...frame, id: lastId }));
    },
    ping(limitMs = HEARTBEAT_MS) {
      if (!isPinging) {
        const sentAt = platform.performance.now();
        // No topic has an empty name, so that this changes nothing; like any other frame, it gets a reply.
        link.send({ op: 'unsub', topic: '' }, () => {
          link.roundTripMs = platform.performance.now() - sentAt;
          isPinging = false;
          after(HEARTBEAT_MS, link.ping);
        });
      }
      isPinging = isSilent = true;
      // A large record may take longer than the limit, with the reply behind it.
      after(limitMs, () => (isSilent ? lose() : link.ping()));
    },
    close() {
      socket.onopen = socket.onmessage = socket.onerror = socket.onclose = null;
      link.isOpen = false;
      stopTimer();
      socket.close();
    },
  };
  const lose = (code?: number) => {
    link.close();
    onLost(code);
  };
  const after = (delayMs: number, callback: () => void) => {
    stopTimer();
    stopTimer = later(delayMs, callback);
  };
  socket.onopen = () => {
    link.isOpen = true;
    link.ping();
    onOpen();
  };
  // Node 22 does not close a WebSocket that could not be opened. The event of an error has no code.
  socket.onerror = socket.onclose = ({ code }: { readonly code?: number }) => lose(code);
  socket.onmessage = ({ data }: { readonly data: unknown }) => {
    isSilent = false;
    try {
      const frame = JSON.parse(data as string) as Frame;
      const { op, id, code, message } = frame;
      if (op === 'ok' || op === 'err') {
        replies[id as number]?.(op === 'err' && new TopicsError(code, message), frame);
        delete replies[id as number];
      } else onFrame(frame);
    } catch {
      lose(UNREADABLE);
    }
  };
  let stopTimer = later(CONNECT_LIMIT_MS, lose);
  return link;
}
