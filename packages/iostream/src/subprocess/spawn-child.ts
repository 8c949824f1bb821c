import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { CodedError, SystemError } from '@landspout/ioloop';
import { ProcessUsageError } from '@landspout/ioloop/processes';
import { IOStream } from '../stream/io-stream.ts';
import type { SocketAddress } from '../transport.ts';
import { NodeTransport } from '../transports/node-transport.ts';
import { destroyPipes, requireFreeDescriptors, takePipes } from './node-child-adapter.ts';
import type { SubprocessPlan } from './subprocess-options.ts';

/**
 * Starts a child process. It is running when this function returns; its events are emitted in later loop iterations.
 *
 * @returns the child, or a promise of the error if it could not be started; then nothing stays open.
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
  // Node reports some failures only later, and keeps sockets for pipes that have no other end.
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(spawnError(error, plan)));
    destroyPipes(child);
  });
}

/** Our ends of the child's standard streams; `undefined` for those that are not streams. */
interface ChildStreams {
  readonly stdin: IOStream | undefined;
  readonly stdout: IOStream | undefined;
  readonly stderr: IOStream | undefined;
}

/** Socket pairs have no names. */
const UNNAMED: SocketAddress = { family: 'unix', path: '' };

/** Takes the pipes away from a child that was just started, and wraps them in streams. */
export function takeChildStreams(child: ChildProcess, { loop, stream }: SubprocessPlan): ChildStreams {
  const [stdin, stdout, stderr] = takePipes(child).map((pipe) => {
    if (pipe === undefined) return undefined;
    const names = { localAddress: UNNAMED, remoteAddress: UNNAMED };
    return new IOStream(new NodeTransport(pipe, { loop, ...names }), stream);
  });
  return { stdin, stdout, stderr };
}

async function spawnError(error: unknown, { command, cwd }: SubprocessPlan): Promise<Error> {
  const failed = SystemError.from(error, 'spawn', command);
  // Node refused an argument that we did not check: a mistake of the caller.
  if (!(failed instanceof CodedError)) return new ProcessUsageError(failed.message, { cause: error });
  // The system reports ENOENT for a missing folder too, but Node's error always names the program.
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
