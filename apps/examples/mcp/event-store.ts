// Keeps what the MCP server sends in topics, so that a client can resume a response, also after the server was killed.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventStore } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { Lock } from 'landspout';
import { isCursor, type Topics } from 'landspout/topics';
import { readHistory } from './read-history.ts';

/** A request of a client, whose response is a stream of messages. */
export interface Call {
  readonly message: unknown;
  /** The stream that the response continues, because its first part was sent by a server that was killed. */
  readonly continues?: string;
  /** The last `progress` that this first part reported. */
  readonly progress?: number;
}

/** The call that is being handled, for the event store and for tools. */
export const currentCall = new AsyncLocalStorage<Call>();

/** The records of a stream: first the request of the client, then the messages of the server. */
type StreamRecord = { readonly request: unknown } | { readonly message: JSONRPCMessage };

/** An event id: the id of a stream, and a cursor of its topic. The transport asks with an event id alone. */
const EVENT_ID = /^([\w-]{1,64}):(.+)$/;

/**
 * The streams of one session, each of which is a topic. A response can be resumed as long as the history of its topic has
 * all of it: by default 1,000 messages, 1 MiB and 24 hours. A client that is older than version 2025-11-25 of the protocol
 * gets the messages that it has missed, but its calls are not continued after a restart.
 */
export class TopicEventStore implements EventStore {
  readonly #topics: Topics;
  readonly #session: string;
  /** The streams of calls that are not finished, with the ids that the transport has for them. */
  readonly #open = new Map<string, string>();
  /** The same, the other way round. */
  readonly #streams = new Map<string, string>();
  readonly #lock = new Lock();

  constructor(topics: Topics, session: string) {
    this.#topics = topics;
    this.#session = session;
  }

  /** The transport calls this before it sends a message, and with an empty object when the stream of a call begins. */
  async storeEvent(transportId: string, message: JSONRPCMessage): Promise<string> {
    using _ = await this.#lock.acquire();
    if ('jsonrpc' in message) {
      const stream = this.#streams.get(transportId) ?? transportId;
      const eventId = await this.#publish(stream, { message });
      if (isResponse(message)) this.#close(stream, transportId);
      return eventId;
    }
    const call = currentCall.getStore();
    const stream = call?.continues ?? transportId;
    this.#open.set(stream, transportId);
    this.#streams.set(transportId, stream);
    if (call?.continues !== undefined) return ''; // the stream has its first record
    return await this.#publish(stream, { request: call?.message });
  }

  /** @returns the id that the transport has for the stream. */
  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const [, stream = '', after = ''] = EVENT_ID.exec(lastEventId) ?? [];
    if (!isCursor(after)) throw new Error(`no event has the id ${JSON.stringify(lastEventId)}`);
    const guard = await this.#lock.acquire();
    try {
      for await (const { cursor, data } of readHistory<StreamRecord>(
        this.#topics,
        this.#topic(stream),
        after,
      )) {
        if ('message' in data) await send(`${stream}:${cursor}`, data.message);
      }
      return this.#open.get(stream) ?? stream;
    } finally {
      // Not before the transport has noted, after this method has returned, where it sends the next message to.
      setImmediate(() => guard.release());
    }
  }

  /**
   * The call whose response the client wants to resume, if it is not finished, and this process is not about to.
   *
   * @param lastEventId - the event that the client has received last.
   */
  async interruptedCall(lastEventId: string): Promise<Call | undefined> {
    const [, continues = ''] = EVENT_ID.exec(lastEventId) ?? [];
    if (continues === '' || this.#open.has(continues)) return undefined;
    let message: unknown;
    let progress = 0;
    for await (const { data } of readHistory<StreamRecord>(this.#topics, this.#topic(continues), 'start')) {
      if ('request' in data) message = data.request;
      else if ('message' in data && isResponse(data.message)) return undefined;
      else if ('message' in data) progress = progressOf(data.message) ?? progress;
    }
    return message === undefined ? undefined : { message, continues, progress };
  }

  async #publish(stream: string, record: StreamRecord): Promise<string> {
    const cursor = await this.#topics.topic<StreamRecord>(this.#topic(stream)).publish(record);
    return `${stream}:${cursor}`;
  }

  #topic(stream: string): string {
    return `mcp/${this.#session}/${stream}`;
  }

  #close(stream: string, transportId: string): void {
    this.#open.delete(stream);
    this.#streams.delete(transportId);
  }
}

function isResponse(message: JSONRPCMessage): boolean {
  return 'result' in message || 'error' in message;
}

function progressOf(message: JSONRPCMessage): number | undefined {
  if (!('method' in message) || message.method !== 'notifications/progress') return undefined;
  return Number(message.params?.progress);
}
