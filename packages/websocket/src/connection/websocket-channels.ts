import { channel } from 'node:diagnostics_channel';
import type { RequestHead } from '@landspout/http1';
import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable, publishStart, runInContextOf } from '@landspout/ioloop/reactor';
import { byteLengthOf } from '../protocol/frames/frame-encoder.ts';
import type { WebSocketRole } from '../protocol/index.ts';
import type { WebSocketDelegate } from './delegate.ts';
import { PreparedMessage } from './prepared-message.ts';

/**
 * The events that WebSocket connections publish on `node:diagnostics_channel`, for tracing a program without changing it.
 * If there are no subscribers, an event costs a few checks.
 *
 * | Channel | When | Message |
 * | --- | --- | --- |
 * | `landspout.websocket.connection.start` | the opening handshake is complete | `WebSocketStartMessage` |
 * | `landspout.websocket.connection.end` | the connection is closed, before the callback about it | `WebSocketEndMessage` |
 * | `landspout.websocket.message.start` | a received message is about to be handled | `WebSocketMessageStartMessage` |
 * | `landspout.websocket.message.error` | the callback threw or rejected | `WebSocketMessageMessage` |
 * | `landspout.websocket.message.end` | the callback has returned, and its promise is settled; after `error` | `WebSocketMessageMessage` |
 * | `landspout.websocket.message.sent` | a message was accepted for sending, for each connection of a broadcast | `WebSocketSentMessage` |
 *
 * The shapes of the messages are in websocket-messages.ts, which this file does not import: they refer to the connection.
 * Messages are published synchronously, in the middle of processing. An error thrown by a subscriber does not reach the
 * connection: Node throws it on the next tick as an uncaught exception.
 */
const connectionStart = channel('landspout.websocket.connection.start');
const connectionEnd = channel('landspout.websocket.connection.end');
const messageStart = channel('landspout.websocket.message.start');
const messageError = channel('landspout.websocket.message.error');
const messageEnd = channel('landspout.websocket.message.end');
const messageSent = channel('landspout.websocket.message.sent');

/** A `WebSocketMessageRecord` while the message is handled. */
class MessageRecord {
  readonly connection: object;
  readonly side: WebSocketRole;
  readonly isText: boolean;
  readonly bytes: number;
  error: unknown = undefined;
  durationMs = 0;
  readonly #clock: Clock;
  readonly #startedAt: number;

  constructor(connection: object, side: WebSocketRole, message: string | Uint8Array, clock: Clock) {
    this.connection = connection;
    this.side = side;
    this.isText = typeof message === 'string';
    this.bytes = byteLengthOf(message);
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  ended(): void {
    this.durationMs = this.#clock.now() - this.#startedAt;
    if (messageEnd.hasSubscribers) messageEnd.publish({ record: this });
  }

  failed(error: unknown): void {
    this.error = error;
    if (messageError.hasSubscribers) messageError.publish({ record: this });
    this.ended();
  }

  [INSPECT](): object {
    return inspection(this, ['side', 'isText', 'bytes', 'error', 'durationMs'], () => ({
      connection: undefined,
    }));
  }
}

/** Whether there is a subscriber for the messages about a connection that starts now. */
export function areConnectionsHeard(): boolean {
  return connectionStart.hasSubscribers || connectionEnd.hasSubscribers;
}

export function publishConnectionStart(
  connection: object,
  side: WebSocketRole,
  head: RequestHead | undefined,
): void {
  if (connectionStart.hasSubscribers) connectionStart.publish({ connection, side, head });
}

export function publishConnectionEnd(
  connection: object,
  side: WebSocketRole,
  head: RequestHead | undefined,
  code: number,
  error: Error | undefined,
): void {
  if (connectionEnd.hasSubscribers) connectionEnd.publish({ connection, side, head, code, error });
}

/** Publishes a message that was accepted for sending. */
export function publishSent(
  connection: object,
  side: WebSocketRole,
  message: string | Uint8Array | PreparedMessage,
): void {
  if (!messageSent.hasSubscribers) return;
  // The length of a message for many connections is known, and need not be measured for each of them.
  const isPrepared = message instanceof PreparedMessage;
  const isText = typeof (isPrepared ? message.data : message) === 'string';
  const bytes = isPrepared ? message.byteLength : byteLengthOf(message);
  messageSent.publish({ connection, side, isText, bytes });
}

/**
 * Passes a received message to the delegate, in the async context that a subscriber chooses.
 *
 * @returns what the delegate returns, or a promise that settles like it. Throws what the delegate throws.
 */
export function deliverMessage(
  connection: object,
  side: WebSocketRole,
  delegate: WebSocketDelegate,
  message: string | Uint8Array,
  clock: Clock,
): unknown {
  if (!messageStart.hasSubscribers && !messageEnd.hasSubscribers && !messageError.hasSubscribers)
    return delegate.messageReceived(message);
  const record = new MessageRecord(connection, side, message, clock);
  const context = publishStart(messageStart, (runWithin) => ({ record, runWithin }));
  const receive = (): unknown => delegate.messageReceived(message);
  let result: unknown;
  try {
    result = context === undefined ? receive() : runInContextOf(context, receive, undefined);
  } catch (error) {
    record.failed(error);
    throw error;
  }
  if (isThenable(result)) return settled(result, record);
  record.ended();
  return result;
}

async function settled(result: PromiseLike<unknown>, record: MessageRecord): Promise<void> {
  try {
    await result;
  } catch (error) {
    record.failed(error);
    throw error;
  }
  record.ended();
}
