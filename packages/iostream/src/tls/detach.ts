import type { Duplex } from 'node:stream';
import type { Transport } from '../transport.ts';
import { goneError } from './handshake-error.ts';

/** Takes over what a transport stands on. @throws what went wrong, with nothing left open. */
export function detachLive(transport: Transport): Duplex {
  const socket = transport.detach();
  // Whoever takes over is told of no end that was noticed before, and would wait for ever.
  if (!socket.destroyed && !socket.readableEnded) return socket;
  socket.destroy();
  throw goneError();
}
