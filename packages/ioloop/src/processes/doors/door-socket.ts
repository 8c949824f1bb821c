// All code of doors/ that relies on the internals of Node's sockets. message-doors.canary.test.ts checks the running
// version of Node.

import type { Socket } from 'node:net';

/**
 * Lets a socket be read to its end although writing to it has failed because the other process has ended: a child may
 * have sent messages before it ended, and they must not be lost because the parent was sending at that moment.
 *
 * Relies on Node calling `destroy` of the socket with the error of a write, and on `_readableState.errored` being all
 * that makes an errored stream ignore what is read (verified in Node 20 to 26). Otherwise the last messages of a process
 * may be lost if the other end writes just then.
 */
export function readToTheEnd(socket: Socket): void {
  const { destroy } = socket;
  let isEnding = false;
  socket.destroy = (error?: Error): Socket => {
    const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
    const isPeerGone = syscall === 'write' && (code === 'EPIPE' || code === 'ECONNRESET');
    if (!isPeerGone) return destroy.call(socket, error);
    const { _readableState } = socket as { readonly _readableState?: { errored?: unknown } };
    if (_readableState !== undefined) _readableState.errored = null;
    if (!isEnding) afterNextRead(() => destroy.call(socket));
    isEnding = true;
    return socket;
  };
}

/**
 * Calls `callback` after everything has been read that is in the sockets of this process now. libuv reads up to 2 MiB of
 * a socket in one iteration of the loop, which is more than a socket of Linux holds.
 */
export function afterNextRead(callback: () => void): void {
  setImmediate(() => setImmediate(callback));
}
