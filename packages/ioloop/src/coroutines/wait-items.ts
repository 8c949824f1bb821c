import { LoopUsageError } from '../loop-errors.ts';
import { shownValue } from '../shown-value.ts';

/** Several things to wait for, by position or by name. What is not a promise counts as settled. */
export type WaitItems = readonly unknown[] | Readonly<Record<string, unknown>>;

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
