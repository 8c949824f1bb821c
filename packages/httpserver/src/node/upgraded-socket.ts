import type { Duplex } from 'node:stream';
import type { HTTPServerExchange } from '@landspout/http1';
import { type IOStream, toDuplex } from '@landspout/iostream';
import { InactivityTimer } from './inactivity-timer.ts';
import { closeNodeSocket, NodeSocket } from './node-socket.ts';

/** The properties of a socket that describe its connection. */
const DESCRIPTION = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
  'encrypted',
  'authorized',
  'authorizationError',
  'alpnProtocol',
  'servername',
] as const satisfies readonly (keyof NodeSocket)[];

const ignore = (): void => {};

/**
 * Takes over the connection of an exchange, as a Duplex with the properties and methods of `net.Socket`. The Duplex
 * first delivers the bytes that the client sent after the request. When the server stops, the Duplex is ended.
 * If nothing has begun to read when the Duplex is ended, the rest of what the client sends is discarded, and the
 * connection is closed when the client ends its side, or after the default time of `closeGracefully`.
 */
export function upgradedSocket(exchange: HTTPServerExchange): Duplex {
  const { connection } = exchange;
  const view = new NodeSocket(connection);
  let duplex: Duplex | undefined;
  const stream = exchange.detach(() => duplex?.end());
  duplex = toDuplex(stream);
  // As with a socket of Node, `close` follows; without a listener, the error of a client would end the process.
  duplex.on('error', ignore);
  duplex.once('finish', () => {
    // Bytes that nothing reads must not keep the connection open.
    if (duplex.readableFlowing !== null || duplex.listenerCount('readable') > 0) return;
    duplex.resume();
    stream.closeGracefully();
  });
  for (const name of DESCRIPTION)
    Object.defineProperty(duplex, name, { value: view[name], configurable: true });
  Object.defineProperties(duplex, {
    bytesRead: { get: () => stream.bytesReceived, configurable: true },
    bytesWritten: { get: () => stream.bytesSent, configurable: true },
  });
  const timer = new InactivityTimer(
    () => stream.bytesReceived + stream.bytesSent,
    () => duplex.emit('timeout'),
  );
  duplex.once('close', () => {
    timer.stop();
    // That of earlier requests on the connection.
    closeNodeSocket(connection);
  });
  return Object.assign(duplex, {
    connecting: false,
    pending: false,
    address: () => view.address(),
    getPeerCertificate: view.getPeerCertificate,
    ...controlsOf(duplex, stream, timer),
  });
}

function controlsOf(duplex: Duplex, stream: IOStream, timer: InactivityTimer): object {
  return {
    setTimeout(timeoutMs: number, callback?: () => void): Duplex {
      timer.start(timeoutMs);
      if (callback !== undefined) {
        if (timeoutMs > 0) duplex.once('timeout', callback);
        else duplex.removeListener('timeout', callback);
      }
      return duplex;
    },
    setNoDelay(on = true): Duplex {
      stream.setNoDelay(on);
      return duplex;
    },
    setKeepAlive: () => duplex,
    ref(): Duplex {
      stream.ref();
      return duplex;
    },
    unref(): Duplex {
      stream.unref();
      return duplex;
    },
    resetAndDestroy(): Duplex {
      stream.reset();
      return duplex;
    },
  };
}
