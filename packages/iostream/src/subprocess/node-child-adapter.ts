// What this room relies on of the internals of Node's child processes: each function says what that is, where it was seen,
// and what breaks if it goes. node-child-adapter.canary.test.ts checks that this version of Node still has it.

import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import type { Duplex } from 'node:stream';

/**
 * Takes the pipes of a child that was just started; `undefined` where it has none. A child process whose `stdin` and
 * `stdio` are empty, as they are where nothing is piped, is left alone by Node.
 *
 * Relies on Node looking for them in these two fields at the exit of the child, to destroy the socket of stdin with what
 * is queued for a grandchild, and to set the others flowing (seen in Node 20 to 26). If it finds them elsewhere, input of
 * a grandchild is lost at the exit, and its output is read without a bound.
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
 * Relies on Node leaving them in `stdio`, or leaving no `stdio` at all where the descriptors had run out, whatever the
 * types say (seen in Node 20 to 26). If it keeps them elsewhere, each failed start leaves descriptors open.
 */
export function destroyPipes(child: ChildProcess): void {
  for (const socket of (child.stdio as ChildProcess['stdio'] | undefined) ?? []) {
    socket?.on('error', () => {});
    socket?.destroy();
  }
}

/** Of a child: its end of the pipe that a failed start is told by, and what it opens or duplicates before it runs. */
const DESCRIPTORS_OF_A_START = 6;

/**
 * Makes sure that a child with `pipes` pipes can be started, by opening and closing as many descriptors as it takes.
 *
 * Works around Node losing the pipes of a child for good when the descriptors run out after they were made (seen in Node
 * 20 to 26): a server that is short of descriptors and goes on trying would have none left soon. Relies on a start taking
 * no more than two for each pipe and six besides. Asking costs a few microseconds for each, where a start costs a
 * millisecond. Other threads may take what was free here.
 *
 * @throws Node's error, its code `EMFILE` or `ENFILE`.
 */
export function requireFreeDescriptors(pipes: number): void {
  const opened: number[] = [];
  try {
    const needed = pipes * 2 + DESCRIPTORS_OF_A_START;
    while (opened.length < needed) opened.push(openSync(devNull, 'r'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A system without such a file may be left to its luck.
    if (code === 'EMFILE' || code === 'ENFILE') throw error;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
