import type { Transferable as NodeTransferable } from 'node:worker_threads';

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

export interface ExecutorRunOptions {
  /** Stops the wait, and the task as far as the executor can. The promise rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** What the arguments contain and the caller gives away. It is gone from here as soon as `run` returns. */
  readonly transferList?: readonly Transferable[] | undefined;
}

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
