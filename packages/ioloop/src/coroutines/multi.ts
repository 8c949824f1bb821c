import { loopChecks } from '../checks.ts';
import { LoopUsageError } from '../loop-errors.ts';
import type { OptionNames } from '../option-names.ts';
import { shownValue } from '../shown-value.ts';
import { checkReportValues, type FailureReport, reportFailure } from './failure-report.ts';
import { withTimeout } from './with-timeout.ts';

export interface MultiOptions extends FailureReport {
  /** Ends the wait with the signal's reason. The items go on, and a failure of theirs is logged unless quiet. */
  readonly signal?: AbortSignal | undefined;
}

const MULTI_OPTIONS: OptionNames<MultiOptions> = { signal: true, quiet: true, logger: true };

/** Several things to wait for, by position or by name. What is not a promise counts as settled. */
export type WaitItems = readonly unknown[] | Readonly<Record<string, unknown>>;

/** The values of several items, in the shape of the items. */
export type MultiResult<Items extends WaitItems> = { -readonly [Key in keyof Items]: Awaited<Items[Key]> };

/**
 * Waits for several promises at once, and resolves with their values in the same shape and order.
 *
 * Settles only when all items have, so that nothing runs on unseen. When some fail, the first error in the
 * order of the items is thrown, and each other one is logged unless `quiet`. Unlike that, `Promise.all` throws
 * the earliest error at once.
 *
 * @param items - an array or a plain object. The same promise may come twice, and plain values count as
 *   settled, arrays and objects within too: only the outermost level is waited for.
 * @throws LoopUsageError `ERR_LOOP_USAGE` for anything else, such as a Map, and for wrong options. The reason of
 *   `signal` when it aborts first.
 *
 * @example
 * const { user, posts } = await multi({ user: findUser(id), posts: findPosts(id) });
 */
export async function multi<const Items extends WaitItems>(
  items: Items,
  options: MultiOptions = {},
): Promise<MultiResult<Items>> {
  const all = settleAll(items, options);
  try {
    loopChecks.options('multi', options, MULTI_OPTIONS);
    checkReportValues('multi', options);
  } catch (error) {
    all.catch(() => {}); // the items are ours, whatever is refused, and this says enough
    throw error;
  }
  const { signal, quiet, logger } = options;
  const waiting = signal === undefined ? all : withTimeout(all, { signal, quiet, logger });
  return (await waiting) as MultiResult<Items>;
}

async function settleAll(items: WaitItems, report: FailureReport): Promise<unknown> {
  const keyed = keyedItems(items, 'multi');
  const outcomes = await Promise.allSettled(keyed.map(([, item]) => item));
  throwFirst(outcomes, report);
  const values = outcomes.map((outcome) => (outcome as PromiseFulfilledResult<unknown>).value);
  if (isList(items)) return values;
  // Object.fromEntries defines properties, so that a key named __proto__ stays a key.
  return Object.fromEntries(keyed.map(([key], index) => [key, values[index]]));
}

/** Throws the first error and logs the others, each once, however many items failed with it. */
function throwFirst(outcomes: readonly PromiseSettledResult<unknown>[], report: FailureReport): void {
  const errors = new Set<unknown>();
  for (const outcome of outcomes) if (outcome.status === 'rejected') errors.add(outcome.reason);
  if (errors.size === 0) return;
  const [first, ...others] = errors;
  for (const error of others) reportFailure(error, 'multi: another of the items failed too', report);
  throw first;
}

/** The items with their keys: positions as numbers, names in the order of the object. */
export function keyedItems(items: WaitItems, operation: string): [key: number | string, item: unknown][] {
  if (isList(items)) return Array.from(items, (item, index) => [index, item]);
  if (isRecord(items)) return Object.entries(items);
  throw new LoopUsageError(
    'ERR_LOOP_USAGE',
    `${operation}: an array or a plain object was expected, not ${shownValue(items)}`,
  );
}

/** `Array.isArray` that keeps the type of a readonly array. */
export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** Whether `value` is a plain object: a Map or a promise has no items under its own keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of another realm's plain objects is the one that ends the chain there.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
