// The messages on the diagnostics channels of WebSocket connections; see websocket-channels.ts.

import type { RequestHead } from '@landspout/http1';
import type { StartMessage } from '@landspout/ioloop';
import type { WebSocketRole } from '../protocol/index.ts';
import type { WebSocketConnection } from './websocket-connection.ts';

export interface WebSocketStartMessage {
  /** The same object is in all messages of the connection, so it can be used as a key. */
  readonly connection: WebSocketConnection;
  /** Which side of the connection this process is. */
  readonly side: WebSocketRole;
  /**
   * The head of the request that was upgraded, as the server received it: the same object as `record.head` in the
   * messages of the server. Undefined for a client, for a connection without a request, and in the message of the end if
   * there was no subscriber at the start.
   */
  readonly head: RequestHead | undefined;
}

export interface WebSocketEndMessage extends WebSocketStartMessage {
  /** The code in the close frame of the peer; 1005 if the frame had none, 1006 if there was no frame. */
  readonly code: number;
  /** Why the connection did not close in an orderly way, if known. */
  readonly error: Error | undefined;
}

/** A message that was received. */
export interface WebSocketMessageRecord {
  readonly connection: WebSocketConnection;
  readonly side: WebSocketRole;
  readonly isText: boolean;
  /** The length of the message, after decompression. */
  readonly bytes: number;
  /** What the callback threw or rejected with; undefined until then. */
  readonly error: unknown;
  /** From the start to the end; 0 before that. */
  readonly durationMs: number;
}

export interface WebSocketMessageMessage {
  /** All messages about one received message have the same object, so it can be used as a key. */
  readonly record: WebSocketMessageRecord;
}

/**
 * `runWithin` chooses the async context in which the callback for the message is called, such as `onMessage` or the
 * listeners of the event `message`. A program that reads messages itself, with `readMessage`, `for await` or
 * `onMessages`, has a context of its own: the end of such a message is when it was queued for the program.
 */
export interface WebSocketMessageStartMessage extends WebSocketMessageMessage, StartMessage {}

export interface WebSocketSentMessage {
  readonly connection: WebSocketConnection;
  readonly side: WebSocketRole;
  readonly isText: boolean;
  /** The length of the message, before compression. */
  readonly bytes: number;
}
