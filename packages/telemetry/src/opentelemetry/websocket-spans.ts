import type { Link, SpanContext } from '@opentelemetry/api';
import type { Subscriptions } from './channel-subscriptions.ts';
import { errorType } from './http-attributes.ts';
import type {
  ConnectionClosing,
  ConnectionOpening,
  MessageNotice,
  MessageStarting,
  MessageState,
} from './messages.ts';
import type { SpanOptions } from './options.ts';
import { openTelemetry } from './peer.ts';
import type { SpanSource } from './span-source.ts';
import type { TracedSpan } from './traced-span.ts';
import type { TracedMessage } from './types.ts';

const { context, ROOT_CONTEXT, SpanKind, trace } = openTelemetry;

/** What is known of the request by which a connection was opened. */
export interface UpgradeSource {
  spanContextOf(head: ConnectionOpening['head']): SpanContext | undefined;
  routeOf(head: ConnectionOpening['head']): string | undefined;
}

/** Which spans are made. */
export interface WebSocketSpanOptions {
  /** Undefined for no spans of messages. */
  readonly messages: SpanOptions<TracedMessage> | undefined;
  readonly connections: boolean;
}

/** An open connection. */
interface OpenConnection {
  readonly route: string | undefined;
  /** To the span of the upgrade, or of what has called the client. */
  readonly links: Link[];
  readonly span: TracedSpan | undefined;
  /** Of the messages that are being handled. */
  readonly messages: Set<TracedSpan>;
}

/**
 * Makes a span for each message that a WebSocket receives, in which it is handled: the root of a trace of its own, with a
 * link to the span of the upgrade, because a connection may last for days. Also makes spans of connections if wanted.
 */
export class WebSocketSpans {
  readonly #source: SpanSource;
  readonly #options: WebSocketSpanOptions;
  readonly #upgrades: UpgradeSource;
  readonly #connections = new WeakMap<object, OpenConnection>();
  readonly #messages = new WeakMap<MessageState, TracedSpan>();

  constructor(source: SpanSource, options: WebSocketSpanOptions, upgrades: UpgradeSource) {
    this.#source = source;
    this.#options = options;
    this.#upgrades = upgrades;
  }

  get subscriptions(): Subscriptions {
    const ofConnections = {
      'landspout.websocket.connection.start': (message: ConnectionOpening) => this.#opened(message),
      'landspout.websocket.connection.end': (message: ConnectionClosing) => this.#closed(message),
    };
    if (this.#options.messages === undefined) return ofConnections;
    return {
      ...ofConnections,
      'landspout.websocket.message.start': (message: MessageStarting) => this.#received(message),
      'landspout.websocket.message.error': (message: MessageNotice) => this.#failed(message.record),
      'landspout.websocket.message.end': (message: MessageNotice) => this.#handled(message.record),
    };
  }

  #opened({ connection, side, head }: ConnectionOpening): void {
    const route = this.#upgrades.routeOf(head);
    const opener = this.#source.attempt(() => context.active()) ?? ROOT_CONTEXT;
    const origin = this.#upgrades.spanContextOf(head) ?? trace.getSpanContext(opener);
    let span: TracedSpan | undefined;
    if (this.#options.connections) {
      const parent = origin === undefined ? opener : trace.setSpanContext(opener, origin);
      span = this.#source.start(nameOf('websocket connection', route), parent, {
        kind: SpanKind.INTERNAL,
        attributes: { 'landspout.websocket.side': side, 'http.route': route },
      });
    }
    const links = origin === undefined ? [] : [{ context: origin }];
    this.#connections.set(connection, { route, links, span, messages: new Set() });
  }

  #closed({ connection, code, error }: ConnectionClosing): void {
    const opened = this.#connections.get(connection);
    // Their callbacks may never settle, and without their connection nothing else would end them.
    for (const message of opened?.messages ?? []) {
      message.set({ 'landspout.websocket.message.unfinished': true });
      message.end();
    }
    const span = opened?.span;
    span?.set({ 'landspout.websocket.close.code': code });
    if (error !== undefined) {
      span?.fail(errorType(error));
      span?.record(error);
    }
    span?.end();
  }

  #received({ record, runWithin }: MessageStarting): void {
    const { messages = {} } = this.#options;
    if (this.#source.ignores(messages, record)) return;
    const { connection, side, isText, bytes } = record;
    const opened = this.#connections.get(connection);
    const span = this.#source.start(nameOf('websocket message', opened?.route), ROOT_CONTEXT, {
      kind: SpanKind.INTERNAL,
      attributes: {
        'landspout.websocket.side': side,
        'landspout.websocket.message.type': isText ? 'text' : 'binary',
        'landspout.websocket.message.size': bytes,
        'http.route': opened?.route,
        ...this.#source.attributesOf(messages, record),
      },
      links: opened?.links ?? [],
    });
    if (span === undefined) return;
    this.#messages.set(record, span);
    opened?.messages.add(span);
    runWithin(span.activate);
  }

  #handled(record: MessageState): void {
    const span = this.#messages.get(record);
    if (span !== undefined) this.#connections.get(record.connection)?.messages.delete(span);
    span?.end();
  }

  /** Comes before the end. A callback may reject with anything, also with undefined. */
  #failed(record: MessageState): void {
    const span = this.#messages.get(record);
    span?.fail(errorType(record.error));
    span?.record(record.error);
  }
}

function nameOf(what: string, route: string | undefined): string {
  return route === undefined ? what : `${what} ${route}`;
}
