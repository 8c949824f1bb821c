import { setTimeout as wait } from 'node:timers/promises';
import { type LogPlace, liveServer, type ReaderEvent, type Server } from './server.ts';

/** Opens a reading at a server. @returns what ends it, without a further event. */
export type Door = (server: Server, place: LogPlace, notify: (event: ReaderEvent) => void) => () => void;

/** What a reader has seen, in order. */
export type Seen = Extract<ReaderEvent, { kind: 'record' | 'gap' | 'end' }>;

/** The publisher of the last record of a topic. */
export const END_MARKER = 'end of the trial';

const RETRY_MS = 20;

export interface ReaderOptions {
  readonly door: Door;
  readonly servers: readonly Server[];
  readonly kind: 'topic' | 'run';
  readonly name: string;
  /** The server to which it connects first. */
  readonly home: number;
  /** Records after which it leaves its server and goes on at the next one. Undefined: it stays. */
  readonly moveAfter?: number | undefined;
}

/** A client that reads one log: when its connection is lost, it connects to another server, and goes on after its cursor. */
export class Reader {
  readonly kind: 'topic' | 'run';
  readonly name: string;
  readonly seen: Seen[] = [];
  /** Typed errors with which servers have refused to read. */
  readonly refusals = new Map<string, number>();
  readonly #options: ReaderOptions;
  #cursor: string | undefined;
  #connections = 0;
  #hasEnded = false;
  #isClosed = false;
  #leave = (): void => {};
  #untilMove: number;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.name = options.name;
    this.#untilMove = options.moveAfter ?? Number.POSITIVE_INFINITY;
    void this.#connect();
  }

  /** Whether it has a position, so that it misses nothing from now on. */
  get isPlaced(): boolean {
    return this.#cursor !== undefined;
  }

  /** Whether it has got the last record of the topic, or the end of the run. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** How often it has connected. */
  get connections(): number {
    return this.#connections;
  }

  close(): void {
    this.#isClosed = true;
    this.#leave();
  }

  async #connect(): Promise<void> {
    const { door, servers, home } = this.#options;
    const server = await liveServer(servers, home + this.#connections, () => this.#isClosed);
    if (server === undefined) return;
    this.#connections += 1;
    const connection = this.#connections;
    const place = { kind: this.kind, name: this.name, after: this.#cursor };
    this.#leave = door(server, place, (event) => {
      if (connection === this.#connections) this.#notified(event);
    });
  }

  #notified(event: ReaderEvent): void {
    if (event.kind === 'closed' || event.kind === 'failed') {
      if (event.kind === 'failed') {
        this.refusals.set(event.code, (this.refusals.get(event.code) ?? 0) + 1);
      }
      void wait(RETRY_MS).then(() => this.#connect());
      return;
    }
    this.#cursor = event.cursor;
    if (event.kind === 'position') return;
    this.seen.push(event);
    if (event.kind === 'end' || (event.kind === 'record' && event.data.publisher === END_MARKER)) {
      this.#hasEnded = true;
      this.close();
    } else if (event.kind === 'record') this.#countMove();
  }

  #countMove(): void {
    this.#untilMove -= 1;
    if (this.#untilMove > 0) return;
    this.#untilMove = this.#options.moveAfter ?? Number.POSITIVE_INFINITY;
    this.#leave();
    void this.#connect();
  }
}
