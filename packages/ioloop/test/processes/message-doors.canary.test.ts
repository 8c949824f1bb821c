import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readToTheEnd } from '../../src/processes/doors/door-socket.ts';

const hasProc = existsSync('/proc/self/stat');

/** Starts a program with a socket as descriptor 4. */
function start(program: string): { readonly child: ChildProcess; readonly socket: Socket } {
  const child = spawn(process.execPath, ['-e', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, socket: child.stdio[4] as Socket };
}

/** Blocks the loop of this process until a child has ended, so that nothing is read meanwhile. */
function waitUntilEnded(pid: number): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  // The child is a zombie until this process asks for its exit code. Each of its threads had the socket open.
  const isEnded = (): boolean =>
    /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) && readdirSync(`/proc/${pid}/task`).length === 1;
  while (!isEnded()) Atomics.wait(pause, 0, 0, 5);
}

describe.skipIf(!hasProc)("what message doors rely on of Node's internals", () => {
  it('a socket whose writes fail is read to its end', async () => {
    const { child, socket } = start(`
      const socket = new (require('node:net').Socket)({ fd: 4 });
      socket.once('data', () => socket.write('last', () => process.exit()));`);
    const errors: Error[] = [];
    const received: Buffer[] = [];
    readToTheEnd(socket);
    socket.on('error', (error) => errors.push(error));
    socket.on('data', (bytes: Buffer) => received.push(bytes));
    socket.write('go');
    waitUntilEnded(child.pid as number);
    const failed = new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
      socket.write('refused', resolve);
    });
    expect((await failed)?.code).toBe('EPIPE');
    await once(socket, 'close');
    const internal = `Node ${process.versions.node}: a socket that could not write ignores what it reads`;
    expect(Buffer.concat(received).toString(), internal).toBe('last');
    expect(errors).toEqual([]);
  });

  it('a descriptor of a child has close-on-exec when it starts', async () => {
    const { child } = start(`
      const { readFileSync } = require('node:fs');
      const [, flags] = /flags:\\s*(\\d+)/.exec(readFileSync('/proc/self/fdinfo/4'));
      process.send((Number.parseInt(flags, 8) & 0o2000000) !== 0, () => process.exit());`);
    const [isSet] = await once(child, 'message');
    const internal = `Node ${process.versions.node}: descriptors that a child inherits have no close-on-exec`;
    expect(isSet, internal).toBe(true);
  });
});
