import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { devNull } from 'node:os';
import type { Duplex } from 'node:stream';
import { CodedError, ProcessUsageError, SystemError } from '@landspout/ioloop';
import { IOStream } from '../stream/io-stream.ts';
import type { SocketAddress } from '../transport.ts';
import { NodeTransport } from '../transports/node-transport.ts';
import type { SubprocessPlan } from './subprocess-options.ts';

/**
 * Starts a child process, which runs when this returns; its events come on later turns.
 *
 * @returns the child, or a promise of why there is none: then nothing is left open.
 */
export function spawnChild(plan: SubprocessPlan): ChildProcess | Promise<Error> {
  const { command, args, cwd, env, stdio } = plan;
  let child: ChildProcess;
  try {
    requireFreeDescriptors(stdio.filter((target) => target === 'stream').length);
    child = spawn(command, [...args], {
      stdio: stdio.map((target) => (target === 'stream' ? 'pipe' : target)) as StdioOptions,
      windowsHide: true,
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
    });
  } catch (error) {
    return spawnError(error, plan);
  }
  if (child.pid !== undefined) return child;
  // Node says some refusals only later, and keeps sockets for pipes that nobody is at the other end of.
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(spawnError(error, plan)));
    // There are none at all where the descriptors had run out, whatever the types say.
    for (const socket of (child.stdio as ChildProcess['stdio'] | undefined) ?? []) {
      socket?.on('error', () => {});
      socket?.destroy();
    }
  });
}

/** Our ends of the child's standard descriptors, where it has streams there. */
interface ChildStreams {
  readonly stdin: IOStream | undefined;
  readonly stdout: IOStream | undefined;
  readonly stderr: IOStream | undefined;
}

/** Socket pairs have no names. */
const UNNAMED: SocketAddress = { family: 'unix', path: '' };

/**
 * Takes the pipes of a child that was just started, and makes streams of them.
 *
 * They are taken for good: at the exit Node would destroy the socket of stdin, with what is queued for a grandchild,
 * and would set the others flowing, which reads without bound what a grandchild goes on writing. A child process
 * whose `stdin` and `stdio` are empty, as they are where nothing is piped, is left alone.
 */
export function takeChildStreams(child: ChildProcess, { loop, stream }: SubprocessPlan): ChildStreams {
  const [stdin, stdout, stderr] = child.stdio.map((pipe) => {
    if (pipe === null || pipe === undefined) return undefined;
    const names = { localAddress: UNNAMED, remoteAddress: UNNAMED };
    return new IOStream(new NodeTransport(pipe as Duplex, { loop, ...names }), stream);
  });
  child.stdin = null;
  child.stdio.fill(null);
  return { stdin, stdout, stderr };
}

/** Of a child: its end of the pipe that a failed start is told by, and what it opens or duplicates before it runs. */
const DESCRIPTORS_OF_A_START = 6;

/**
 * Makes sure that a child with `pipes` pipes can be started, by opening and closing as many descriptors as it takes.
 *
 * Node loses the pipes of a child for good when the descriptors run out after they were made (seen with Node 20 to 26):
 * one server that is short of descriptors and goes on trying would have none left soon. Asking costs a few
 * microseconds for each, where a start costs a millisecond. Other threads may take what was free here.
 *
 * @throws Node's error, its code `EMFILE` or `ENFILE`.
 */
function requireFreeDescriptors(pipes: number): void {
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

async function spawnError(error: unknown, { command, cwd }: SubprocessPlan): Promise<Error> {
  const failed = SystemError.from(error, 'spawn', command);
  // Whatever Node finds wrong with an argument that we let pass is the caller's to know.
  if (!(failed instanceof CodedError)) return new ProcessUsageError(failed.message, { cause: error });
  // The system says "no such file" of a folder, too, and Node then names the program.
  if (cwd !== undefined && !(await isFolder(cwd))) {
    return new SystemError(failed.code, 'spawn', cwd, { cause: error });
  }
  return failed;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
