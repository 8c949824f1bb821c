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
import { type AcceptHandler, handOver, type ListeningSocket } from './listener.ts';
import { removeSocketFile, type UnixSocketFile } from './unix-socket-file.ts';

/** Most connections accepted in one turn, so that a flood of them does not starve those that are there. */
const ACCEPTS_PER_TURN = 128;
/** How long accepting pauses when no descriptor is left, instead of spinning on what cannot be accepted. */
const EXHAUSTED_REST_MS = 100;
const READABLE = 0x01;

/** A descriptor that listens, and the file that came with it. */
export interface OpenedListener {
  readonly descriptor: Descriptor;
  readonly file: UnixSocketFile | undefined;
}

/** A descriptor of the reactor as a {@link ListeningSocket}. */
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
      throw listenUsage('the socket has a handler for its connections already');
    // One of its own, so that a late second call of what stops it does not stop a successor.
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

  /** Who is connected when the listener closes was let in, and must not be reset. */
  #acceptWaiting(): void {
    // Twice, as more may connect meanwhile; but a flood of them does not keep the listener open.
    this.#accept(2 * this.#backlog);
  }

  /** @param most - when it returns before that many, nobody waits, or no descriptor is left. */
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
      // Anything else befell the connection that was to be accepted, and takes only that one with it.
    }
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    // The file goes first: nobody new finds us, and once the socket is closed the name could be somebody else's.
    if (this.#file !== undefined) removeSocketFile(this.#file);
    if (this.#handler !== undefined) {
      this.#acceptWaiting();
      this.#stopAccepting();
    }
    this.#failureLog.flush();
    this.#reactor.forget(this.#descriptor);
    this.#reactor.binding.close(this.#descriptor.slot, this.#descriptor.generation);
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
    this.#failureLog.warn('accept', { error }, `accepting pauses for ${EXHAUSTED_REST_MS} ms`);
    this.#reactor.unregister(this.#descriptor);
    this.#resting = this.#loop.clock.setTimeout(() => {
      this.#resting = undefined;
      this.#reactor.register(this.#descriptor, READABLE, this);
    }, EXHAUSTED_REST_MS);
  }
}
