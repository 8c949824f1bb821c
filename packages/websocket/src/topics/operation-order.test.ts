import { describe, expect, it } from 'vitest';
import { OperationOrder } from './operation-order.ts';

function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Long enough for all promises that are resolved. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('OperationOrder', () => {
  it('begins at once what nothing precedes, and keeps nothing of it', () => {
    const calls: string[] = [];
    const order = new OperationOrder(() => calls.push('empty'));
    order.run('a', 0, () => void calls.push('a'));
    expect(calls).toEqual(['a']);
    expect(order.isEmpty).toBe(true);
  });

  it('begins operations of a key in order, and those of other keys at once', async () => {
    const calls: string[] = [];
    const [first, second] = [gate(), gate()];
    const order = new OperationOrder(() => calls.push('empty'));
    const begin = (name: string, until?: Promise<void>) => () => {
      calls.push(name);
      return until;
    };
    order.run('a', 0, begin('a1', first.opened));
    order.run('a', 0, begin('a2', second.opened));
    order.run('a', 0, begin('a3'));
    order.run('b', 0, begin('b1'));
    await settled();
    expect(calls).toEqual(['a1', 'b1']);
    first.open();
    await settled();
    expect(calls).toEqual(['a1', 'b1', 'a2']);
    second.open();
    await settled();
    expect(calls).toEqual(['a1', 'b1', 'a2', 'a3', 'empty']);
    order.run('a', 0, begin('a4'));
    expect(calls.at(-1)).toBe('a4');
  });

  it('resolves when fewer are pending', async () => {
    const [first, second] = [gate(), gate()];
    const order = new OperationOrder(() => {});
    order.track(first.opened);
    expect(order.whenBelow(2, 10)).toBeUndefined();
    order.run('a', 0, () => second.opened);
    let isBelow = false;
    void order.whenBelow(2, 10)?.then(() => {
      isBelow = true;
    });
    await settled();
    expect(isBelow).toBe(false);
    first.open();
    await settled();
    expect(isBelow).toBe(true);
    expect(order.isEmpty).toBe(false);
  });

  it('waits for large operations until less than a length is pending', async () => {
    const order = new OperationOrder(() => {});
    const first = gate();
    const second = gate();
    order.run('a', 6, () => first.opened);
    expect(order.whenBelow(10, 10)).toBeUndefined();
    order.run('b', 6, () => second.opened);
    let isBelow = false;
    void order.whenBelow(10, 10)?.then(() => {
      isBelow = true;
    });
    await settled();
    expect(isBelow).toBe(false);
    second.open();
    await settled();
    expect(isBelow).toBe(true);
  });
});
