import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { IOStream } from '../stream/io-stream.ts';
import type { SocketAddress } from '../transport.ts';
import { NodeTransport } from '../transports/node-transport.ts';
import type { SubprocessPlan } from './subprocess-options.ts';

/** Our ends of the child's standard descriptors, where it has streams there. */
export interface ChildStreams {
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
