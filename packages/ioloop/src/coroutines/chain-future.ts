import { usage } from '../checks.ts';
import { isThenable } from '../thenable.ts';
import { Future } from './future.ts';

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
  if (!isThenable(source)) throw usage('chainFuture', 'a promise or a Future', source);
  if (!(target instanceof Future)) throw usage('chainFuture', 'a Future as target', target);
  if ((source as unknown) === target) throw usage('chainFuture', 'two different futures', source);
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
