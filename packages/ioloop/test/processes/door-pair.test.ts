import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Logger } from '../../src/logger.ts';
import {
  type DoorHandler,
  MAX_MESSAGE_BYTES,
  type MessageDoor,
} from '../../src/processes/doors/message-door.ts';
import {
  type ChildEnd,
  type DoorPairOptions,
  doorPair,
  type ParentEnd,
  VirtualClock,
} from '../../src/testing/index.ts';
import { DoorStory } from './fixtures/door-story.ts';

const KIB = 1024;
const usage = (message: RegExp) =>
  expect.objectContaining({
    name: 'ProcessUsageError',
    code: 'ERR_PROCESS_USAGE',
    message: expect.stringMatching(message),
  });

/** Both ends of a channel, of which nothing is left after the test. */
function pair(options: DoorPairOptions = {}) {
  const [parent, child] = doorPair(options);
  onTestFinished(() => {
    parent.kill();
    child.kill();
  });
  return { parent, child };
}

/** Both ends of one door. */
function openPair(options: DoorPairOptions & { maxQueuedBytes?: number } = {}) {
  const { maxQueuedBytes, ...ofPair } = options;
  const limit = maxQueuedBytes === undefined ? {} : { maxQueuedBytes };
  const { parent, child } = pair(ofPair);
  const [above, below] = [new DoorStory(), new DoorStory()];
  const accepted = new Promise<MessageDoor>((resolve) => {
    const accept = (door: MessageDoor) => {
      resolve(door);
      return above;
    };
    parent.serveDoor('a', accept, limit);
  });
  return { parent, child, above, below, accepted, door: child.openDoor('a', below, limit) };
}

function logOf(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const log = (_: object, message: string): void => void lines.push(message);
  return { logger: { debug: log, info: log, warn: log, error: log }, lines };
}

/** Sends until the door is full. @returns how many messages were queued. */
function fill(door: MessageDoor, bytes: number): number {
  let count = 0;
  while (door.send(Buffer.alloc(bytes, count))) count += 1;
  return count;
}

