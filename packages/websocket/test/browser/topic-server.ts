// A small server of the wire: WebSocket, event stream, long poll, POST and DELETE of one URL. It misbehaves on demand.

import { HTTPError } from '@landspout/web';
import { WebSocketHandler } from '../../src/index.ts';
import { CursorError, type LogFrame, type LogReader, TopicLog } from './topic-log.ts';

type Members = Readonly<Record<string, unknown>>;

/** A frame of a client. */
export type ClientFrame = Members & { readonly op: string; readonly id: number };

/** What the server does wrong, or refuses. Tests change it. */
export interface Behaviour {
  /** Upgrades get a 404. */
  refusesSockets: boolean;
  /** Event streams send nothing, as behind a proxy that collects responses. */
  holdsStreams: boolean;
  /** The statuses of the next requests without an upgrade, the first one first. */
  readonly statuses: number[];
  /** Called with each frame; if it returns true, the server does nothing with it. */
  onFrame: (connection: Connection, frame: ClientFrame) => boolean;
  /** Called before a POST is done; if it returns true, the connection is reset. */
  onPost: (phase: 'before' | 'after') => boolean;
}

/** A connection, as far as tests see it. */
export interface Connection {
  readonly isOpen: boolean;
  sendText(text: string): void;
  close(code?: number): void;
  abort(): void;
  /** Does what the frame says. */
  serve(frame: ClientFrame): void;
}

/** A request that was no upgrade. */
export interface SeenRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly accept: string;
  readonly token: string | undefined;
}

export class TopicServer {
  readonly behaviour: Behaviour = {
    refusesSockets: false,
    holdsStreams: false,
    statuses: [],
    onFrame: () => false,
    onPost: () => false,
  };
  readonly connections = new Set<Connection>();
  refusedUpgrades = 0;
  /** Responses to GETs that are not complete. */
  readonly pending = new Set<object>();
  readonly frames: ClientFrame[] = [];
  readonly requests: SeenRequest[] = [];
  readonly #logs = new Map<string, TopicLog>();
  /** Ends the open event streams. */
  readonly streams = new Set<(how: 'end' | 'reset', retryMs?: number) => void>();
  /** Topics and runs that look as if they did not exist. */
  readonly hidden = new Set<string>();
  /** The members of each topic. */
  readonly members: { member: string; meta?: unknown }[] = [];

  log(topic: string): TopicLog {
    return this.#logOf(`topic ${topic}`);
  }

  run(id: string): TopicLog {
    return this.#logOf(`run ${id}`);
  }

  find({ topic, run }: Members): TopicLog | undefined {
    const name = topic ?? run;
    if (typeof name !== 'string' || name === '' || this.hidden.has(name)) return undefined;
    return topic === undefined ? this.run(name) : this.log(name);
  }

  /** How often clients have sent this `op`. */
  count(op: string): number {
    return this.frames.filter((frame) => frame.op === op && frame.topic !== '').length;
  }

  /** The class for the route of this server. */
  handler() {
    const server = this;
    return class Live extends LiveHandler {
      override readonly server = server;
    };
  }

  #logOf(key: string): TopicLog {
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = new TopicLog();
      this.#logs.set(key, log);
    }
    return log;
  }
}

abstract class LiveHandler extends WebSocketHandler implements Connection {
  static override readonly subprotocols = ['landspout.topics.v1'];
  abstract readonly server: TopicServer;
  readonly #subscriptions = new Map<string, () => void>();

  // ---- WebSocket ----

  override onOpen(): void {
    this.server.connections.add(this);
  }

  override onClose(): void {
    this.server.connections.delete(this);
    for (const end of this.#subscriptions.values()) end();
  }

  override onMessage(message: string | Uint8Array): void {
    const { server } = this;
    const frame = JSON.parse(String(message)) as ClientFrame;
    server.frames.push(frame);
    if (!server.behaviour.onFrame(this, frame)) this.serve(frame);
  }

  sendText(text: string): void {
    this.writeMessage(text).catch(() => undefined);
  }

  #send(members: object): void {
    this.sendText(JSON.stringify(members));
  }

  serve(frame: ClientFrame): void {
    const { op, id, topic, run, data, ref } = frame;
    const log = this.server.find(frame);
    if (op === 'unsub') {
      this.#subscriptions.get(keyOf(frame))?.();
      this.#send({ op: 'ok', id });
    } else if (log === undefined) this.#refuse(frame, 'ERR_TOPICS_REFUSED');
    else if (op === 'pub') this.#send({ op: 'ok', id, cursor: log.append({ data }, ref as string) });
    else if (op === 'cancel') this.#send({ op: 'ok', id, how: cancel(log) });
    else if (this.#subscriptions.has(keyOf({ topic, run }))) this.#refuse(frame, 'ERR_TOPICS_DUPLICATE');
    else this.#subscribe(frame, log);
  }

  #refuse({ id, topic, run }: ClientFrame, code: string): void {
    this.#send({ op: 'err', id, topic, run, code, message: 'refused' });
  }

