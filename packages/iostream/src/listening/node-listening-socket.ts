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

/** How a {@link NodeListeningSocket} was opened. */
export interface Origin {
  readonly target: ListenTarget;
  readonly backlog: number;
  readonly file?: UnixSocketFile;
}

/** A {@link ListeningSocket} on top of a Node server. */
export class NodeListeningSocket implements ListeningSocket {
  readonly address: SocketAddress;
  readonly #loop: IOLoop;
  readonly #server: Server;
  readonly #backlog: number;
  readonly #file: UnixSocketFile | undefined;
  readonly #failureLog: RateLimitedLog;
  /** Node accepts connections even if no handler is set; they wait here, as they would in the kernel's backlog. */
  #waiting: Socket[] = [];
  #handler: AcceptHandler | undefined;
  #open = true;
  /** How many connections Node has accepted so far. */
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
    // A failed accept affects only that one connection.
    this.#failureLog = new RateLimitedLog(loop);
    server.on('error', (error) =>
      this.#failureLog.warn('accept', { error }, 'accepting a connection failed'),
    );
  }

  addAcceptHandler(handler: AcceptHandler): () => void {
    if (this.#closing !== undefined) throw listenUsage('the socket is closed');
    if (this.#handler !== undefined)
      throw listenUsage('the socket already has an accept handler; stop that one first');
    // Each call creates its own wrapper, so that calling an earlier stop function again does not remove this handler.
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
    // Remove the file first, so that no new client finds the socket; after closing, another process may create a file
    // with this name.
    if (this.#file !== undefined) removeSocketFile(this.#file);
    if (this.#handler !== undefined) await this.#acceptWaiting();
    this.#open = false;
    this.#handler = undefined;
    for (const socket of this.#waiting) socket.destroy();
    this.#waiting = [];
    // Frees the port at once. Not awaited: Node's `close` also waits for the end of every accepted connection.
    this.#server.close();
    this.#failureLog.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Accepts the connections still in the kernel's backlog before closing; otherwise the kernel would reset them. */
  async #acceptWaiting(): Promise<void> {
    let before: number;
    let rounds = 0;
    do {
      before = this.#accepted;
      await nextPoll();
      rounds += 1;
      // Node accepts one connection per loop iteration; the limit stops a flood of them from keeping the listener open.
    } while (this.#accepted > before && rounds < 2 * this.#backlog);
  }

  readonly #accept = (socket: Socket): void => {
    this.#accepted += 1;
    // Connections that already wait are delivered first.
    if (this.#handler !== undefined && this.#waiting.length === 0) this.#hand(socket, this.#handler);
    else if (this.#open && this.#waiting.length < this.#backlog) this.#wait(socket);
    else socket.destroy();
  };

  #wait(socket: Socket): void {
    // As in the kernel's backlog: a waiting connection does not keep the process alive, and its failure is not an
    // error.
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

/** Resolves after the loop has polled its descriptors once, which happens between two `setImmediate` phases. */
function nextPoll(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

function addressOf(server: Server, target: ListenTarget): SocketAddress {
  if ('path' in target) return { family: 'unix', path: target.path };
  const found = server.address() as { address: string; port: number } | string | null;
  // An inherited Unix socket; its name may not be available.
  if (found === null || typeof found === 'string') return { family: 'unix', path: found ?? '' };
  const { address, port } = found;
  return internetAddress(address, port);
}
