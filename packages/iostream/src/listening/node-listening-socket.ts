import type { Server, Socket } from 'node:net';
import type { IOLoop } from '@landspout/ioloop';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import { RateLimitedLog } from '@landspout/ioloop/reactor';
import { internetAddress } from '../addresses/net-address.ts';
import { listenUsage } from '../errors.ts';
import type { SocketAddress } from '../transport.ts';
import { NodeTransport } from '../transports/node-transport.ts';
import { type AcceptHandler, handOver, type ListeningSocket, type ListenTarget } from './listener.ts';
import { removeSocketFile, type UnixSocketFile } from './unix-socket-file.ts';

/** What a {@link NodeListeningSocket} knows of how it came to be. */
export interface Origin {
  readonly target: ListenTarget;
  readonly backlog: number;
  readonly file?: UnixSocketFile;
}

/** Node's own server as a {@link ListeningSocket}. */
export class NodeListeningSocket implements ListeningSocket {
  readonly address: SocketAddress;
  readonly #loop: IOLoop;
  readonly #server: Server;
  readonly #backlog: number;
  readonly #file: UnixSocketFile | undefined;
  /** Node accepts whether somebody takes the connections or not: here they wait as they would in the system. */
  readonly #failureLog: RateLimitedLog;
  #waiting: Socket[] = [];
  #handler: AcceptHandler | undefined;
  #open = true;
  /** How many connections Node has accepted. */
  #accepted = 0;
  #closing: Promise<void> | undefined;

  constructor(loop: IOLoop, server: Server, { target, backlog, file }: Origin) {
    this.#loop = loop;
    this.#server = server;
    this.#backlog = backlog;
    this.#file = file;
    this.address = addressOf(server, target);
    server.unref();
    server.on('connection', this.#accept);
    // What befalls accepting takes only the connection that was to be accepted with it.
    this.#failureLog = new RateLimitedLog(loop);
    server.on('error', (error) =>
      this.#failureLog.warn('accept', { error }, 'a connection could not be accepted'),
    );
  }

  addAcceptHandler(handler: AcceptHandler): () => void {
    if (this.#closing !== undefined) throw listenUsage('the socket is closed');
    if (this.#handler !== undefined)
      throw listenUsage('the socket has a handler for its connections already');
    // One of its own, so that a late second call of what stops it does not stop a successor.
    const own: AcceptHandler = (transport) => handler(transport);
    this.#handler = own;
    this.#server.ref();
    if (this.#waiting.length > 0) setImmediate(() => this.#takeWaiting());
    return () => {
      if (this.#handler !== own) return;
      this.#handler = undefined;
      this.#server.unref();
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ address: inspectedAddress(this.address), isOpen: this.#open }));
  }

  async #close(): Promise<void> {
    // The file goes first: nobody new finds us, and once the socket is closed the name could be somebody else's.
    if (this.#file !== undefined) removeSocketFile(this.#file);
    if (this.#handler !== undefined) await this.#acceptWaiting();
    this.#open = false;
    this.#handler = undefined;
    for (const socket of this.#waiting) socket.destroy();
    this.#waiting = [];
    // Frees the port at once; what Node would wait for besides is the end of every accepted connection.
    this.#server.close();
    this.#failureLog.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Who is connected when the listener closes was let in, and must not be reset. */
  async #acceptWaiting(): Promise<void> {
    let before: number;
    let rounds = 0;
    do {
      before = this.#accepted;
      await nextPoll();
      rounds += 1;
      // Node accepts one in each turn; a flood of them does not keep the listener open.
    } while (this.#accepted > before && rounds < 2 * this.#backlog);
  }

  readonly #accept = (socket: Socket): void => {
    this.#accepted += 1;
    // Those that wait come first.
    if (this.#handler !== undefined && this.#waiting.length === 0) this.#hand(socket, this.#handler);
    else if (this.#open && this.#waiting.length < this.#backlog) this.#wait(socket);
    else socket.destroy();
  };

  #wait(socket: Socket): void {
    // As in the system's queue: nobody is kept alive by it, and one that breaks off is nobody's error.
    socket.unref();
    socket.on('error', () => {});
    this.#waiting.push(socket);
  }

  #takeWaiting(): void {
    while (this.#handler !== undefined) {
      const socket = this.#waiting.shift();
      if (socket === undefined) return;
      if (!socket.destroyed) this.#hand(socket.ref(), this.#handler);
    }
  }

  #hand(socket: Socket, handler: AcceptHandler): void {
    const localAddress = this.address.family === 'unix' ? this.address : undefined;
    handOver(this.#loop, handler, new NodeTransport(socket, { loop: this.#loop, localAddress }));
  }
}

/** The loop has looked at its descriptors once: between two immediates of different turns it does. */
function nextPoll(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

function addressOf(server: Server, target: ListenTarget): SocketAddress {
  if ('path' in target) return { family: 'unix', path: target.path };
  const found = server.address() as { address: string; port: number } | string | null;
  // An inherited Unix socket; one whose name cannot be had is still one.
  if (found === null || typeof found === 'string') return { family: 'unix', path: found ?? '' };
  const { address, port } = found;
  return internetAddress(address, port);
}
