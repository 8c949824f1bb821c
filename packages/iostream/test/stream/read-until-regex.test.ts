import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import { IOStream } from '../../src/index.ts';
import { memoryPair, type Transport, type TransportEvents } from '../../src/transports/index.ts';
import { text } from '../support/stream-pair.ts';

const KIB = 1024;

/** A transport whose arrivals are the test's calls, and a stream on it whose time is the test's. */
function handFed(): {
  stream: IOStream;
  clock: VirtualClock;
  feed(bytes: Buffer): void;
  /** Feeds single bytes, until one is not searched for at once. */
  feedUntilLate(): void;
  end(): void;
} {
  const [transport] = memoryPair();
  let events!: TransportEvents;
  const fed: Transport = Object.assign(Object.create(transport) as Transport, {
    attach: (to: TransportEvents) => {
      events = to;
    },
    resume() {},
    pause() {},
    close() {},
  });
  const clock = new VirtualClock();
  const stream = new IOStream(fed, { clock });
  const feed = (bytes: Buffer): void => events.received(bytes, 0, bytes.length);
  const feedUntilLate = (): void => {
    for (let i = 0; clock.pending === 0 && i < 100; i += 1) feed(Buffer.from('x'));
    expect(clock.pending).toBe(1);
  };
  return { stream, clock, feed, feedUntilLate, end: () => events.ended(false) };
}

/** Counts the bytes that a pattern is shown. */
async function searchedBytes(total: number, segment: number, options = {}): Promise<number> {
  const { stream, feed } = handFed();
  let searched = 0;
  const { test } = RegExp.prototype;
  RegExp.prototype.test = function (shown: string): boolean {
    if (this.source === 'never') searched += shown.length;
    return test.call(this, shown);
  };
  try {
    const read = stream.readUntilRegex(/never/, options);
    const bytes = Buffer.alloc(segment, 'x');
    for (let sent = 0; sent < total; sent += segment) feed(bytes);
    stream.close();
    await expect(read).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
  } finally {
    RegExp.prototype.test = test;
  }
  return searched;
}

describe('the cost of readUntilRegex', () => {
  it.each([1, 100, 64 * KIB])(
    'is linear in what comes, in segments of %d bytes [STR-06]',
    async (segment) => {
      // Each byte that came pays for eight; the rest is what is searched for nothing, within the first 4 KiB.
      const total = 1024 * KIB;
      expect(await searchedBytes(total, segment)).toBeLessThanOrEqual(8 * total + (4 * KIB) ** 2);
    },
  );

  it('is that of a short look back where the length of a match is known [STR-06]', async () => {
    const total = 256 * KIB;
    expect(await searchedBytes(total, KIB, { maxMatchBytes: 16 })).toBeLessThan(total * 1.1);
  });

  it('delays an answer behind many bytes a little, when no more come', async () => {
    const { stream, clock, feed, feedUntilLate } = handFed();
    const read = stream.readUntilRegex(/;/);
    feed(Buffer.alloc(1024 * KIB));
    feedUntilLate();
    feed(Buffer.from(';'));
    let isAnswered = false;
    void read.then(() => {
      isAnswered = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isAnswered).toBe(false);
    await clock.advance(20);
    expect((await read).at(-1)).toBe(0x3b);
    expect(clock.pending).toBe(0);
  });

  it.each(['the peer ends', 'the limit is reached'])('delays no answer when %s', async (when) => {
    const { stream, feed, feedUntilLate, end } = handFed();
    const read = stream.readUntilRegex(/;/, { maxBytes: 1024 * KIB + 100 });
    feed(Buffer.alloc(1024 * KIB));
    feedUntilLate();
    feed(Buffer.from(';'));
    if (when === 'the peer ends') end();
    else feed(Buffer.alloc(100));
    expect((await read).at(-1)).toBe(0x3b);
  });

  it('forgets the delay when enough has come to pay for a search', async () => {
    const { stream, clock, feed, feedUntilLate } = handFed();
    const read = stream.readUntilRegex(/;/);
    feed(Buffer.alloc(1024 * KIB));
    feedUntilLate();
    feed(Buffer.alloc(512 * KIB));
    expect(clock.pending).toBe(0);
    feed(Buffer.from(';'));
    expect((await read).at(-1)).toBe(0x3b);
  });

  it('leaves no timer behind, however the read ends', async () => {
    const { stream, clock, feed, feedUntilLate } = handFed();
    const controller = new AbortController();
    const aborted = stream.readUntilRegex(/;/, { signal: controller.signal }).catch(() => {});
    feed(Buffer.alloc(1024 * KIB));
    feedUntilLate();
    controller.abort();
    await aborted;
    expect(clock.pending).toBe(0);
    const read = stream.readUntilRegex(/;/).catch(() => {});
    feedUntilLate();
    stream.close();
    await read;
    expect(clock.pending).toBe(0);
  });

  it('fails the read, and nothing else, when the pattern itself cannot be run', async () => {
    const { stream, feed } = handFed();
    const failing = /x/;
    const { test } = RegExp.prototype;
    RegExp.prototype.test = function (shown: string): boolean {
      if (this.source === 'x' && shown === 'boom') throw new RangeError('too deep');
      return test.call(this, shown);
    };
    try {
      const read = stream.readUntilRegex(failing);
      feed(Buffer.from('boom'));
      await expect(read).rejects.toThrow('too deep');
    } finally {
      RegExp.prototype.test = test;
    }
    expect(text(await stream.readBytes(4))).toBe('boom');
  });
});
