// All code of doors/ that relies on the internals of Node's sockets. door-channel.canary.test.ts checks the running
// version of Node.

import type { Socket } from 'node:net';

/**
 * Lets a socket be read to its end although writing to it has failed because the other process has ended: a child may have sent messages before it ended,
 * and they must not be lost because the parent was sending at that moment.
 *
 * Relies on Node calling `destroy` of the socket with the error of a write, whose `syscall` is `write` (verified in Node
 * 20 to 26). Otherwise the last messages of a process may be lost if the other end writes just then.
 */
export function readToTheEnd(socket: Socket): void {
  const { destroy } = socket;
  socket.destroy = (error?: Error): Socket => {
    const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
    const isPeerGone = syscall === 'write' && (code === 'EPIPE' || code === 'ECONNRESET');
    return isPeerGone ? socket : destroy.call(socket, error);
  };
}
