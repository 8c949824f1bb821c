import type { IOLoop } from '@landspout/ioloop';
import { INSPECT, inspectedAddress, inspection } from '@landspout/ioloop/inspection';
import {
  type Descriptor,
  RateLimitedLog,
  type Reactor,
  type ReadyHandler,
  systemError,
} from '@landspout/ioloop/reactor';
import { toSocketAddress } from '../addresses/net-address.ts';
import { listenUsage } from '../errors.ts';
import type { SocketAddress } from '../transport.ts';
import { ReactorTransport } from '../transports/reactor-transport.ts';
import { closeDescriptor, READABLE } from '../transports/registration.ts';
import { type AcceptHandler, handOver, type ListeningSocket } from './listener.ts';
import { removeSocketFile, type UnixSocketFile } from './unix-socket-file.ts';

/**
 * Maximum number of connections accepted in one loop iteration, so that a flood of new ones does not starve the open
 * ones.
 */
const ACCEPTS_PER_TURN = 128;
/**
 * How long accepting pauses if the process is out of descriptors or memory; retrying immediately would only waste CPU
 * time.
 */
const EXHAUSTED_REST_MS = 100;

/** A listening descriptor, and its socket file if there is one. */
export interface OpenedListener {
  readonly descriptor: Descriptor;
  readonly file: UnixSocketFile | undefined;
}

/** A {@link ListeningSocket} on top of a descriptor of the reactor. */
export class ReactorListeningSocket implements ListeningSocket, ReadyHandler {
  readonly address: SocketAddress;
  readonly #loop: IOLoop;
  readonly #reactor: Reactor;
  readonly #descriptor: Descriptor;
  readonly #file: UnixSocketFile | undefined;
  readonly #backlog: number;
  readonly #failureLog: RateLimitedLog;
  #handler: AcceptHandler | undefined;
  #open = true;
  #resting: { cancel(): void } | undefined;

  constructor(loop: IOLoop, reactor: Reactor, { descriptor, file }: OpenedListener, backlog: number) {
    this.#loop = loop;
    this.#reactor = reactor;
    this.#descriptor = descriptor;
    this.#file = file;
    this.#backlog = backlog;
    this.#failureLog = new RateLimitedLog(loop);
    this.address = toSocketAddress(reactor.binding.localAddress(descriptor.slot, descriptor.generation));
  }

  addAcceptHandler(handler: AcceptHandler): () => void {
    if (!this.#open) throw listenUsage('the socket is closed');
    if (this.#handler !== undefined)
      throw listenUsage('the socket already has an accept handler; stop that one first');
    // Each call creates its own wrapper, so that calling an earlier stop function again does not remove this handler.
    const own: AcceptHandler = (transport) => handler(transport);
    this.#handler = own;
    this.#reactor.register(this.#descriptor, READABLE, this);
    this.#reactor.ref();
    return () => {
      if (this.#handler === own) this.#stopAccepting();
    };
  }

  ready(): void {
    this.#accept(ACCEPTS_PER_TURN);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ address: inspectedAddress(this.address), isOpen: this.#open }));
  }

  /** Accepts the connections still in the kernel's backlog before closing; otherwise the kernel would reset them. */
  #acceptWaiting(): void {
    // Twice the backlog, since more may connect meanwhile; the limit stops a flood from keeping the listener open.
    this.#accept(2 * this.#backlog);
  }

  /**
   * @param most - maximum number of connections. If fewer are accepted, no more are waiting, or the process is out of
   *   descriptors or memory.
   */
  #accept(most: number): void {
    const { binding, constants } = this.#reactor;
    const { slot, generation } = this.#descriptor;
    for (let accepted = 0; accepted < most && this.#handler !== undefined; accepted += 1) {
      const connection = binding.accept(slot, generation);
      if (connection >= 0) {
        const connected = binding.generation(connection);
        const transport = new ReactorTransport(this.#loop, this.#reactor, connection, connected);
        handOver(this.#loop, this.#handler, transport);
      } else if (connection === -constants.EAGAIN) {
        return;
      } else if (this.#isExhausted(connection)) {
        if (this.#open) this.#rest(connection);
        return;
      }
      // Any other error affects only that one connection.
    }
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    // Remove the file first, so that no new client finds the socket; after closing, another process may create a file
    // with this name.
    if (this.#file !== undefined) removeSocketFile(this.#file);
    if (this.#handler !== undefined) {
      this.#acceptWaiting();
      this.#stopAccepting();
    }
    this.#failureLog.flush();
    closeDescriptor(this.#reactor, this.#descriptor);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #stopAccepting(): void {
    this.#handler = undefined;
    if (this.#resting === undefined) this.#reactor.unregister(this.#descriptor);
    this.#resting?.cancel();
    this.#resting = undefined;
    this.#reactor.unref();
  }

  #isExhausted(result: number): boolean {
    const { code } = systemError(result, 'accept');
    return code === 'EMFILE' || code === 'ENFILE' || code === 'ENOBUFS' || code === 'ENOMEM';
  }

  #rest(result: number): void {
    const error = systemError(result, 'accept');
    this.#failureLog.warn(
      'accept',
      { error },
      `out of file descriptors or memory; accepting pauses for ${EXHAUSTED_REST_MS} ms`,
    );
    this.#reactor.unregister(this.#descriptor);
    this.#resting = this.#loop.clock.setTimeout(() => {
      this.#resting = undefined;
      this.#reactor.register(this.#descriptor, READABLE, this);
    }, EXHAUSTED_REST_MS);
  }
}
