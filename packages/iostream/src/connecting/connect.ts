import type { IOLoop } from '@landspout/ioloop';
import { withCallerStack } from '@landspout/ioloop/reactor';
import type { Transport } from '../transport.ts';
import type { ConnectTarget } from './connect-target.ts';
import { connectNode } from './node-connect.ts';
import { connectReactor } from './reactor-connect.ts';

/**
 * Connects to one numeric address or path with whichever backend `loop` has. For names, TLS and deadlines there is
 * {@link TCPClient}.
 *
 * @throws SystemError such as `ECONNREFUSED`; the reason of `signal` when it aborts. Nothing stays open then.
 */
export async function connect(loop: IOLoop, target: ConnectTarget, signal?: AbortSignal): Promise<Transport> {
  try {
    if (loop.reactor === undefined) return await connectNode(loop, target, signal);
    return await connectReactor(loop, loop.reactor, target, signal);
  } catch (error) {
    throw withCallerStack(error);
  }
}
