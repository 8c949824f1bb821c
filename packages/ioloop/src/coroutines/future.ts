// Waits for promises, with timeouts, abort signals, and reports of errors that do not reach a caller. Does not use the
// loop, threads or processes.

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
 * A promise that is settled by calling its methods, and whose state can be read. For code that is ported from Tornado,
 * and to wait for something that calls back; `async` functions do not need it.
 *
 * It settles once. Wait for it with `await`, or pass {@link promise} to code that must not settle it. Like the
 * rejection of any promise, an exception becomes an unhandled rejection in Node if nothing waits for it or reads it
 * before the microtask queue is empty.
 *
 * @example
 * const opened = new Future<string>();
 * setTimeout(() => opened.setResult('open'), 10);
 * console.log(await opened);
 */
export class Future<T> implements PromiseLike<T> {
  /** A promise that settles as this future does. */
  readonly promise: Promise<T>;
  readonly #report: FailureReport;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  #state: State<T> = { kind: 'pending' };

  /**
   * @param report - how to report exceptions that are set after the future is done, and errors of callbacks.
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `report` is invalid.
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

  /** Whether the future has a result or an exception, or was cancelled. */
  get isDone(): boolean {
    return this.#state.kind !== 'pending';
  }

  get isCancelled(): boolean {
    return this.#state.kind === 'cancelled';
  }

  /** Whether the future has an exception. False if it was cancelled. */
  get hasFailed(): boolean {
    return this.#state.kind === 'exception';
  }

  /**
   * Sets the result, unless the future is done. @returns whether the result was set.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` for a promise, which has no value yet: see {@link chainFuture}.
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
   * Sets the exception, unless the future is done. If it is done, the exception is logged, unless it is quiet or only
   * reports a cancellation. @returns whether the exception was set.
   */
  setException(error: unknown): boolean {
    if (!this.isDone) return this.#failAs('exception', error);
    const reason = this.#state.kind === 'cancelled' ? this.#state.error : undefined;
    if (!isCancellation(error, reason)) {
      reportFailure(error, 'Future: an exception was set after the future was done', this.#report);
    }
    return false;
  }

  /**
   * Cancels the future, unless it is done: waiting callers get `reason` as an error. This does not stop the operation
   * that should settle the future. If no caller waits, there is no unhandled rejection. @returns whether the future was
   * cancelled.
   *
   * @param reason - default: a `DOMException` named `AbortError`.
   */
  cancel(reason: unknown = new DOMException('The future was cancelled', 'AbortError')): boolean {
    if (this.isDone) return false;
    this.#markHandled();
    return this.#failAs('cancelled', reason);
  }

  /**
   * Returns the result. Throws the exception, or the reason of the cancellation.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` if it is not done.
   */
  result(): T {
    const state = this.#doneState('result');
    if (state.kind === 'result') return state.value;
    throw state.error;
  }

  /**
   * Returns the exception, or the reason of the cancellation; `undefined` if the future has a result.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` if it is not done.
   */
  exception(): unknown {
    const state = this.#doneState('exception');
    return state.kind === 'result' ? undefined : state.error;
  }

  /**
   * Calls `callback(future)` when the future is done: immediately if it is done already, otherwise one microtask after
   * it settles, in the async context of this call. An error of the callback is logged. An exception of the future is
   * then not reported as unhandled: the callback must handle it.
   *
   * @throws LoopUsageError `ERR_LOOP_USAGE` if `callback` is not a function.
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

  // biome-ignore lint/suspicious/noThenProperty: a Future exists to be awaited.
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

  /** Prevents an unhandled rejection: the exception has reached the caller without the promise. */
  #markHandled(): void {
    this.promise.catch(() => {});
  }

  #call(callback: (future: this) => unknown): void {
    const report = (error: unknown): void => {
      if (!isCancellation(error)) reportFailure(error, 'Future: a done callback threw', this.#report);
    };
    callReporting(callback as (future: never) => unknown, [this], report);
  }
}

/**
 * Settles `target` as `source` settles, unless `target` is already done by then: in that case an exception is logged,
 * as by `Future.setException`. If `source` is a `Future` that is already done, its outcome is copied immediately; if it
 * is cancelled, `target` is cancelled too. The link has one direction: settling or cancelling `target` does not stop
 * `source`.
 *
 * @throws LoopUsageError `ERR_LOOP_USAGE` if `source` is not a promise, `target` is not a `Future`, or both are the
 *   same.
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
  // Promise.resolve ensures that another library's `then` calls back only once, and never with another promise.
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