describe('a message door', () => {
  it('carries messages both ways, those too that are sent before it was accepted', async () => {
    const { door, accepted, above, below } = openPair({ taskId: 3 });
    for (const text of ['one', '', 'three']) expect(door.send(Buffer.from(text))).toBe(true);
    expect(await above.received(3)).toEqual(['one', '', 'three']);
    const other = await accepted;
    expect(other.send(Buffer.from('back'))).toBe(true);
    expect(await below.received(1)).toEqual(['back']);
    expect([door.name, door.taskId, other.name, other.taskId]).toEqual(['a', 3, 'a', 3]);
    await expect.poll(() => [door.queuedBytes, other.queuedBytes]).toEqual([0, 0]);
  });

  it('carries messages of any bytes and lengths', async () => {
    const { door, above } = openPair();
    const sent = [0, 1, 8 * KIB - 1, 8 * KIB, 64 * KIB, 3_000_000].map((length) =>
      Buffer.from(Array.from({ length: Math.min(length, 5_000) }, (_, at) => (at * 7 + length) % 256)),
    );
    for (const message of sent) expect(door.send(message)).toBe(true);
    await above.received(sent.length);
    expect(above.messages).toEqual(sent);
  });

  it('keeps apart the doors of several names', async () => {
    const { parent, child } = pair();
    const stories = ['a', 'b', 'ä'].map((name) => {
      const [above, below] = [new DoorStory(), new DoorStory()];
      parent.serveDoor(name, (door) => {
        door.send(Buffer.from(`to ${door.name}`));
        return above;
      });
      child.openDoor(name, below).send(Buffer.from(`of ${name}`));
      return { name, above, below };
    });
    for (const { name, above, below } of stories) {
      expect(await above.received(1)).toEqual([`of ${name}`]);
      expect(await below.received(1)).toEqual([`to ${name}`]);
    }
  });

  it('queues no more than it may, and loses nothing', async () => {
    const { child, parent, door, accepted, above, below } = openPair({ maxQueuedBytes: 100 * KIB });
    await accepted;
    parent.pause();
    let sent = fill(door, KIB);
    const before = door.queuedBytes;
    expect(before).toBeGreaterThan(100 * KIB);
    expect(before).toBeLessThan(102 * KIB);
    // What the system takes makes room, up to half of the queue.
    await below.until(({ drains }) => drains > 0);
    expect(door.queuedBytes).toBeLessThanOrEqual(50 * KIB);
    // Until it takes no more.
    for (let isStuck = false; !isStuck; ) {
      const { drains } = below;
      sent += fill(door, KIB);
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      isStuck = below.drains === drains;
    }
    expect(door.send(Buffer.alloc(1))).toBe(false);
    expect(door.send(Buffer.from('urgent'), true)).toBe(true);
    const { drains } = below;
    parent.resume();
    await above.received(sent + 1);
    expect(below.drains).toBe(drains + 1);
    expect(above.texts.at(-1)).toBe('urgent');
    expect(door.queuedBytes).toBe(0);
    child.kill();
    expect(await above.ended()).toBe('ended');
    expect(above.messages).toHaveLength(sent + 1);
  });

  it('calls `drained` once for each time that it was full, and not if it was not', async () => {
    const { door, below, above } = openPair({ maxQueuedBytes: 0 });
    expect(door.send(Buffer.from('1'))).toBe(true);
    expect([door.send(Buffer.from('2')), door.send(Buffer.from('2'))]).toEqual([false, false]);
    await below.until(({ drains }) => drains > 0);
    expect(door.send(Buffer.from('3'))).toBe(true);
    expect(await above.received(2)).toEqual(['1', '3']);
    await expect.poll(() => door.queuedBytes).toBe(0);
    expect(below.drains).toBe(1);
  });

  it('queues urgent messages up to 64 MiB more', () => {
    const { door } = openPair({ maxQueuedBytes: 0 });
    expect(door.send(Buffer.alloc(MAX_MESSAGE_BYTES), true)).toBe(true);
    expect(door.send(Buffer.alloc(1), true)).toBe(false);
  });

  it('sends what waits, and then closes the other end', async () => {
    const { door, above, below } = openPair();
    for (let count = 0; count < 100; count += 1) door.send(Buffer.from(String(count)));
    door.close();
    door.close();
    expect(door.send(Buffer.from('late'))).toBe(false);
    expect(await above.ended()).toBe('closed');
    expect(above.messages).toHaveLength(100);
    expect(below.ends).toEqual([]);
  });

  it('is notified of nothing after it was closed, although messages are on their way', async () => {
    const { door, accepted, above, below } = openPair();
    door.send(Buffer.from('1'));
    await above.received(1);
    const other = await accepted;
    for (let count = 0; count < 1_000; count += 1) {
      other.send(Buffer.alloc(KIB));
      door.send(Buffer.alloc(KIB));
    }
    other.close();
    expect(await below.ended()).toBe('closed');
    expect(below.messages).toHaveLength(1_000);
    expect(above.texts).toEqual(['1']);
    expect(above.ends).toEqual([]);
  });

  it('can be opened again under its name at once', async () => {
    const { parent, child } = pair();
    const stories: DoorStory[] = [];
    parent.serveDoor('a', () => {
      const story = new DoorStory();
      stories.push(story);
      return story;
    });
    const last = new DoorStory();
    for (let count = 0; count < 10; count += 1) {
      const door = child.openDoor('a', last);
      door.send(Buffer.from(String(count)));
      if (count < 9) door.close();
    }
    await expect.poll(() => stories.flatMap(({ texts }) => texts)).toEqual([...'0123456789']);
    expect(stories.map(({ ends }) => ends[0])).toEqual([...Array(9).fill('closed'), undefined]);
  });

  it('ends at both ends when a process ends, once', async () => {
    const { parent, above, below, door } = openPair();
    door.send(Buffer.from('1'));
    await above.received(1);
    parent.kill();
    expect(await below.ended()).toBe('ended');
    expect(door.send(Buffer.from('2'))).toBe(false);
    door.close();
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([below.ends, above.ends]).toEqual([['ended'], []]);
  });

  it('is closed soon if it is opened when the other process has ended', async () => {
    const { parent, child, above, door, below } = openPair();
    door.send(Buffer.from('1'));
    await above.received(1);
    parent.kill();
    await below.ended();
    const late = new DoorStory();
    const dead = child.openDoor('b', late);
    expect([dead.send(Buffer.from('1')), dead.queuedBytes, late.ends]).toEqual([true, 0, []]);
    expect(await late.ended()).toBe('ended');
    expect(dead.send(Buffer.from('2'))).toBe(false);
    const closed = new DoorStory();
    child.openDoor('b', closed).close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed.ends).toEqual([]);
  });

  it('receives the last messages of a process that has ended while this one was sending', async () => {
    const { child, accepted, above, door } = openPair();
    door.send(Buffer.from('first'));
    await above.received(1);
    const other = await accepted;
    // All in one phase of the loop, in which nothing is read.
    setImmediate(() => {
      door.send(Buffer.from('last'));
      setImmediate(() => child.kill());
      other.send(Buffer.alloc(KIB)); // the system refuses it
    });
    expect(await above.ended()).toBe('ended');
    expect(above.texts).toEqual(['first', 'last']);
  });

  it('closes and logs if its handler throws or rejects, and leaves the other doors alone', async () => {
    const { logger, lines } = logOf();
    const { parent, child } = pair({ logger });
    const notified: string[] = [];
    const fail = (kind: string): DoorHandler => ({
      message() {
        if (kind === 'throws') throw new Error('on purpose');
        return Promise.reject(new Error('on purpose')) as unknown as undefined;
      },
      drained() {},
      closed: (reason) => void notified.push(`${kind} ${reason}`),
    });
    const healthy = new DoorStory();
    for (const name of ['throws', 'rejects']) parent.serveDoor(name, () => fail(name));
    parent.serveDoor('healthy', () => healthy);
    for (const name of ['throws', 'rejects']) {
      const story = new DoorStory();
      child.openDoor(name, story).send(Buffer.from('1'));
      expect(await story.ended()).toBe('closed');
    }
    child.openDoor('healthy', new DoorStory()).send(Buffer.from('1'));
    expect(await healthy.received(1)).toEqual(['1']);
    expect(lines).toEqual(
      ['throws', 'rejects'].map(
        (name) => `the handler of the message door "${name}" threw; closing the door`,
      ),
    );
    expect(notified).toEqual(['throws closed', 'rejects closed']);
  });

  it('notifies its handler of nothing more if that throws after it has closed the door, or at the end', async () => {
    const { logger, lines } = logOf();
    const { parent, child } = pair({ logger });
    const notified: string[] = [];
    parent.serveDoor('closes', (door) => ({
      message() {
        door.close();
        throw new Error('on purpose');
      },
      drained() {},
      closed: () => void notified.push('closes'),
    }));
    parent.serveDoor('ends', () => ({
      message() {},
      drained() {},
      closed() {
        notified.push('ends');
        throw new Error('on purpose');
      },
    }));
    const story = new DoorStory();
    child.openDoor('closes', story).send(Buffer.from('1'));
    expect(await story.ended()).toBe('closed');
    const ending = child.openDoor('ends', new DoorStory());
    ending.send(Buffer.from('1'));
    ending.close();
    const last = new DoorStory();
    parent.serveDoor('last', (door) => ({ message: () => door.close(), drained() {}, closed() {} }));
    child.openDoor('last', last).send(Buffer.from('1'));
    await last.ended();
    expect(notified).toEqual(['ends']);
    expect(lines).toHaveLength(2);
  });

  it('calls its handlers outside the async context of the code that opened it or sent', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const { parent, child } = pair();
    const handler = (answered?: () => void): DoorHandler => ({
      message() {
        seen.push(storage.getStore());
        storage.enterWith('of a message'); // must not leak into the next one
        answered?.();
      },
      drained: () => void seen.push(storage.getStore()),
      closed() {},
    });
    const accepting = (door: MessageDoor): DoorHandler => {
      seen.push(storage.getStore());
      storage.enterWith('of the acceptor');
      door.send(Buffer.from('hello'));
      return handler();
    };
    await storage.run('of the test', async () => {
      parent.serveDoor('a', accepting);
      await new Promise<void>((resolve) => {
        const door = child.openDoor('a', handler(resolve), { maxQueuedBytes: 0 });
        door.send(Buffer.from('1'));
        door.send(Buffer.from('full'));
        door.send(Buffer.from('2'), true);
      });
    });
    await expect.poll(() => seen).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it('shows its name and state', async () => {
    const { door, parent, child } = openPair();
    expect(inspect(door)).toBe("ChannelDoor { name: 'a', taskId: 0, queuedBytes: 0, state: 'opening' }");
    expect([inspect(parent), inspect(child)]).toEqual([
      'PairedParent { taskId: 0 }',
      'PairedChild { taskId: 0 }',
    ]);
  });
});

