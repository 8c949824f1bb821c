import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requireOptions, usage } from '../checks.ts';
import type { OptionNames } from '../option-names.ts';
import type { ExecutorRunOptions, ExecutorTask, TaskFunction, Transferable } from './executor.ts';

/** Where a function is, in words that another thread understands. */
export interface TaskAddress {
  readonly url: string;
  readonly exportName: string;
}

/** A checked call: what to run, with what, and what stops it. */
export interface TaskRequest {
  readonly address: TaskAddress;
  readonly args: readonly unknown[];
  readonly transferList: readonly Transferable[];
  readonly signal: AbortSignal | undefined;
}

const RUN_OPTIONS: OptionNames<ExecutorRunOptions> = { signal: true, transferList: true };

/**
 * Looks at everything that a caller gave before anything is done with it.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` for what cannot be meant; the reason of a signal that is aborted.
 */
export function checkRequest(
  task: ExecutorTask<TaskFunction>,
  args: readonly unknown[],
  options: ExecutorRunOptions = {},
): TaskRequest {
  const address = checkTask(task);
  if (!Array.isArray(args)) throw usage('run', 'an array of arguments', args);
  requireOptions(options, RUN_OPTIONS, 'run');
  const { signal, transferList = [] } = options;
  if (!Array.isArray(transferList)) throw usage('run', 'an array as transferList', transferList);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw usage('run', 'an AbortSignal as signal', signal);
  }
  signal?.throwIfAborted();
  return { address, args, transferList, signal };
}

/** @throws LoopUsageError `ERR_LOOP_USAGE` for a task that names no place. */
export function checkTask(task: ExecutorTask<TaskFunction>): TaskAddress {
  if (typeof task === 'function') {
    throw usage('run', 'a task of { module, export } (a function cannot move to another thread)', task);
  }
  if (typeof task !== 'object' || task === null) throw usage('run', 'a task of { module, export }', task);
  const { module, export: exportName = 'default' } = task;
  if (typeof exportName !== 'string') throw usage('run', 'the name of an export', exportName);
  return { url: moduleUrl(module), exportName };
}

/** What `import()` takes without asking from where, and without a network. */
const SCHEMES = ['file:', 'node:', 'data:'];

function moduleUrl(module: unknown): string {
  if (!(module instanceof URL) && typeof module !== 'string') throw usage('run', 'a module', module);
  const text = String(module);
  if (SCHEMES.some((scheme) => text.startsWith(scheme))) return text;
  if (typeof module === 'string' && isAbsolute(module)) return pathToFileURL(module).href;
  throw usage(
    'run',
    `a module as file:, node: or data: URL or as absolute path ("${text.slice(0, 200)}" is none: new URL('./file.js', import.meta.url) and import.meta.resolve('package') make one)`,
    module,
  );
}
