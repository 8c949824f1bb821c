// The sessions of MCP clients. They are in memory; the first message of each is also in a topic, from which the session
// is made anew if the server was restarted.
import { randomUUID } from 'node:crypto';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/sdk/types.js';
import { Lock, type Topics } from 'landspout';
import { exchangeOf } from 'landspout/httpserver/fetch';
import { type Call, currentCall, TopicEventStore } from './event-store.ts';
import { readHistory } from './read-history.ts';
import { createMcpServer } from './tools.ts';

/** Beyond this, the session that was not used for the longest time leaves the memory, as it would at a restart. */
const MAX_IN_MEMORY = 1000;
const SESSION_ID = /^[\w-]{1,64}$/;
const NOT_FOUND = { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } };

export class Sessions {
  readonly #topics: Topics;
  readonly #sessions = new Map<string, Promise<Session | undefined>>();
  #stopping: AbortSignal | undefined;

  constructor(topics: Topics) {
    this.#topics = topics;
  }

  /** Handles a request: POST sends a message, GET resumes a response or opens a stream, DELETE ends the session. */
  async handle(request: Request): Promise<Response> {
    this.#closeWith(exchangeOf(request)?.exchange.stopping);
    if (this.#stopping?.aborted) return new Response(null, { status: 503, headers: { 'Retry-After': '1' } });
    // Without a message, the transport reports that the JSON is invalid.
    const message = request.method === 'POST' ? await request.json().catch(() => undefined) : undefined;
    const id = request.headers.get('Mcp-Session-Id');
    if (id !== null) {
      const session = await this.#find(id);
      return session === undefined
        ? Response.json(NOT_FOUND, { status: 404 })
        : session.handle(request, message);
    }
    const session = await this.#create(randomUUID());
    const response = await session.handle(request, message);
    if (session.isInitialized) {
      await this.#topics.topic(topicOf(session.id)).publish(message);
      this.#keep(session.id, Promise.resolve(session));
    }
    return response;
  }

  /** Ends all streams when the server stops, so that clients connect to the next process, which continues their calls. */
  #closeWith(stopping: AbortSignal | undefined): void {
    if (stopping === undefined || stopping === this.#stopping) return;
    this.#stopping = stopping;
    stopping.addEventListener('abort', () => {
      const sessions = [...this.#sessions.values()];
      this.#sessions.clear();
      for (const session of sessions) closeSession(session);
    });
  }

  #find(id: string): Promise<Session | undefined> | undefined {
    if (!SESSION_ID.test(id)) return undefined;
    const session = this.#sessions.get(id);
    if (session !== undefined) {
      this.#keep(id, session);
      return session;
    }
    const restored = this.#restore(id);
    this.#sessions.set(id, restored); // for requests that come meanwhile
    return restored;
  }

  /** @returns undefined if there is no such session. */
  async #restore(id: string): Promise<Session | undefined> {
    try {
      for await (const { data } of readHistory(this.#topics, topicOf(id), 'start')) {
        const session = await this.#create(id);
        await session.repeat({ message: data, continues: 'initialize' });
        this.#keep(id, Promise.resolve(session));
        return session;
      }
    } catch (error) {
      this.#sessions.delete(id);
      throw error;
    }
    this.#sessions.delete(id);
    return undefined;
  }

  async #create(id: string): Promise<Session> {
    const session = new Session(id, this.#topics, async () => {
      this.#sessions.delete(id);
      await this.#topics.delete(topicOf(id));
    });
    await session.open();
    return session;
  }

  #keep(id: string, session: Promise<Session | undefined>): void {
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    if (this.#sessions.size <= MAX_IN_MEMORY) return;
    const [[oldestId, oldest] = [id, session]] = this.#sessions;
    this.#sessions.delete(oldestId);
    closeSession(oldest);
  }
}

function closeSession(session: Promise<Session | undefined>): void {
  session.then((found) => found?.close()).catch(() => {}); // the request that made it gets the error
}

function topicOf(id: string): string {
  return `mcp/${id}`;
}

class Session {
  readonly id: string;
  readonly #topics: Topics;
  readonly #store: TopicEventStore;
  readonly #transport: WebStandardStreamableHTTPServerTransport;
  readonly #continuing = new Lock();

  constructor(id: string, topics: Topics, onClosed: () => Promise<void>) {
    this.id = id;
    this.#topics = topics;
    this.#store = new TopicEventStore(topics, id);
    this.#transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      onsessionclosed: onClosed,
      eventStore: this.#store,
    });
  }

  get isInitialized(): boolean {
    return this.#transport.sessionId !== undefined;
  }

  async open(): Promise<void> {
    await createMcpServer(this.#topics).connect(this.#transport);
  }

  async handle(request: Request, message: unknown): Promise<Response> {
    const lastEventId = request.headers.get('Last-Event-ID');
    if (request.method === 'GET' && lastEventId !== null) {
      // One at a time, so that a call is not continued twice.
      await this.#continuing.run(async () => {
        const call = await this.#store.interruptedCall(lastEventId);
        if (call !== undefined) await this.repeat(call);
      });
    }
    return await currentCall.run({ message }, () =>
      this.#transport.handleRequest(request, { parsedBody: message }),
    );
  }

  /** Handles a message again that an earlier process has received. What is sent in response is only stored. */
  async repeat(call: Call): Promise<void> {
    const headers = {
      Accept: 'application/json, text/event-stream',
      'Content-Type': 'application/json',
      'Mcp-Session-Id': this.id,
      'Mcp-Protocol-Version': LATEST_PROTOCOL_VERSION, // the stream then begins with an event for the store
    };
    const request = new Request('http://localhost/', { method: 'POST', headers });
    const response = await currentCall.run(call, () =>
      this.#transport.handleRequest(request, { parsedBody: call.message }),
    );
    if (!response.ok) throw new Error(`could not continue a call: ${await response.text()}`);
    await response.body?.cancel();
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }
}
