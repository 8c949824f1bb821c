import type { IOLoop } from '@landspout/ioloop';
import { withCallerStack } from '@landspout/ioloop/reactor';
import type { Transport } from '../transport.ts';
import type { ConnectTarget } from './connect-target.ts';
import { connectNode } from './node-connect.ts';
import { connectReactor } from './reactor-connect.ts';

/**
 * Connects to one numeric address or path, on the backend of `loop`. For host names, TLS and deadlines use
 * {@link TCPClient}.
 *
 * @throws SystemError such as `ECONNREFUSED`; the reason of `signal` if it aborts. Nothing stays open in either case.
 */
export async function connect(loop: IOLoop, target: ConnectTarget, signal?: AbortSignal): Promise<Transport> {
  try {
    if (loop.reactor === undefined) return await connectNode(loop, target, signal);
    return await connectReactor(loop, loop.reactor, target, signal);
  } catch (error) {
    throw withCallerStack(error);
  }
}
