// Waiting for promises, with timeouts, abort signals and a report of the errors that no caller can be told. Does not know
// the loop, threads or processes.

import { isCancellation } from '../abort.ts';
import { loopChecks } from '../checks.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { LoopUsageError } from '../loop-errors.ts';
import { callReporting, isThenable } from '../thenable.ts';
import { checkReport, type FailureReport, reportFailure } from './failure-report.ts';

type State<T> =
  | { readonly kind: 'pending' }
  | { readonly kind: 'result'; readonly value: T }
  | { readonly kind: 'exception' | 'cancelled'; readonly error: unknown };

/**
 * A promise that is settled from outside, and can be asked how it stands. For code that is brought over from Tornado,
 * and where a callback of somebody else shall become something to wait for; an `async` function needs none.
 *
 * It settles once. Wait for it by `await`, or give {@link promise} away to those who shall not settle it. An exception
 * that nobody waits for or looks at in the same turn is an unhandled rejection of Node, as with any promise.
 *
 * @example
 * const opened = new Future<string>();
 * setTimeout(() => opened.setResult('open'), 10);
 * console.log(await opened);
 */
export class Future<T> implements PromiseLike<T> {
  /** Settles as this does. */
  readonly promise: Promise<T>;
  readonly #report: FailureReport;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  #state: State<T> = { kind: 'pending' };

  /**
   * @param report - what becomes of exceptions that come too late, and of those of callbacks.
   * @throws LoopUsageError `ERR_LOOP_USAGE` for a report that cannot be meant.
   */
  constructor(report: FailureReport = {}) {
    checkReport('Future', report);
    this.#report = report;
    let resolve!: (value: T) => void;
    let reject!: (error: unknown) => void;
    this.promise = new Promise<T>((onValue, onError) => {
      resolve = onValue;
      reject = onError;
    });
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Whether there is a result or an exception, or it was cancelled. */
  get isDone(): boolean {
    return this.#state.kind !== 'pending';
  }

  get isCancelled(): boolean {
    return this.#state.kind === 'cancelled';
  }

  /** Whether there is an exception. Not when it was cancelled. */
  get hasFailed(): boolean {
    return this.#state.kind === 'exception';
  }

  /**
   * Settles with a value, unless it is done. @returns whether it did.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` for a promise, whose value is not there yet: see {@link chainFuture}.
   */
  setResult(value: T): boolean {
    if (isThenable(value)) {
      throw new LoopUsageError('ERR_LOOP_USAGE', 'setResult: a value was expected, not a promise');
    }
    if (this.isDone) return false;
    this.#state = { kind: 'result', value };
    this.#resolve(value);
    return true;
  }

  /**
   * Fails, unless it is done: then the exception is logged, unless it is quiet or only says that something was told
   * to stop. @returns whether it did.
   */
  setException(error: unknown): boolean {
    if (!this.isDone) return this.#failAs('exception', error);
    const reason = this.#state.kind === 'cancelled' ? this.#state.error : undefined;
    if (!isCancellation(error, reason)) {
      reportFailure(error, 'Future: an exception came when it was done', this.#report);
    }
    return false;
  }

  /**
   * Gives up, unless it is done: whoever waits gets `reason`. What was to settle it is not stopped, and when nobody
   * waits, nothing is unhandled. @returns whether it did.
   *
   * @param reason - default: a `DOMException` named `AbortError`.
   */
  cancel(reason: unknown = new DOMException('The future was cancelled', 'AbortError')): boolean {
    if (this.isDone) return false;
    this.#markHandled();
    return this.#failAs('cancelled', reason);
  }

  /**
   * The value. Throws the exception, or the reason of the cancellation.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` when it is not done.
   */
  result(): T {
    const state = this.#doneState('result');
    if (state.kind === 'result') return state.value;
    throw state.error;
  }

  /**
   * The exception, or the reason of the cancellation; `undefined` when there is a result.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` when it is not done.
   */
  exception(): unknown {
    const state = this.#doneState('exception');
    return state.kind === 'result' ? undefined : state.error;
  }

  /**
   * Calls `callback(future)` when it is done: at once when it is done already, else a microtask later, in the async
   * context of this call. A throw or rejection is logged. From here on an exception is the callback's business.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` for what is not a function.
   */
  addDoneCallback(callback: (future: this) => unknown): void {
    loopChecks.callback('addDoneCallback', 'callback', callback);
    const call = () => this.#call(callback);
    if (!this.isDone) {
      this.promise.then(call, call);
      return;
    }
    this.#markHandled();
    call();
  }

  // biome-ignore lint/suspicious/noThenProperty: to be awaited is what it is for.
  then<Result = T, Failure = never>(
    onValue?: ((value: T) => Result | PromiseLike<Result>) | null,
    onError?: ((error: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Result | Failure> {
    return this.promise.then(onValue, onError);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      state: this.#state.kind,
      ...this.#state,
      kind: undefined,
      promise: undefined,
    }));
  }

  #failAs(kind: 'exception' | 'cancelled', error: unknown): true {
    this.#state = { kind, error };
    this.#reject(error);
    return true;
  }

  #doneState(operation: string): Exclude<State<T>, { kind: 'pending' }> {
    const state = this.#state;
    if (state.kind === 'pending') {
      throw new LoopUsageError('ERR_LOOP_USAGE', `${operation}: the future is not done yet`);
    }
    if (state.kind === 'exception') this.#markHandled();
    return state;
  }

  /** Who was told of the exception by other means need not wait for the promise. */
  #markHandled(): void {
    this.promise.catch(() => {});
  }

  #call(callback: (future: this) => unknown): void {
    const report = (error: unknown): void => {
      if (!isCancellation(error)) reportFailure(error, 'Future: a done callback failed', this.#report);
    };
    callReporting(callback as (future: never) => unknown, [this], report);
  }
}

/**
 * Settles `target` as `source` settles, unless it is done by then: a lost exception is logged, as by
 * `Future.setException`. A `Future` that is done is copied at once, and a cancelled one cancels. It goes one way only:
 * what happens to `target` does not stop `source`.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` for a source that nobody can wait for, a target that is not a `Future`, or
 *   the same one twice.
 *
 * @example
 * const first = new Future<string>();
 * for (const host of ['a.example', 'b.example']) chainFuture(lookUp(host), first);
 * console.log(await first);
 */
export function chainFuture<T>(source: PromiseLike<T>, target: Future<T>): void {
  if (!isThenable(source)) throw loopChecks.wrong('chainFuture', 'a promise or a Future', source);
  if (!(target instanceof Future)) throw loopChecks.wrong('chainFuture', 'a Future as target', target);
  if ((source as unknown) === target) throw loopChecks.wrong('chainFuture', 'two different futures', source);
  if (source instanceof Future) {
    source.addDoneCallback(copyTo(target));
    return;
  }
  // Promise.resolve, so that a foreign `then` can call back only once, and never with another promise.
  Promise.resolve(source).then(
    (value) => target.setResult(value as T),
    (error: unknown) => target.setException(error),
  );
}

function copyTo<T>(target: Future<T>): (source: Future<T>) => void {
  return (source) => {
    if (source.isCancelled) target.cancel(source.exception());
    else if (source.hasFailed) target.setException(source.exception());
    else target.setResult(source.result());
  };
}
