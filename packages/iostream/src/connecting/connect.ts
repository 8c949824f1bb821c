import type { IOLoop } from '@landspout/ioloop';
import { withCallerStack } from '@landspout/ioloop/reactor';
import type { Transport } from '../transport.ts';
import { type ConnectAttempt, type ConnectObserver, whenConnected } from './connect-attempt.ts';
import type { ConnectTarget } from './connect-target.ts';
import { NodeConnect } from './node-connect.ts';
import { ReactorConnect } from './reactor-connect.ts';

/**
 * Connects to one numeric address or path, on the backend of `loop`. For host names, TLS and deadlines use
 * {@link TCPClient}.
 *
 * @throws SystemError such as `ECONNREFUSED`; the reason of `signal` if it aborts. Nothing stays open in either case.
 */
export async function connect(loop: IOLoop, target: ConnectTarget, signal?: AbortSignal): Promise<Transport> {
  try {
    return await whenConnected((observer) => startConnect(loop, target, observer), signal);
  } catch (error) {
    throw withCallerStack(error);
  }
}

/**
 * Starts to connect to one numeric address or path, on the backend of `loop`.
 *
 * @throws SystemError if the system refuses the attempt at once. Nothing stays open then.
 */
export function startConnect(loop: IOLoop, target: ConnectTarget, observer: ConnectObserver): ConnectAttempt {
  const { reactor } = loop;
  return reactor === undefined
    ? new NodeConnect(loop, target, observer)
    : new ReactorConnect(loop, reactor, target, observer);
}
