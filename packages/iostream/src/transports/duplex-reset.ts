import type { Duplex } from 'node:stream';

/**
 * Destroys `duplex` so that its peer sees a reset, where what it stands on has such a thing: TCP, TLS over TCP, and
 * any Duplex with a `resetAndDestroy` of its own. Elsewhere the peer sees an end.
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
