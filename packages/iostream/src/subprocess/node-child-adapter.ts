// Holds everything in this folder that relies on the internals of Node's child processes. Each function documents what
// it relies on, in which versions of Node this was verified, and what breaks without it.
// node-child-adapter.canary.test.ts checks the running version of Node.

import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import type { Duplex } from 'node:stream';

/**
 * Takes the pipes of a child that was just started; `undefined` for a descriptor without a pipe. Afterwards `stdin` and
 * `stdio` are empty, as for a child without pipes, and Node no longer touches the pipes.
 *
 * Relies on Node looking for the pipes in these two fields when the child exits: it would then destroy the socket of
 * stdin, including data queued for a grandchild, and make the other streams flow (verified in Node 20 to 26). If a
 * version of Node finds the pipes elsewhere, the input of a grandchild is lost when the child exits, and the output of
 * the grandchild is read without a limit.
 */
export function takePipes(child: ChildProcess): (Duplex | undefined)[] {
  const pipes = child.stdio.map((pipe) => (pipe as Duplex | null | undefined) ?? undefined);
  child.stdin = null;
  child.stdio.fill(null);
  return pipes;
}

/**
 * Destroys the pipes of a child that could not be started.
 *
 * Relies on Node keeping the pipes in `stdio`, or keeping `stdio` undefined if there were no file descriptors left,
 * which the types do not show (verified in Node 20 to 26). If a version of Node keeps them elsewhere, descriptors stay
 * open after each failed start.
 */
export function destroyPipes(child: ChildProcess): void {
  for (const socket of (child.stdio as ChildProcess['stdio'] | undefined) ?? []) {
    socket?.on('error', () => {});
    socket?.destroy();
  }
}

/**
 * The descriptors that a start needs besides the pipes: the pipe that reports a failed start, and those that the child
 * opens or duplicates before it runs the program.
 */
const DESCRIPTORS_OF_A_START = 6;

/**
 * Checks that a child with `pipes` pipes can be started, by opening and closing as many descriptors as the start needs.
 *
 * Works around Node leaking the pipes of a child if the descriptors run out after they were created (verified in Node
 * 20 to 26): a server that is short of descriptors and keeps trying would soon have none left. Relies on a start
 * needing at most two for each pipe and six others. The check takes a few microseconds for each descriptor, while a
 * start takes a millisecond. The check cannot be perfect: other threads may use descriptors that were free during it.
 *
 * @throws the error of Node, with the code `EMFILE` or `ENFILE`.
 */
export function requireFreeDescriptors(pipes: number): void {
  const opened: number[] = [];
  try {
    const needed = pipes * 2 + DESCRIPTORS_OF_A_START;
    while (opened.length < needed) opened.push(openSync(devNull, 'r'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A system without this file is not checked.
    if (code === 'EMFILE' || code === 'ENFILE') throw error;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
