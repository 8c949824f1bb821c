// What this room relies on of the internals of Node and libuv: each function says what that is, where it was seen, and
// what breaks if it goes. node-socket-adapter.canary.test.ts checks that this version of Node still has it.

import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/**
 * The name that the client asked for by SNI; `undefined` if it asked for none.
 *
 * Relies on `servername`, which Node sets on both sides when the handshake is complete (seen in Node 20 to 26;
 * documented for servers only, and in no type). Without it, `TlsInfo.servername` is `undefined` on clients.
 */
export function servernameOf(socket: TLSSocket): string | undefined {
  const { servername } = socket as TLSSocket & { readonly servername?: string | false | null };
  return servername || undefined;
}

/**
 * Writes no bytes to a Unix socket, to find out whether its peer has closed, or has only ended its side, which libuv
 * does not tell apart.
 *
 * Relies on Node and libuv handing an empty write to the system, which answers `EPIPE` after a close (seen in Node 20 to
 * 26 on Linux). Otherwise a stream of a Unix socket whose peer is gone stays open until it writes.
 */
export function writeNothing(socket: Duplex, written: (error: Error | null | undefined) => void): void {
  socket.write(NOTHING, written);
}

const NOTHING = new Uint8Array(0);

/**
 * Destroys `duplex` so that its peer sees a reset, where what it stands on has such a thing: TCP, TLS over TCP, and
 * any Duplex with a `resetAndDestroy` of its own. Elsewhere the peer sees an end.
 *
 * Relies on two things (seen in Node 20 to 26): a `finish`, or two turns of the loop, tell whether a shutdown is over;
 * and the close of the socket below destroys the TLS socket on it. Otherwise a reset never emits `close`.
 *
 * @param below - what a TLS socket was put on, which alone can be reset; else the Duplex itself.
 */
export function resetDuplex(duplex: Duplex, below: Duplex): void {
  if (!duplex.writableEnded || duplex.writableFinished) {
    breakOff(duplex, below);
    return;
  }
  // libuv resets nothing while it shuts down, and Node would then never say that the socket has closed. A shutdown
  // is over a turn later; or it waits for a peer that takes nothing, and then there is no more than a close.
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
    // Its close destroys the TLS socket on it. To destroy both at once ends the process: Node uses what it has freed.
    below.resetAndDestroy();
  } catch (error) {
    // Of sockets Node resets those of TCP; for pipes, Unix sockets and TLS it throws, with nothing done.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_INVALID_HANDLE_TYPE') throw error;
    duplex.destroy();
  }
}