  #subscribe(frame: ClientFrame, log: TopicLog): void {
    const { id, topic, run, after, last, presence } = frame;
    const name = { topic, run };
    try {
      const reader = log.read(after as string, last as number);
      this.#send({ op: 'ok', id, cursor: reader.cursor });
      this.#send({ op: 'pos', ...name, cursor: reader.cursor });
      if (presence === true) this.#send({ op: 'presence', ...name, members: this.server.members });
      this.#deliver(keyOf(name), name, log, reader);
    } catch (error) {
      if (!(error instanceof CursorError)) throw error;
      this.#refuse(frame, 'ERR_TOPICS_CURSOR');
    }
  }

  #deliver(key: string, name: object, log: TopicLog, reader: LogReader): void {
    const send = () => {
      for (const frame of reader.take()) {
        this.#send({ ...frame, ...name });
        if (frame.op === 'end') this.#subscriptions.get(key)?.();
      }
    };
    const stop = log.onChange(send);
    this.#subscriptions.set(key, () => {
      stop();
      this.#subscriptions.delete(key);
    });
    send();
  }

  // ---- HTTP ----

  override get(): undefined {
    const { behaviour } = this.server;
    if (this.request.headers.get('Upgrade') === undefined) {
      // The application waits for it, although the type of the method does not say so.
      return this.#getOverHttp() as unknown as undefined;
    }
    if (behaviour.refusesSockets) {
      this.server.refusedUpgrades += 1;
      throw new HTTPError(404);
    }
    super.get();
    return undefined;
  }

  async #getOverHttp(): Promise<void> {
    const query = this.#seen();
    const { log, reader } = this.#read(query);
    this.server.pending.add(this);
    try {
      const isStream = this.request.headers.get('Accept')?.includes('event-stream');
      if (isStream && log.end !== undefined && query.get('after') === log.end.cursor) this.setStatus(204);
      else if (isStream) await this.#stream(log, reader);
      else await this.#poll(log, reader, query);
    } finally {
      this.server.pending.delete(this);
    }
  }

  #read(query: URLSearchParams): { log: TopicLog; reader: LogReader } {
    const log = this.#logOf(query);
    const last = query.get('last');
    try {
      return {
        log,
        reader: log.read(query.get('after') ?? undefined, last === null ? undefined : Number(last)),
      };
    } catch (error) {
      if (!(error instanceof CursorError)) throw error;
      throw new HTTPError(400, undefined, { extensions: { code: 'ERR_TOPICS_CURSOR' } });
    }
  }

  async #stream(log: TopicLog, reader: LogReader): Promise<void> {
    let stop: { readonly how: 'end' | 'reset'; readonly retryMs: number | undefined } | undefined;
    let wake = () => {};
    const end = (how: 'end' | 'reset', retryMs?: number) => {
      stop = { how, retryMs };
      wake();
    };
    const { streams, behaviour } = this.server;
    streams.add(end);
    this.signal.addEventListener('abort', () => end('end'));
    const stopListening = log.onChange(() => wake());
    try {
      this.setHeader('Content-Type', 'text/event-stream');
      if (!behaviour.holdsStreams) this.write(`: hello\nid: ${reader.cursor}\n\n`);
      for (let isOver = false; !isOver; ) {
        for (const frame of behaviour.holdsStreams ? [] : reader.take()) {
          this.write(block(frame));
          isOver = frame.op === 'end';
        }
        if (!behaviour.holdsStreams) await this.flush();
        if (isOver) break;
        if (stop === undefined)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        if (stop?.how === 'reset') this.exchange.abort(new Error('reset'));
        if (stop === undefined) continue;
        if (stop.retryMs !== undefined) this.write(`retry: ${stop.retryMs}\n\n`);
        break;
      }
    } catch {
      // The client has disconnected.
    } finally {
      streams.delete(end);
      stopListening();
    }
  }

  async #poll(log: TopicLog, reader: LogReader, query: URLSearchParams): Promise<void> {
    const { cursor } = reader;
    let frames = reader.take();
    if (frames.length === 0 && query.has('after')) {
      await new Promise<void>((resolve) => {
        const stopListening = log.onChange(() => {
          stopListening();
          resolve();
        });
        this.signal.addEventListener('abort', () => resolve());
      });
      frames = reader.take();
    }
    if (this.signal.aborted) return;
    const of = (op: string) => frames.filter((frame) => frame.op === op).map(({ op: _, ...rest }) => rest);
    const [gap] = of('gap');
    const [end] = of('end');
    const records = of('msg');
    this.writeJson({ records, cursor: records.at(-1)?.cursor ?? gap?.cursor ?? cursor, gap, end });
  }

  override post(): void {
    const log = this.#logOf(this.#seen());
    const { onPost } = this.server.behaviour;
    const reset = () => this.exchange.abort(new Error('reset'));
    if (onPost('before')) reset();
    else {
      const { data, ref } = this.getJsonBody() as { readonly data: unknown; readonly ref?: string };
      const cursor = log.append({ data }, ref);
      if (onPost('after')) reset();
      else this.writeJson({ cursor });
    }
  }

  override delete(): void {
    this.writeJson({ how: cancel(this.#logOf(this.#seen())) });
  }

  #logOf(query: URLSearchParams): TopicLog {
    const log = this.server.find(Object.fromEntries(query));
    if (log === undefined) throw new HTTPError(404);
    return log;
  }

  #seen(): URLSearchParams {
    const { request, server } = this;
    const query = new URLSearchParams(request.query);
    server.requests.push({
      method: request.method,
      query,
      accept: request.headers.get('Accept') ?? '',
      token: request.headers.get('X-Xsrftoken'),
    });
    const status = server.behaviour.statuses.shift();
    if (status !== undefined) throw new HTTPError(status);
    return query;
  }
}

function keyOf({ topic, run }: Members): string {
  return JSON.stringify([topic, run]);
}

function cancel(log: TopicLog): string {
  const { end } = log;
  if (end === undefined) log.finish('cancelled');
  return end?.how ?? 'running';
}

function block({ op, cursor, ...frame }: LogFrame): string {
  if (op !== 'msg') return `event: ${op}\nid: ${cursor}\ndata: ${JSON.stringify(frame)}\n\n`;
  if ('bytes' in frame) return `event: bytes\nid: ${cursor}\ndata: ${frame.bytes}\n\n`;
  return `id: ${cursor}\ndata: ${JSON.stringify(frame.data)}\n\n`;
}
