// Executors run functions in other threads: what an executor is, its pool of threads, and what is copied between threads.
// Does not know the loop, which has an executor.

import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Transferable as NodeTransferable } from 'node:worker_threads';
import { loopChecks } from '../checks.ts';
import type { OptionNames } from '../option-names.ts';

/** Where functions run so that the loop need not wait for them. */
export interface Executor {
  /** Calls the function of `task` with `args`; it may be asynchronous. Never throws: what fails is a rejection. */
  run<Fn extends TaskFunction = UnknownTaskFunction>(
    task: ExecutorTask<Fn>,
    args: Readonly<Parameters<Fn>>,
    options?: ExecutorRunOptions,
  ): Promise<Awaited<ReturnType<Fn>>>;

  /** Refuses further tasks, and resolves when nothing of the executor is left. May be called again. */
  close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}

export interface ExecutorRunOptions {
  /** Stops the wait, and the task as far as the executor can. The promise rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** What the arguments contain and the caller gives away. It is gone from here as soon as `run` returns. */
  readonly transferList?: readonly Transferable[] | undefined;
}

/** Any function that a task may name. */
export type TaskFunction = (...args: never[]) => unknown;

/** What is known of a function when its type was not given. */
export type UnknownTaskFunction = (...args: unknown[]) => unknown;

/**
 * A function, by the place where another thread finds it. JavaScript cannot move a function to another thread, so a
 * closure cannot be a task: what it would have closed over goes into the arguments.
 *
 * @example
 * const hash: ExecutorTask<typeof import('./hash.js').hash> = {
 *   module: new URL('./hash.js', import.meta.url),
 *   export: 'hash',
 * };
 */
export interface ExecutorTask<Fn extends TaskFunction = UnknownTaskFunction> {
  /**
   * A `file:`, `node:` or `data:` URL, or an absolute path. A relative path or the name of a package is refused, since
   * nobody could say from where it is meant: give `new URL('./hash.js', import.meta.url)`, or
   * `import.meta.resolve('the-package')`.
   */
  readonly module: URL | string;
  /** The name under which the module exports the function. Default: `default`. */
  readonly export?: string | undefined;
  /** Carries the type of the function for the compiler, and is never there. */
  readonly signature?: Fn;
}

/** What can be handed over to another thread instead of being copied, such as an `ArrayBuffer` or a `MessagePort`. */
export type Transferable = NodeTransferable;

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
  if (!Array.isArray(args)) throw loopChecks.wrong('run', 'an array of arguments', args);
  loopChecks.options('run', options, RUN_OPTIONS);
  const { signal, transferList = [] } = options;
  if (!Array.isArray(transferList)) throw loopChecks.wrong('run', 'an array as transferList', transferList);
  loopChecks.signal('run', signal);
  signal?.throwIfAborted();
  return { address, args, transferList, signal };
}

/** @throws LoopUsageError `ERR_LOOP_USAGE` for a task that names no place. */
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

/** What `import()` takes without asking from where, and without a network. */
const SCHEMES = ['file:', 'node:', 'data:'];

function moduleUrl(module: unknown): string {
  if (!(module instanceof URL) && typeof module !== 'string')
    throw loopChecks.wrong('run', 'a module', module);
  const text = String(module);
  if (SCHEMES.some((scheme) => text.startsWith(scheme))) return text;
  if (typeof module === 'string' && isAbsolute(module)) return pathToFileURL(module).href;
  throw loopChecks.wrong(
    'run',
    `a module as file:, node: or data: URL or as absolute path ("${text.slice(0, 200)}" is none: new URL('./file.js', import.meta.url) and import.meta.resolve('package') make one)`,
    module,
  );
}
