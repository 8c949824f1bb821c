import type { IOLoop } from '@landspout/ioloop';
import type { Listener, ListenerOptions, ListenTarget } from './listener.ts';
import { listenNode } from './node-listener.ts';
import { listenReactor } from './reactor-listener.ts';

/**
 * Listens with whichever backend `loop` has. The listener keeps the process alive until it is closed.
 *
 * @throws SystemError such as `EADDRINUSE`, with nothing left open.
 */
export async function listen(
  loop: IOLoop,
  target: ListenTarget,
  options: ListenerOptions,
): Promise<Listener> {
  if (loop.reactor === undefined) return listenNode(loop, target, options);
  return listenReactor(loop, loop.reactor, target, options);
}
