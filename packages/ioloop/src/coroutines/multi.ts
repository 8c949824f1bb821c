import { loopChecks } from '../checks.ts';
import { LoopUsageError } from '../loop-errors.ts';
import type { OptionNames } from '../option-names.ts';
import { shownValue } from '../shown-value.ts';
import { checkReportValues, type FailureReport, reportFailure } from './failure-report.ts';
import { withTimeout } from './with-timeout.ts';

export interface MultiOptions extends FailureReport {
  /** Ends the wait with the signal's reason. The items continue, and their later failures are logged unless quiet. */
  readonly signal?: AbortSignal | undefined;
}

const MULTI_OPTIONS: OptionNames<MultiOptions> = { signal: true, quiet: true, logger: true };

/** Several items to wait for, by position or by name. An item that is not a promise is used as its own value. */
export type WaitItems = readonly unknown[] | Readonly<Record<string, unknown>>;

/** The values of several items, in the shape of the items. */
export type MultiResult<Items extends WaitItems> = { -readonly [Key in keyof Items]: Awaited<Items[Key]> };

/**
 * Waits for several promises at once, and resolves with their values in the same shape and order.
 *
 * Settles only after all items have settled, so that no work continues unnoticed. If some fail, it rejects with the
 * first error in the order of the items, and logs the others unless `quiet`. `Promise.all`, in contrast, rejects with
 * the earliest error immediately.
 *
 * @param items - an array or a plain object. The same promise may occur twice. Only the outermost level is waited for:
 *   an item that is not a promise, such as a nested array or object, is used as its own value.
 * @throws LoopUsageError `ERR_LOOP_USAGE` if `items` is anything else, such as a Map, or an option is invalid. Throws
 *   the reason of `signal` if that aborts first.
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
    all.catch(() => {}); // prevents unhandled rejections of the items; the caller gets the usage error
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
  // Object.fromEntries defines properties, so a key named __proto__ remains an ordinary key.
  return Object.fromEntries(keyed.map(([key], index) => [key, values[index]]));
}

/** Throws the first error and logs the others. If several items failed with the same error, it is logged once. */
function throwFirst(outcomes: readonly PromiseSettledResult<unknown>[], report: FailureReport): void {
  const errors = new Set<unknown>();
  for (const outcome of outcomes) if (outcome.status === 'rejected') errors.add(outcome.reason);
  if (errors.size === 0) return;
  const [first, ...others] = errors;
  for (const error of others) reportFailure(error, 'multi: another item failed too', report);
  throw first;
}

/** Returns the items with their keys: positions as numbers, names in the order of the object. */
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

/** Whether `value` is a plain object. A Map or a promise is not one: its own keys contain no items. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of a plain object from another realm is a different object, but it is also the last of its chain.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