describe('serveDoor', () => {
  it('accepts the children that wait for the name already, after it has returned', async () => {
    const { parent, child } = pair();
    const [early, above] = [new DoorStory(), new DoorStory()];
    child.openDoor('late', early).send(Buffer.from('1'));
    await roundTrip(parent, child);
    let isReturned = false;
    parent.serveDoor('late', () => {
      expect(isReturned).toBe(true);
      return above;
    });
    isReturned = true;
    expect(await above.received(1)).toEqual(['1']);
    expect(early.ends).toEqual([]);
  });

  it('refuses a name that is not served within 10 s', async () => {
    const clock = new VirtualClock();
    const { parent, child } = pair({ clock });
    const refused = new DoorStory();
    const door = child.openDoor('unknown', refused);
    door.send(Buffer.from('1'));
    await roundTrip(parent, child);
    await clock.advance(9_999);
    await roundTrip(parent, child);
    expect(refused.ends).toEqual([]);
    await clock.advance(1);
    expect(await refused.ended()).toBe('refused');
    expect(door.send(Buffer.from('2'))).toBe(false);
    expect(clock.pending).toBe(0);
    // It may be tried again.
    const again = new DoorStory();
    parent.serveDoor('unknown', () => again);
    child.openDoor('unknown', new DoorStory()).send(Buffer.from('3'));
    expect(await again.received(1)).toEqual(['3']);
  });

  it('forgets a child that waits when it closes the door, or ends', async () => {
    const clock = new VirtualClock();
    const { parent, child } = pair({ clock });
    child.openDoor('closes', new DoorStory()).close();
    const quiet = new DoorStory();
    child.openDoor('closes', quiet).send(Buffer.from('kept until it is accepted'));
    child.openDoor('ends', new DoorStory());
    await roundTrip(parent, child);
    expect(clock.pending).toBe(2);
    child.kill();
    await expect.poll(() => clock.pending).toBe(0);
    expect(quiet.ends).toEqual([]);
  });

  it('delivers what was sent to a door that was closed before it was accepted', async () => {
    const { parent, child } = pair();
    const door = child.openDoor('a', new DoorStory());
    door.send(Buffer.from('1'));
    door.close();
    await roundTrip(parent, child);
    const above = new DoorStory();
    parent.serveDoor('a', () => above);
    expect(await above.ended()).toBe('closed');
    expect(above.texts).toEqual(['1']);
  });

  it('can be ended, which keeps the doors that are open', async () => {
    const clock = new VirtualClock();
    const { parent, child } = pair({ clock });
    const above = new DoorStory();
    const service = parent.serveDoor('a', () => above);
    const door = child.openDoor('a', new DoorStory());
    door.send(Buffer.from('1'));
    await above.received(1);
    service.close();
    service.close();
    door.send(Buffer.from('2'));
    expect(await above.received(2)).toEqual(['1', '2']);
    door.close();
    const refused = new DoorStory();
    child.openDoor('a', refused);
    await roundTrip(parent, child);
    await clock.advance(10_000);
    expect(await refused.ended()).toBe('refused');
    const next = parent.serveDoor('a', () => new DoorStory());
    service.close(); // of the service before
    expect(() => parent.serveDoor('a', () => new DoorStory())).toThrow(usage(/served already/));
    next.close();
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('on purpose');
      },
    ],
    ['returns no handler', () => undefined],
    ['returns half a handler', () => ({ message() {} })],
    ['is asynchronous', async () => new DoorStory()],
  ])('closes the door and logs if the acceptor %s', async (_, accept) => {
    const { logger, lines } = logOf();
    const { parent, child } = pair({ logger });
    parent.serveDoor('a', accept as () => DoorHandler);
    const story = new DoorStory();
    child.openDoor('a', story);
    expect(await story.ended()).toBe('closed');
    expect(lines).toEqual(['accepting the message door "a" threw; closing the door']);
  });
});

