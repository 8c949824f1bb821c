import type { Transferable } from './executor.ts';

/** Known in every copy of this file: the thread of a task may have loaded another one. */
const TRANSFER_LIST: unique symbol = Symbol.for('landspout.executor.transferList') as never;

interface Handover {
  readonly value: unknown;
  readonly [TRANSFER_LIST]: readonly Transferable[];
}

/**
 * Has the result of a task handed over to the caller's thread instead of copied: `return transfer(bytes,
 * [bytes.buffer])`. The task must not use what is on the list any more.
 *
 * @param value - the result, which contains what is on the list.
 */
export function transfer<T>(value: T, transferList: readonly Transferable[]): T {
  const handover: Handover = { value, [TRANSFER_LIST]: transferList };
  return handover as T;
}

/** What a task returned, and what of it is handed over. */
export function unwrapTransfer(result: unknown): { value: unknown; transferList: readonly Transferable[] } {
  if (typeof result !== 'object' || result === null || !(TRANSFER_LIST in result)) {
    return { value: result, transferList: [] };
  }
  const handover = result as Handover;
  return { value: handover.value, transferList: handover[TRANSFER_LIST] };
}
