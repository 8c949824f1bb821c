import { fileURLToPath } from 'node:url';
import { IOLoop } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { ProcessUsageError } from '@landspout/ioloop/processes';
import { type IOStreamOptions, resolveStreamOptions, streamOptionsAmong } from '../stream/stream-options.ts';
import { processChecks, requireObject, requireText } from './subprocess-errors.ts';

/**
 * What a standard descriptor of the child is connected to:
 *
 * - `stream`: a stream to this process;
 * - `inherit`: the same descriptor of this process;
 * - `ignore`: nothing, as with `/dev/null`;
 * - a number: another file descriptor of this process, which the caller still owns. The system makes it blocking, for
 *   this process too.
 */
export type SubprocessStdio = 'stream' | 'inherit' | 'ignore' | number;

export interface SubprocessOptions extends Omit<IOStreamOptions, 'clock'> {
  /** Default: `inherit`. */
  readonly stdin?: SubprocessStdio;
  /** Default: `inherit`. */
  readonly stdout?: SubprocessStdio;
  /** Default: `inherit`. */
  readonly stderr?: SubprocessStdio;
  /** The working directory of the child. Default: that of this process. */
  readonly cwd?: string | URL;
  /** The whole environment of the child. Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Ends the child when this AbortSignal aborts: with SIGTERM, and after `killAfterMs` with SIGKILL. */
  readonly signal?: AbortSignal;
  /** The time between SIGTERM and SIGKILL for a child that is being ended. Default: 5 s. */
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

/** The checked parameters of a child to start, with all defaults. */
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

/**
 * @throws ProcessUsageError `ERR_PROCESS_USAGE`; StreamUsageError `ERR_STREAM_USAGE` if an option of the streams is
 *   invalid.
 */
export function planSubprocess(
  command: string,
  args: readonly string[],
  options: SubprocessOptions,
): SubprocessPlan {
  if (requireText('spawn', 'a command', command) === '')
    throw new ProcessUsageError('spawn: command must not be empty');
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
    throw new ProcessUsageError('spawn: cwd must be a path or a file: URL');
  let path: unknown = cwd;
  try {
    if (cwd instanceof URL) path = fileURLToPath(cwd);
  } catch (cause) {
    throw new ProcessUsageError('spawn: cwd cannot be converted to a path of this system', { cause });
  }
  if (requireText('spawn', 'a cwd', path) === '') throw new ProcessUsageError('spawn: cwd must not be empty');
  return path as string;
}

function toVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  requireObject('spawn', 'an object of variables', env);
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    requireText('spawn', 'the name of a variable', name);
    // Windows has variables with names such as `=C:`, so only the first character may be `=`.
    if (name === '' || name.includes('=', 1))
      throw new ProcessUsageError('spawn: the name of a variable must not be empty or contain "="');
    variables[name] = requireText('spawn', 'the value of a variable', value);
  }
  return variables;
}
