// The listening/ folder holds listening sockets for either backend: addresses and ports, Unix socket files, and sockets
// inherited from a parent process or from systemd. What happens to accepted connections is decided in server/.

import type { IOLoop } from '@landspout/ioloop';
import type { Listener, ListenerOptions, ListeningSocket, ListenTarget } from './listener.ts';
import { openNodeSocket } from './node-listener.ts';
import { openReactorSocket } from './reactor-listener.ts';

/**
 * Listens on the backend of `loop`. The listener keeps the process alive until it is closed.
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
 * Opens a listening socket on the backend of `loop`.
 *
 * @throws SystemError such as `EADDRINUSE`; StreamUsageError `ERR_STREAM_USAGE` if an option is invalid or the backend
 *   does not support it. Nothing stays open then.
 */
export async function openListeningSocket(
  loop: IOLoop,
  target: ListenTarget,
  backlog: number,
): Promise<ListeningSocket> {
  if (loop.reactor === undefined) return openNodeSocket(loop, target, backlog);
  return openReactorSocket(loop, loop.reactor, target, backlog);
}
