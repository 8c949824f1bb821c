// This room knows listening sockets on either backend: addresses and ports, Unix socket files, and sockets inherited
// from a parent or from systemd. It does not know what is done with an accepted connection.

import type { IOLoop } from '@landspout/ioloop';
import type { Listener, ListenerOptions, ListeningSocket, ListenTarget } from './listener.ts';
import { openNodeSocket } from './node-listener.ts';
import { openReactorSocket } from './reactor-listener.ts';

/**
 * Listens with whichever backend `loop` has. The listener keeps the process alive until it is closed.
 *
 * @throws as {@link openListeningSocket}.
 */
export async function listen(
  loop: IOLoop,
  target: ListenTarget,
  options: ListenerOptions,
): Promise<Listener> {
  const socket = await openListeningSocket(loop, target, options.backlog);
  socket.addAcceptHandler(options.onConnection);
  return socket;
}

/**
 * Opens a socket that listens, with whichever backend `loop` has.
 *
 * @throws SystemError such as `EADDRINUSE`, with nothing left open; StreamUsageError `ERR_STREAM_USAGE` for what
 *   cannot be, or not on this backend.
 */
export async function openListeningSocket(
  loop: IOLoop,
  target: ListenTarget,
  backlog: number,
): Promise<ListeningSocket> {
  if (loop.reactor === undefined) return openNodeSocket(loop, target, backlog);
  return openReactorSocket(loop, loop.reactor, target, backlog);
}
