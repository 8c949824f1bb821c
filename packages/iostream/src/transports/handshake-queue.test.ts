import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { HandshakeQueue, type QueuedHandshake } from './handshake-queue.ts';

/** A queue whose clock moves only while a handshake takes its turn, and whose loop iterations the test starts. */
function scene() {
  let time = 0;
  let asked: { ready(events: number): void }[] = [];
  const turns: string[] = [];
  const queue = new HandshakeQueue({ readyLater: (handler) => void asked.push(handler) }, () => time);
  return {
    queue,
    turns,
    /** A handshake that takes this long, and then does something. */
    handshake: (name: string, ms: number, then?: () => void): QueuedHandshake => ({
      takeTurn: () => {
        turns.push(name);
        time += ms;
        then?.();
      },
    }),
    /** Number of calls that the next iteration will make. */
    get asked() {
      return asked.length;
    },
    nextIteration(): void {
      const handlers = asked;
      asked = [];
      for (const handler of handlers) handler.ready(1);
    },
  };
}

describe('HandshakeQueue', () => {
  it('lets handshakes run at once until the time of the iteration is spent', () => {
    const { queue, turns, handshake } = scene();
    expect(queue.enter(handshake('a', 2))).toBe(true);
    expect(queue.enter(handshake('b', 4))).toBe(true);
    expect(queue.enter(handshake('c', 1))).toBe(false);
    expect(turns).toEqual(['a', 'b']);
    expect(queue.waitingCount).toBe(1);
  });

  it('gives those that wait their turns in order, in later iterations', () => {
    const { queue, turns, handshake, nextIteration } = scene();
    for (const name of ['a', 'b', 'c', 'd']) queue.enter(handshake(name, 3));
    expect(turns).toEqual(['a', 'b']);
    nextIteration();
    expect(turns).toEqual(['a', 'b', 'c', 'd']);
    expect(queue.waitingCount).toBe(0);
  });

  it('runs at least one in each iteration, however long it takes', () => {
    const { queue, turns, handshake, nextIteration } = scene();
    for (const name of ['a', 'b', 'c']) queue.enter(handshake(name, 100));
    expect(turns).toEqual(['a']);
    nextIteration();
    expect(turns).toEqual(['a', 'b']);
    nextIteration();
    expect(turns).toEqual(['a', 'b', 'c']);
  });

  it('lets no handshake overtake those that wait', () => {
    const { queue, turns, handshake, nextIteration } = scene();
    for (const name of ['a', 'b', 'c']) queue.enter(handshake(name, 5));
    nextIteration();
    expect(turns).toEqual(['a', 'b']);
    expect(queue.enter(handshake('d', 0))).toBe(false);
    nextIteration();
    nextIteration();
    expect(turns).toEqual(['a', 'b', 'c', 'd']);
  });

  it('gives each iteration its own time, even if nothing has waited', () => {
    const { queue, turns, handshake, nextIteration } = scene();
    queue.enter(handshake('a', 5));
    nextIteration();
    expect(queue.enter(handshake('b', 5))).toBe(true);
    expect(turns).toEqual(['a', 'b']);
  });

  it('asks for no more iterations when there is nothing to do', () => {
    const all = scene();
    all.queue.enter(all.handshake('a', 5));
    all.queue.enter(all.handshake('b', 5));
    expect(all.asked).toBe(1);
    for (let iteration = 0; iteration < 3; iteration += 1) all.nextIteration();
    expect(all.asked).toBe(0);
  });

  it('forgets a handshake that leaves, also during a turn', () => {
    const { queue, turns, handshake, nextIteration } = scene();
    const [c, d] = [handshake('c', 1), handshake('d', 1)];
    queue.enter(handshake('a', 5));
    queue.enter(handshake('b', 1, () => queue.leave(c)));
    queue.enter(c);
    queue.enter(d);
    queue.leave(d);
    nextIteration();
    expect(turns).toEqual(['a', 'b']);
    expect(queue.waitingCount).toBe(0);
  });

  it('gives a handshake that enters twice one turn', () => {
    const { queue, turns, handshake, nextIteration } = scene();
    const b = handshake('b', 1);
    queue.enter(handshake('a', 5));
    queue.enter(b);
    queue.enter(b);
    nextIteration();
    expect(turns).toEqual(['a', 'b']);
  });

  it('gives a handshake that defers another turn after those that wait', () => {
    const { queue, turns, handshake, nextIteration } = scene();
    let isDeferred = false;
    const b = handshake('b', 3, () => {
      if (!isDeferred) queue.defer(b);
      isDeferred = true;
    });
    queue.enter(handshake('a', 5));
    queue.enter(b);
    queue.enter(handshake('c', 3));
    nextIteration();
    nextIteration();
    expect(turns).toEqual(['a', 'b', 'c', 'b']);
  });

  it('keeps the async contexts of handshakes apart', () => {
    const { queue, handshake, nextIteration } = scene();
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const entering = (name: string) =>
      handshake(name, 1, () => {
        seen.push(storage.getStore());
        storage.enterWith(name);
      });
    queue.enter(handshake('first', 5));
    queue.enter(handshake('b', 1));
    for (const name of ['c', 'd', 'e']) queue.enter(entering(name));
    nextIteration();
    expect(seen).toEqual([undefined, undefined, undefined]);
  });
});
