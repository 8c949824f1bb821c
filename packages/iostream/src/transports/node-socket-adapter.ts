// Holds everything in this folder that relies on the internals of Node and libuv. Each function documents what it
// relies on, in which versions of Node this was seen, and what breaks without it. node-socket-adapter.canary.test.ts
// checks the running version of Node.

import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/**
 * Returns the server name that the client requested (SNI); `undefined` if it requested none.
 *
 * Relies on `servername`, which Node sets on both sides when the handshake is complete (seen in Node 20 to 26;
 * documented for servers only, and missing in the types). Without it, `TlsInfo.servername` is `undefined` on clients.
 */
export function servernameOf(socket: TLSSocket): string | undefined {
  const { servername } = socket as TLSSocket & { readonly servername?: string | false | null };
  return servername || undefined;
}

/**
 * Makes an empty write to a Unix socket, to learn whether its peer has closed or has only ended its writing side,
 * which libuv does not distinguish.
 *
 * Relies on Node and libuv passing an empty write to the system, which fails with `EPIPE` after a close (seen in Node
 * 20 to 26 on Linux). Otherwise, a stream over a Unix socket whose peer has closed stays open until it writes.
 */
export function writeNothing(socket: Duplex, written: (error: Error | null | undefined) => void): void {
  socket.write(NOTHING, written);
}

const NOTHING = new Uint8Array(0);

/**
 * Destroys `duplex` so that its peer sees a reset, if the transport below has one: TCP, TLS over TCP, and any Duplex
 * with a `resetAndDestroy` method. Otherwise the peer sees an end.
 *
 * Relies on two things (seen in Node 20 to 26). A shutdown is complete at `finish`, or after two loop iterations. And
 * closing the socket below a TLS socket destroys the TLS socket. Otherwise a reset never emits `close`.
 *
 * @param below - the socket below a TLS socket, since only that one can be reset; otherwise the Duplex itself.
 */
export function resetDuplex(duplex: Duplex, below: Duplex): void {
  if (!duplex.writableEnded || duplex.writableFinished) {
    breakOff(duplex, below);
    return;
  }
  // libuv cannot reset a socket during its shutdown, and Node would then never emit `close`. A shutdown is complete
  // one loop iteration later, unless it waits for a peer that does not read; then the socket is closed without a
  // reset.
  const goOn = (): void => {
    duplex.off('finish', goOn);
    clearImmediate(giveUp);
    breakOff(duplex, below);
  };
  let giveUp = setImmediate(() => {
    giveUp = setImmediate(() => {
      duplex.off('finish', goOn);
      duplex.destroy();
    });
  });
  duplex.on('finish', goOn);
}

function breakOff(duplex: Duplex, below: Duplex & { resetAndDestroy?: unknown }): void {
  if (typeof below.resetAndDestroy !== 'function') {
    duplex.destroy();
    return;
  }
  try {
    // Closing this socket destroys the TLS socket on top of it. Destroying both at once crashes the process: Node uses
    // freed memory.
    below.resetAndDestroy();
  } catch (error) {
    // Node resets TCP sockets only. For pipes, Unix sockets and TLS it throws, without having done anything.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_INVALID_HANDLE_TYPE') throw error;
    duplex.destroy();
  }
}
