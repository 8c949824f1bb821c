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
    destroyPipes(child);
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

/** Takes the pipes of a child that was just started, for good, and makes streams of them. */
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
