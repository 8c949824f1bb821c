import { fileURLToPath } from 'node:url';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { ProcessUsageError } from '@landspout/ioloop/processes';
import { type IOStreamOptions, resolveStreamOptions, streamOptionsAmong } from '../stream/stream-options.ts';
import { processChecks, requireObject, requireText } from './subprocess-errors.ts';

/**
 * What one of the child's standard descriptors is:
 *
 * - `stream`: a stream to us;
 * - `inherit`: the same as ours;
 * - `ignore`: nothing, as `/dev/null`;
 * - a number: a descriptor of ours, which stays ours. The system then makes it a blocking one, for us too.
 */
export type SubprocessStdio = 'stream' | 'inherit' | 'ignore' | number;

export interface SubprocessOptions extends Omit<IOStreamOptions, 'clock'> {
  /** Default `inherit`. */
  readonly stdin?: SubprocessStdio;
  /** Default `inherit`. */
  readonly stdout?: SubprocessStdio;
  /** Default `inherit`. */
  readonly stderr?: SubprocessStdio;
  /** The folder that the child starts in. Default: ours. */
  readonly cwd?: string | URL;
  /** All variables of the child. Default: ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Ends the child when it aborts: SIGTERM, and SIGKILL after `killAfterMs`. */
  readonly signal?: AbortSignal;
  /** How long a child that is to end has between SIGTERM and SIGKILL. Default 5 s. */
  readonly killAfterMs?: number;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop;
}

const SUBPROCESS_OPTIONS: OptionNames<SubprocessOptions> = {
  stdin: true,
  stdout: true,
  stderr: true,
  cwd: true,
  env: true,
  signal: true,
  killAfterMs: true,
  loop: true,
  maxReadBufferBytes: true,
  maxWriteBufferBytes: true,
  writeOverflow: true,
};

/** A child as it is to be started, every default filled in and everything checked. */
export interface SubprocessPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly stdio: readonly [SubprocessStdio, SubprocessStdio, SubprocessStdio];
  readonly cwd: string | undefined;
  readonly env: Record<string, string> | undefined;
  readonly signal: AbortSignal | undefined;
  readonly killAfterMs: number;
  readonly loop: IOLoop;
  readonly stream: Required<IOStreamOptions>;
}

const DEFAULT_KILL_AFTER_MS = 5_000;
const MAX_DESCRIPTOR = 2 ** 31 - 1;

/** @throws ProcessUsageError `ERR_PROCESS_USAGE`; StreamUsageError `ERR_STREAM_USAGE` for options of the streams. */
export function planSubprocess(
  command: string,
  args: readonly string[],
  options: SubprocessOptions,
): SubprocessPlan {
  if (requireText('spawn', 'a command', command) === '') throw new ProcessUsageError('spawn: no command');
  if (!Array.isArray(args)) throw processChecks.wrong('spawn', 'an array of arguments', args);
  processChecks.options('spawn', options, SUBPROCESS_OPTIONS);
  const { stdin = 'inherit', stdout = 'inherit', stderr = 'inherit', cwd, env, signal } = options;
  const { killAfterMs = DEFAULT_KILL_AFTER_MS, loop = IOLoop.current() } = options;
  processChecks.signal('spawn', signal);
  if (!(loop instanceof IOLoop)) throw processChecks.wrong('spawn', 'a loop', loop);
  return {
    command,
    args: args.map((argument) => requireText('spawn', 'an argument', argument)),
    stdio: [requireStdio('stdin', stdin), requireStdio('stdout', stdout), requireStdio('stderr', stderr)],
    cwd: cwd === undefined ? undefined : toFolder(cwd),
    env: env === undefined ? undefined : toVariables(env),
    signal,
    killAfterMs: processChecks.durationMs('spawn', 'killAfterMs', killAfterMs),
    loop,
    stream: resolveStreamOptions(streamOptionsAmong(options, loop.clock)),
  };
}

function requireStdio(name: string, value: unknown): SubprocessStdio {
  if (value === 'stream' || value === 'inherit' || value === 'ignore') return value;
  if (typeof value === 'number') {
    return processChecks.wholeNumber('spawn', name, value, 0, MAX_DESCRIPTOR);
  }
  throw processChecks.wrong('spawn', `${name} as 'stream', 'inherit', 'ignore' or a descriptor`, value);
}

function toFolder(cwd: string | URL): string {
  if (cwd instanceof URL && cwd.protocol !== 'file:')
    throw new ProcessUsageError('spawn: cwd is no file URL');
  let path: unknown = cwd;
  try {
    if (cwd instanceof URL) path = fileURLToPath(cwd);
  } catch (cause) {
    throw new ProcessUsageError('spawn: cwd is no path of this system', { cause });
  }
  if (requireText('spawn', 'a cwd', path) === '') throw new ProcessUsageError('spawn: cwd is empty');
  return path as string;
}

function toVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  requireObject('spawn', 'an object of variables', env);
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    requireText('spawn', 'the name of a variable', name);
    // Windows has variables with a name such as `=C:`, so only the first place is free.
    if (name === '' || name.includes('=', 1)) throw new ProcessUsageError('spawn: no name of a variable');
    variables[name] = requireText('spawn', 'the value of a variable', value);
  }
  return variables;
}
