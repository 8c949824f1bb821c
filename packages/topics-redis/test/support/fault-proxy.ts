import { once } from 'node:events';
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { atTheEnd, freePort } from './scratch.ts';

export type Direction = 'toServer' | 'toClient';

/** What happens to bytes of one direction. */
interface Lane {
  isHalted: boolean;
  /** How many bytes pass although it is halted. */
  allowance: number;
  delayMs: number;
  /** How many more bytes pass before the connection is cut. */
  bytesToCut: number;
  /** Waits for bytes that contain a text. */
  readonly waiting: Set<{ readonly text: string; readonly seen: () => void }>;
}

const newLane = (): Lane => ({
  isHalted: false,
  allowance: 0,
  delayMs: 0,
  bytesToCut: Number.POSITIVE_INFINITY,
  waiting: new Set(),
});

/** A TCP proxy in front of one server that misbehaves as networks do. At first it passes everything. */
export class FaultProxy {
  readonly port: number;
  #targetPort: number;
  readonly #lanes = { toServer: newLane(), toClient: newLane() };
  readonly #connections = new Set<ProxiedConnection>();
  #listener: Server | undefined;
  #accepted = 0;

  /** Use {@link startProxy}. */
  constructor(port: number, targetPort: number) {
    this.port = port;
    this.#targetPort = targetPort;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Number of connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Number of connections that were accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Accepts connections, at first and again after {@link refuse}. */
  async accept(): Promise<void> {
    if (this.#listener !== undefined) return;
    const listener = createServer((client) => {
      this.#accepted += 1;
      const server = netConnect({ host: '127.0.0.1', port: this.#targetPort });
      const connection = new ProxiedConnection(client, server, this.#lanes);
      this.#connections.add(connection);
      void connection.ended.then(() => this.#connections.delete(connection));
    });
    this.#listener = listener;
    listener.listen(this.port, '127.0.0.1');
    await once(listener, 'listening');
  }

  /** Refuses new connections. Those that are open stay. */
  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    if (listener === undefined) return;
    await new Promise<void>((resolve) => {
      listener.close(() => resolve());
      if (this.#connections.size > 0) resolve(); // `close` waits for these; it listens no more already
    });
  }

  /** Connects to another server from now on. Connections that are open stay where they are. */
  retarget(target: { readonly port: number }): void {
    this.#targetPort = target.port;
  }

  /** Cuts all connections. @param how - `end`: in order (FIN), `reset`: RST. */
  cut(how: 'end' | 'reset' = 'end'): void {
    for (const connection of this.#connections) connection.cut(how);
  }

  /** Passes no more bytes, on open and new connections, which all stay open: what a network does that drops packets. */
  halt(direction: Direction | 'both' = 'both'): void {
    for (const lane of this.#lanesOf(direction)) lane.isHalted = true;
  }

  /** Passes bytes again, also those that came meanwhile, without delay. */
  pass(): void {
    for (const lane of this.#lanesOf('both'))
      Object.assign(lane, { isHalted: false, allowance: 0, delayMs: 0 });
    for (const connection of this.#connections) connection.proceed();
  }

  /** Passes so many bytes of what is halted, and nothing more. */
  passBytes(bytes: number, direction: Direction = 'toClient'): void {
    this.#lanes[direction].allowance += bytes;
    for (const connection of this.#connections) connection.proceed();
  }

  /** Passes each piece this much later. */
  delay(delayMs: number, direction: Direction | 'both' = 'both'): void {
    for (const lane of this.#lanesOf(direction)) lane.delayMs = delayMs;
  }

  /** Passes so many more bytes in a direction, then cuts the connection that has the next one; once. */
  cutAfter(bytes: number, direction: Direction = 'toClient'): void {
    this.#lanes[direction].bytesToCut = bytes;
  }

  /** Resolves when bytes that contain the text have come, whether they are passed or not. */
  seen(text: string, direction: Direction = 'toServer'): Promise<void> {
    return new Promise((resolve) => {
      this.#lanes[direction].waiting.add({ text, seen: resolve });
    });
  }

  async close(): Promise<void> {
    this.cut('reset');
    await this.refuse();
  }

  #lanesOf(direction: Direction | 'both'): Lane[] {
    return direction === 'both' ? Object.values(this.#lanes) : [this.#lanes[direction]];
  }
}

class ProxiedConnection {
  readonly ended: Promise<void>;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #pumps: readonly Pump[];

  constructor(client: Socket, server: Socket, lanes: Readonly<Record<Direction, Lane>>) {
    this.#client = client;
    this.#server = server;
    const cut = () => this.cut('end');
    this.#pumps = [
      new Pump(client, server, lanes.toServer, cut),
      new Pump(server, client, lanes.toClient, cut),
    ];
    const closed = [client, server].map((socket) => {
      socket.setNoDelay(true);
      socket.on('error', () => this.cut('reset'));
      socket.on('close', cut);
      return new Promise<void>((resolve) => socket.once('close', () => resolve()));
    });
    this.ended = Promise.all(closed).then(() => {});
  }

  cut(how: 'end' | 'reset'): void {
    for (const socket of [this.#client, this.#server]) {
      // Once FIN is sent, libuv does not send RST any more, and would leave the socket open.
      if (how === 'reset' && !socket.writableEnded) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  proceed(): void {
    for (const pump of this.#pumps) pump.proceed();
  }
}

/** Bytes that a pump holds back before it slows the sender down. */
const MAX_HELD_BYTES = 64 * 1024;

/** Passes bytes from one socket to another, as their lane says. */
class Pump {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #lane: Lane;
  readonly #cut: () => void;
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #hasEnded = false;
  #tail = '';

  constructor(from: Socket, to: Socket, lane: Lane, cut: () => void) {
    this.#from = from;
    this.#to = to;
    this.#lane = lane;
    this.#cut = cut;
    from.on('data', (bytes: Buffer) => this.#receive(bytes));
    from.on('end', () => {
      this.#hasEnded = true;
      this.proceed();
    });
    to.on('drain', () => this.proceed());
  }

  /** Passes what is held, unless the lane is halted or the receiver is slow. */
  proceed(): void {
    while (this.#passOne()) {
      // all of it
    }
  }

  #receive(bytes: Buffer): void {
    this.#look(bytes);
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#lane.delayMs > 0) setTimeout(() => this.#passOne(), this.#lane.delayMs);
    else this.proceed();
    if (this.#heldBytes > MAX_HELD_BYTES) this.#from.pause();
  }

  #passOne(): boolean {
    if (this.#to.writableNeedDrain || this.#to.destroyed) return false;
    const bytes = this.#nextBytes();
    if (bytes === undefined) {
      if (this.#lane.isHalted) return false;
      if (this.#hasEnded) this.#to.end();
      return false;
    }
    this.#heldBytes -= bytes.length;
    if (this.#heldBytes <= MAX_HELD_BYTES) this.#from.resume();
    const count = Math.min(bytes.length, this.#lane.bytesToCut);
    if (count > 0) this.#to.write(bytes.subarray(0, count));
    this.#lane.bytesToCut -= count;
    if (count === bytes.length) return true;
    this.#lane.bytesToCut = Number.POSITIVE_INFINITY;
    this.#to.end(() => this.#cut()); // after what was passed has arrived
    return false;
  }

  /** Takes what may be passed now. */
  #nextBytes(): Buffer | undefined {
    if (!this.#lane.isHalted) return this.#held.shift();
    const [first] = this.#held;
    const count = Math.min(first?.length ?? 0, this.#lane.allowance);
    if (first === undefined || count === 0) return undefined;
    this.#lane.allowance -= count;
    if (count === first.length) this.#held.shift();
    else this.#held[0] = first.subarray(count);
    return first.subarray(0, count);
  }

  #look(bytes: Buffer): void {
    const { waiting } = this.#lane;
    if (waiting.size === 0) return;
    const text = this.#tail + bytes.toString('latin1');
    for (const wait of waiting) {
      if (!text.includes(wait.text)) continue;
      waiting.delete(wait);
      wait.seen();
    }
    this.#tail = text.slice(-100); // a text may come in two pieces
  }
}

/** Starts a proxy in front of a server. It is closed at the end of the test, or of the test file. */
export async function startProxy(target: { readonly port: number }): Promise<FaultProxy> {
  for (;;) {
    const proxy = new FaultProxy(await freePort(), target.port);
    try {
      await proxy.accept();
      atTheEnd(() => proxy.close());
      return proxy;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}
