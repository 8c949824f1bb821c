import type { Definitions } from './definitions.ts';
import { closeCodeText, secondsOf } from './label-texts.ts';

// What is read of the messages; their types are in `@landspout/websocket`, which is no dependency.

interface ConnectionMessage {
  readonly connection: object;
  readonly side: 'server' | 'client';
}

interface EndMessage extends ConnectionMessage {
  readonly code: number;
}

interface SentMessage extends ConnectionMessage {
  readonly isText: boolean;
  readonly bytes: number;
}

interface ReceivedMessage {
  readonly record: SentMessage & { readonly error: unknown; readonly durationMs: number };
}

/** Counts the WebSocket connections of this process, and their messages. */
export function countWebSockets(definitions: Definitions, buckets: readonly number[]): void {
  const opened = definitions.counter('websocket_connections_total', {
    help: 'Connections whose opening handshake was completed.',
    labels: ['side'],
  });
  const open = definitions.gauge('websocket_connections_open', {
    help: 'Connections that are open.',
    labels: ['side'],
  });
  const closed = definitions.counter('websocket_connections_closed_total', {
    help: 'Connections that have closed, by the code of the peer; 1005 without a code, 1006 without a close frame.',
    labels: ['side', 'code'],
  });
  const known = new WeakSet<object>();
  definitions.on<ConnectionMessage>('landspout.websocket.connection.start', ({ connection, side }) => {
    known.add(connection);
    opened.inc({ side });
    open.inc({ side });
  });
  definitions.on<EndMessage>('landspout.websocket.connection.end', ({ connection, side, code }) => {
    if (!known.delete(connection)) return;
    open.dec({ side });
    closed.inc({ side, code: closeCodeText(code) });
  });
  countMessages(definitions, buckets);
}

function countMessages(definitions: Definitions, buckets: readonly number[]): void {
  const labels = ['side', 'type'] as const;
  const received = definitions.counter('websocket_messages_received_total', {
    help: 'Messages whose callback has ended.',
    labels,
  });
  const receivedBytes = definitions.counter('websocket_received_message_bytes_total', {
    help: 'Bytes of these messages, after decompression.',
    labels,
  });
  const failures = definitions.counter('websocket_message_failures_total', {
    help: 'Messages whose callback threw or rejected.',
    labels: ['side'],
  });
  const durations = definitions.histogram('websocket_message_duration_seconds', {
    help: 'From the call for a message to the end of the callback and of its promise.',
    labels: ['side'],
    buckets,
  });
  const sent = definitions.counter('websocket_messages_sent_total', {
    help: 'Messages that were accepted for sending, for each connection of a broadcast.',
    labels,
  });
  const sentBytes = definitions.counter('websocket_sent_message_bytes_total', {
    help: 'Bytes of these messages, before compression.',
    labels,
  });
  definitions.on<ReceivedMessage>('landspout.websocket.message.end', ({ record }) => {
    const { side, isText, bytes, durationMs } = record;
    const of = { side, type: typeText(isText) };
    received.inc(of);
    receivedBytes.inc(of, bytes);
    durations.observe({ side }, secondsOf(durationMs));
  });
  // Not by the error of the record: a callback may reject with undefined.
  definitions.on<ReceivedMessage>('landspout.websocket.message.error', ({ record }) =>
    failures.inc({ side: record.side }),
  );
  definitions.on<SentMessage>('landspout.websocket.message.sent', ({ side, isText, bytes }) => {
    const of = { side, type: typeText(isText) };
    sent.inc(of);
    sentBytes.inc(of, bytes);
  });
}

function typeText(isText: boolean): string {
  return isText ? 'text' : 'binary';
}
