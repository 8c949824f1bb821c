import { connect, type Socket } from 'node:net';
import { type IOLoop, SystemError } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import { targetName } from '../addresses/net-address.ts';
import type { SocketAddress, Transport } from '../transport.ts';
import { NodeTransport } from '../transports/node-transport.ts';
import type { ConnectTarget } from './connect-target.ts';

/**
 * Connects with a Node socket, for the portable backend.
 *
 * @throws SystemError such as `ECONNREFUSED`; the reason of `signal` if it aborts. Nothing stays open in either case.
 */
export function connectNode(loop: IOLoop, target: ConnectTarget, signal?: AbortSignal): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = openSocket(target);
    // Nothing is read until the owner of the transport calls `resume`.
    socket.pause();
    const end = (): void => {
      stopListening();
      socket.off('connect', onConnect);
    };
    const onConnect = (): void => {
      end();
      socket.off('error', onError);
      const remoteAddress: SocketAddress | undefined =
        'path' in target ? { family: 'unix', path: target.path } : undefined;
      resolve(new NodeTransport(socket, { loop, remoteAddress }));
    };
    // Stays attached if the connection fails, so that a later `error` event is not uncaught.
    const onError = (error: NodeJS.ErrnoException): void => {
      end();
      reject(connectError(error, target));
    };
    const stopListening = onAbort(signal, (reason) => {
      end();
      socket.destroy();
      reject(reason);
    });
    socket.once('connect', onConnect);
    socket.on('error', onError);
  });
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
