import { connect, type Socket } from 'node:net';
import { type IOLoop, SystemError } from '@landspout/ioloop';
import { targetName } from '../addresses/net-address.ts';
import type { SocketAddress, Transport } from '../transport.ts';
import { NodeTransport } from '../transports/node-transport.ts';
import { type ConnectAttempt, type ConnectObserver, whenConnected } from './connect-attempt.ts';
import { type ConnectTarget, peerAddressOf } from './connect-target.ts';

/**
 * Connects with a Node socket, for the portable backend.
 *
 * @throws SystemError such as `ECONNREFUSED`; the reason of `signal` if it aborts. Nothing stays open in either case.
 */
export function connectNode(loop: IOLoop, target: ConnectTarget, signal?: AbortSignal): Promise<Transport> {
  return whenConnected((observer) => new NodeConnect(loop, target, observer), signal);
}

/** As {@link connectNode}, with an observer. */
export class NodeConnect implements ConnectAttempt {
  readonly #loop: IOLoop;
  readonly #target: ConnectTarget;
  readonly #observer: ConnectObserver;
  readonly #socket: Socket;
  #isOver = false;

  constructor(loop: IOLoop, target: ConnectTarget, observer: ConnectObserver) {
    this.#loop = loop;
    this.#target = target;
    this.#observer = observer;
    this.#socket = openSocket(target);
    // Nothing is read until the owner of the transport calls `resume`.
    this.#socket.pause();
    this.#socket.on('connect', this.#onConnect);
    this.#socket.on('error', this.#onError);
  }

  cancel(): void {
    this.#end();
    this.#socket.destroy();
  }

  readonly #onConnect = (): void => {
    this.#end();
    const socket = this.#socket;
    const target = this.#target;
    const remoteAddress: SocketAddress | undefined =
      'path' in target ? { family: 'unix', path: target.path } : peerAddressOf(target);
    const transport = new NodeTransport(socket, {
      loop: this.#loop,
      remoteAddress,
    });
    socket.off('error', this.#onError);
    this.#observer.connected(transport);
  };

  /** Stays attached after the attempt has failed or was cancelled, so that a later `error` event is not uncaught. */
  readonly #onError = (error: Error): void => {
    if (this.#isOver) return;
    this.#end();
    this.#observer.failed(connectError(error, this.#target));
  };

  #end(): void {
    this.#isOver = true;
    this.#socket.off('connect', this.#onConnect);
  }
}

function openSocket(target: ConnectTarget): Socket {
  if ('path' in target) return connect({ path: target.path, allowHalfOpen: true });
  const { address: host, port, localAddress, localPort } = target;
  return connect({
    host,
    port,
    allowHalfOpen: true,
    noDelay: true,
    autoSelectFamily: false,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(localPort === undefined ? {} : { localPort }),
  });
}

/** libuv reports these failures of `bind` as failures of `connect`. */
const REFUSED_BY_BIND = new Set(['EADDRNOTAVAIL', 'EADDRINUSE']);

function connectError(error: NodeJS.ErrnoException, target: ConnectTarget): Error {
  if (!('path' in target) && target.localAddress !== undefined && REFUSED_BY_BIND.has(error.code ?? '')) {
    return SystemError.from(error, 'bind', target.localAddress);
  }
  return SystemError.from(error, error.syscall === 'bind' ? 'bind' : 'connect', targetName(target));
}