describe('the arguments of message doors', () => {
  const handler = new DoorStory();
  const long = 'ä'.repeat(129);

  it.each<[string, unknown[], RegExp]>([
    ['no name', ['', handler], /1 to 256 bytes/],
    ['a long name', [long, handler], /1 to 256 bytes/],
    ['no text as name', [1, handler], /1 to 256 bytes/],
    ['no handler', ['a'], /a handler with the methods/],
    [
      'half a handler',
      ['a', { message() {}, closed() {} }],
      /but drained of an object of Object is undefined$/,
    ],
    ['an unknown option', ['a', handler, { maxBytes: 1 }], /unknown option "maxBytes"/],
    ['a negative limit', ['a', handler, { maxQueuedBytes: -1 }], /maxQueuedBytes of 0 to/],
    ['a limit that is no number', ['a', handler, { maxQueuedBytes: Number.NaN }], /maxQueuedBytes of 0 to/],
  ])('are refused by openDoor: %s', (_, args, message) => {
    const { child } = pair();
    expect(() => Reflect.apply(child.openDoor, child, args)).toThrow(usage(message));
  });

  it.each<[string, unknown[], RegExp]>([
    ['no name', ['', () => handler], /1 to 256 bytes/],
    ['no function', ['a', handler], /a function was expected/],
    ['an unknown option', ['a', () => handler, { queue: 1 }], /unknown option "queue"/],
  ])('are refused by serveDoor: %s', (_, args, message) => {
    const { parent } = pair();
    expect(() => Reflect.apply(parent.serveDoor, parent, args)).toThrow(usage(message));
  });

  it('are refused by send if they are no bytes, or too many', () => {
    const { door } = openPair();
    expect(() => door.send('text' as unknown as Uint8Array)).toThrow(usage(/Uint8Array was expected/));
    const large = new Uint8Array(MAX_MESSAGE_BYTES + 1);
    expect(() => door.send(large)).toThrow(usage(/at most 67108864 bytes was expected, not 67108865/));
    expect(door.queuedBytes).toBe(0);
  });

  it('are refused by openDoor if the name is open, or if 1,024 doors are', () => {
    const { child } = pair();
    const door = child.openDoor('0', handler);
    expect(() => child.openDoor('0', handler)).toThrow(usage(/"0" is open already/));
    for (let count = 1; count < 1_024; count += 1) child.openDoor(String(count), handler);
    expect(() => child.openDoor('one more', handler)).toThrow(usage(/1024 doors are open/));
    door.close();
    // Counts until the other end has been notified, or it could be opened and closed without a limit.
    expect(() => child.openDoor('0', handler)).toThrow(usage(/1024 doors are open/));
  });

  it('are refused by doorPair if an option is unknown', () => {
    expect(() => doorPair({ task: 1 } as object)).toThrow(usage(/unknown option "task"/));
  });
});

/** Waits until everything that the child has sent before has been handled by the parent. */
async function roundTrip(parent: ParentEnd, child: ChildEnd): Promise<void> {
  const name = `round trip ${Math.random()}`;
  const service = parent.serveDoor(name, (door) => {
    door.send(Buffer.alloc(0));
    return new DoorStory();
  });
  const story = new DoorStory();
  const door = child.openDoor(name, story);
  await story.received(1);
  door.close();
  service.close();
}
