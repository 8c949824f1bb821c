// Executors run functions in other threads. Defines the interface of an executor, and checks the arguments of each
// call. Does not use the loop.

import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Transferable as NodeTransferable } from 'node:worker_threads';
import { loopChecks } from '../checks.ts';
import type { OptionNames } from '../option-names.ts';

/** Runs functions so that the loop does not wait for them. */
export interface Executor {
  /**
   * Calls the function of `task` with `args`. The function may be asynchronous. Never throws synchronously: on failure,
   * the promise rejects.
   */
  run<Fn extends TaskFunction = UnknownTaskFunction>(
    task: ExecutorTask<Fn>,
    args: Readonly<Parameters<Fn>>,
    options?: ExecutorRunOptions,
  ): Promise<Awaited<ReturnType<Fn>>>;

  /** Refuses further tasks, and resolves when the executor has released everything. May be called again. */
  close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}

export interface ExecutorRunOptions {
  /** Cancels the wait, and the task as far as the executor can. The promise rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** Objects in the arguments to transfer instead of copying. The caller cannot use them after `run` returns. */
  readonly transferList?: readonly Transferable[] | undefined;
}

/** Any function that can be a task. */
export type TaskFunction = (...args: never[]) => unknown;

/** The type of a function whose actual type was not given. */
export type UnknownTaskFunction = (...args: unknown[]) => unknown;

/**
 * A function, named by the module that exports it. JavaScript cannot move a function to another thread, so a closure
 * cannot be a task: pass the values that it would close over as arguments.
 *
 * @example
 * const hash: ExecutorTask<typeof import('./hash.js').hash> = {
 *   module: new URL('./hash.js', import.meta.url),
 *   export: 'hash',
 * };
 */
export interface ExecutorTask<Fn extends TaskFunction = UnknownTaskFunction> {
  /**
   * A `file:`, `node:` or `data:` URL, or an absolute path. A relative path or a package name is refused, because the
   * file that it is relative to is unknown: pass `new URL('./hash.js', import.meta.url)` or
   * `import.meta.resolve('the-package')`.
   */
  readonly module: URL | string;
  /** The name under which the module exports the function. Default: `default`. */
  readonly export?: string | undefined;
  /** Only for the compiler: the type of the function. Never set. */
  readonly signature?: Fn;
}

/**
 * An object that can be transferred to another thread instead of being copied, such as an `ArrayBuffer` or a
 * `MessagePort`.
 */
export type Transferable = NodeTransferable;

/** Where a function is, in a form that another thread can resolve. */
export interface TaskAddress {
  readonly url: string;
  readonly exportName: string;
}

/** A checked call: the function, its arguments, and the signal that cancels it. */
export interface TaskRequest {
  readonly address: TaskAddress;
  readonly args: readonly unknown[];
  readonly transferList: readonly Transferable[];
  readonly signal: AbortSignal | undefined;
}

const RUN_OPTIONS: OptionNames<ExecutorRunOptions> = { signal: true, transferList: true };

/**
 * Checks everything that a caller passed before any of it is used.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` if an argument is invalid; the reason of the signal if that is aborted.
 */
export function checkRequest(
  task: ExecutorTask<TaskFunction>,
  args: readonly unknown[],
  options: ExecutorRunOptions = {},
): TaskRequest {
  const address = checkTask(task);
  if (!Array.isArray(args)) throw loopChecks.wrong('run', 'an array of arguments', args);
  loopChecks.options('run', options, RUN_OPTIONS);
  const { signal, transferList = [] } = options;
  if (!Array.isArray(transferList)) throw loopChecks.wrong('run', 'an array as transferList', transferList);
  loopChecks.signal('run', signal);
  signal?.throwIfAborted();
  return { address, args, transferList, signal };
}

/** @throws LoopUsageError `ERR_LOOP_USAGE` if the task does not name a module and an export. */
export function checkTask(task: ExecutorTask<TaskFunction>): TaskAddress {
  if (typeof task === 'function') {
    throw loopChecks.wrong(
      'run',
      'a task of { module, export } (a function cannot move to another thread)',
      task,
    );
  }
  if (typeof task !== 'object' || task === null)
    throw loopChecks.wrong('run', 'a task of { module, export }', task);
  const { module, export: exportName = 'default' } = task;
  if (typeof exportName !== 'string') throw loopChecks.wrong('run', 'the name of an export', exportName);
  return { url: moduleUrl(module), exportName };
}

/** The URL schemes that `import()` accepts without a base URL and without network access. */
const SCHEMES = ['file:', 'node:', 'data:'];

function moduleUrl(module: unknown): string {
  if (!(module instanceof URL) && typeof module !== 'string')
    throw loopChecks.wrong('run', 'a module', module);
  const text = String(module);
  if (SCHEMES.some((scheme) => text.startsWith(scheme))) return text;
  if (typeof module === 'string' && isAbsolute(module)) return pathToFileURL(module).href;
  throw loopChecks.wrong(
    'run',
    `a module as file:, node: or data: URL or as absolute path ("${text.slice(0, 200)}" is neither; pass new URL('./file.js', import.meta.url) or import.meta.resolve('package'))`,
    module,
  );
}
