import { setTimeout as wait } from 'node:timers/promises';

/** What a log has of a record: its cursor, and its data. */
export type LogEntry = readonly [cursor: string, data: RecordData];

/** The data of all records of a trial. */
export interface RecordData {
  readonly publisher: string;
  readonly number: number;
}

/** What a reader is notified of. */
export type ReaderEvent =
  | { readonly kind: 'position'; readonly cursor: string }
  | {
      readonly kind: 'record';
      readonly cursor: string;
      readonly data: RecordData;
      readonly time: number | undefined;
    }
  | { readonly kind: 'gap'; readonly cursor: string; readonly reason: string }
  | { readonly kind: 'end'; readonly cursor: string; readonly how: string }
  /** The server refuses to go on. */
  | { readonly kind: 'failed'; readonly code: string }
  /** The connection is lost. */
  | { readonly kind: 'closed' };

export interface LogPlace {
  readonly kind: 'topic' | 'run';
  readonly name: string;
  /** A cursor. Undefined: new records of a topic; the whole run. */
  readonly after: string | undefined;
}

/** What a process reports, one member of which is there. */
export interface ServerReport {
  readonly isReady?: true;
  readonly isDown?: true;
  readonly port?: number;
  readonly pid?: number;
  readonly events?: readonly ReportedEvent[];
  readonly call?: number;
  readonly value?: unknown;
  readonly code?: string;
  /** A producer of this run has written this number, and it is settled. */
  readonly run?: string;
  readonly wrote?: number;
}

type ReportedEvent = readonly [
  reader: number,
  kind: 'position' | 'record' | 'gap' | 'end' | 'failed' | 'closed',
  cursor?: string,
  detail?: unknown,
  /** Not over a WebSocket. */
  time?: number,
];

/** A call was refused by the server with a code, or its outcome is not known because its process has ended. */
export class CallError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`the call was rejected: ${code}`);
    this.code = code;
  }
}

/** The code of calls that a server leaves without a reply: none of its calls takes so long. */
const NO_REPLY = 'no reply';
const LONGEST_CALL_MS = 30_000;

/** The code of calls whose server was killed: their outcome is unknown, as for a client whose connection is lost. */
export const SERVER_KILLED = 'server killed';

interface WaitingCall {
  resolve(value: unknown): void;
  reject(error: CallError): void;
  readonly timer: NodeJS.Timeout;
}

/** Resolves calls of the trial in one process, and notifies its readers. How messages get there is given. */
export class Server {
  /** Its place among the servers of the trial. */
  readonly number: number;
  /** Called with what producers have written. */
  onWrote: (run: string, number: number) => void = () => {};
  #isUp = false;
  #port: number | undefined;
  #ids = 0;
  readonly #send: (message: object) => void;
  readonly #calls = new Map<number, WaitingCall>();
  readonly #readers = new Map<number, (event: ReaderEvent) => void>();

  constructor(number: number, send: (message: object) => void) {
    this.number = number;
    this.#send = send;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Where it listens for WebSockets, if it does. */
  get port(): number | undefined {
    return this.#port;
  }

  /** Calls it. @throws CallError. */
  call(what: string, details: object): Promise<unknown> {
    if (!this.#isUp) return Promise.reject(new CallError(SERVER_KILLED));
    this.#ids += 1;
    const call = this.#ids;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(call, undefined, NO_REPLY), LONGEST_CALL_MS);
      this.#calls.set(call, { resolve, reject, timer });
      this.#send({ do: what, call, ...details });
    });
  }

  /** Reads a log. @param details - more members of the message. @returns what ends it. */
  read(place: LogPlace, notify: (event: ReaderEvent) => void, details: object = {}): () => void {
    this.#ids += 1;
    const reader = this.#ids;
    this.#readers.set(reader, notify);
    this.#send({ do: 'read', reader, ...place, ...details });
    return () => {
      if (this.#readers.delete(reader) && this.#isUp) this.#send({ do: 'leave', reader });
    };
  }

  /** What its process has sent. */
  received({ isReady, port, isDown, events, call, value, code, run, wrote }: ServerReport): void {
    if (isReady) {
      this.#isUp = true;
      this.#port = port;
    } else if (isDown) this.ended();
    else if (events !== undefined) for (const event of events) this.#notify(event);
    else if (run !== undefined && wrote !== undefined) this.onWrote(run, wrote);
    else if (call !== undefined) this.#settle(call, value, code);
  }

  /** Its process has ended. */
  ended(): void {
    this.#isUp = false;
    const readers = [...this.#readers.values()];
    this.#readers.clear();
    for (const call of [...this.#calls.keys()]) this.#settle(call, undefined, SERVER_KILLED);
    for (const notify of readers) notify({ kind: 'closed' });
  }

  #settle(call: number, value: unknown, code: string | undefined): void {
    const waiting = this.#calls.get(call);
    if (waiting === undefined) return;
    this.#calls.delete(call);
    clearTimeout(waiting.timer);
    if (code === undefined) waiting.resolve(value);
    else waiting.reject(new CallError(code));
  }

  #notify([reader, kind, cursor = '', detail, time]: ReportedEvent): void {
    const notify = this.#readers.get(reader);
    if (notify === undefined) return; // it has left meanwhile
    if (kind === 'failed' || kind === 'closed' || kind === 'end') this.#readers.delete(reader);
    if (kind === 'record') notify({ kind, cursor, data: detail as RecordData, time });
    else if (kind === 'gap') notify({ kind, cursor, reason: detail as string });
    else if (kind === 'end') notify({ kind, cursor, how: detail as string });
    else if (kind === 'failed') notify({ kind, code: detail as string });
    else if (kind === 'position') notify({ kind, cursor });
    else notify({ kind });
  }
}

const POLL_MS = 10;

/**
 * Waits for a server that is up.
 *
 * @param first - the number of the one that is preferred; the next ones follow.
 * @param isOver - whether to wait no longer.
 * @returns undefined if it is over.
 */
export async function liveServer(
  servers: readonly Server[],
  first: number,
  isOver: () => boolean,
): Promise<Server | undefined> {
  while (!isOver()) {
    for (let step = 0; step < servers.length; step += 1) {
      const server = servers[(first + step) % servers.length];
      if (server?.isUp) return server;
    }
    await wait(POLL_MS);
  }
  return undefined;
}
