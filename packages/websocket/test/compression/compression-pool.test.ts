import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { contextBytesOf } from '../../src/compression/message-compression.ts';
import { CompressionPool } from '../../src/index.ts';
import { CODERS, endOf, ForeignEnd, jsonText, rejection } from '../fixtures/compressed-ends.ts';

const KIB = 1024;
const MOST = 10_000_000;
const closed = { name: 'WebSocketCompressionError', code: 'ERR_WEBSOCKET_COMPRESSION_CLOSED' };
const busy = { name: 'WebSocketCompressionError', code: 'ERR_WEBSOCKET_COMPRESSION_BUSY' };

/** A promise for the next loop iteration. */
const nextIteration = () => new Promise((resolve) => setImmediate(resolve));

/** Waits, loop iteration by loop iteration, until all jobs have left the thread pool. */
async function idle(pool: CompressionPool): Promise<void> {
  while (pool.running + pool.waiting > 0) await nextIteration();
}

describe.each(CODERS)('CompressionPool over %s', (_, coders) => {
  it('runs at most `concurrency` large messages at a time, first come, first served [WS-17]', async () => {
    const { pool } = endOf(coders, { poolOptions: { concurrency: 2 } });
    const message = Buffer.from(jsonText(200_000));
    let done = 0;
    const jobs = Array.from({ length: 8 }, async (_unused, index) => {
      const { compression } = endOf(coders, { pool, takeover: index % 2 === 1 });
      if (index < 4) await compression.deflate(message);
      else await compression.inflate(new ForeignEnd(false).deflate(message), MOST);
      done += 1;
    });
    expect([pool.running, pool.waiting]).toEqual([2, 6]);
    let mostRunning = 0;
    while (pool.running > 0) {
      mostRunning = Math.max(mostRunning, pool.running);
      await nextIteration();
    }
    await Promise.all(jobs);
    expect(mostRunning).toBe(2);
    expect([pool.waiting, done]).toEqual([0, 8]);
  });

  it('gives a message a length that does not depend on any byte of the message before [WS-17]', async () => {
    const { compression, pool } = endOf(coders);
    const { compression: other } = endOf(coders, { pool });
    // Ends with three bytes that occurred before: with the byte after them, zlib looks for the match.
    const message = Buffer.from('q7abcXzz9hello0123456789_mnopqrstuvwabc');
    const lengths = new Set<number>();
    for (let byte = 0; byte < 256; byte += 1) {
      await other.deflate(Buffer.alloc(600, '.').fill(byte, message.length, message.length + 1));
      lengths.add((await compression.deflate(message)).length);
    }
    expect(lengths.size).toBe(1);
  });

  it('serves connections strictly in turn if one message runs at a time [WS-17]', async () => {
    const { pool } = endOf(coders, { poolOptions: { concurrency: 1 } });
    const order: string[] = [];
    const send = async (name: string, length: number) => {
      const { compression } = endOf(coders, { pool });
      for (let round = 0; round < 3; round += 1) {
        await compression.deflate(Buffer.alloc(length, name));
        order.push(name);
      }
    };
    await Promise.all([send('a', 1_000_000), send('b', 17_000), send('c', 300_000)]);
    expect(order.join('')).toBe('abcabcabc');
  });

  it('processes small messages at once while large ones wait [WS-17]', async () => {
    const { compression, pool } = endOf(coders, { poolOptions: { concurrency: 1 } });
    const { compression: other } = endOf(coders, { pool });
    const jobs = [other.deflate(Buffer.alloc(500_000)), pool.deflate(Buffer.alloc(400_000), 15, 6, 8)];
    const payload = compression.deflate('Hello') as Buffer;
    expect(compression.inflateText(payload, 100)).toBe('Hello');
    expect(pool.running).toBe(1);
    await Promise.all(jobs);
  });

  it('refuses a message if more than `maxWaitingBytes` would wait, and changes nothing [WS-17]', async () => {
    const poolOptions = { concurrency: 1, maxWaitingBytes: 100 * KIB };
    const { compression, pool } = endOf(coders, { poolOptions, takeover: true });
    const large = Buffer.alloc(60 * KIB, 'a');
    const jobs = [pool.deflate(large, 15, 6, 8), pool.deflate(large, 15, 6, 8)];
    expect([pool.waiting, pool.waitingBytes]).toEqual([1, 60 * KIB]);
    expect(() => compression.deflate(large)).toThrow(expect.objectContaining(busy));
    expect(() => pool.deflate(large, 15, 6, 8)).toThrow(expect.objectContaining(busy));
    const foreign = new ForeignEnd(true);
    expect(foreign.inflate(compression.deflate('Hello') as Buffer).toString()).toBe('Hello');
    await Promise.all(jobs);
    await idle(pool);
    expect(foreign.inflate(await compression.deflate(large)).equals(large)).toBe(true);
    expect(pool.waitingBytes).toBe(0);
  });

  it('accepts a message of any size if nothing waits [WS-17]', async () => {
    const { pool } = endOf(coders, { poolOptions: { concurrency: 1, maxWaitingBytes: 0 } });
    const large = Buffer.alloc(60 * KIB, 'a');
    await Promise.all([pool.deflate(large, 15, 6, 8), pool.deflate(large, 15, 6, 8)]);
  });

  it('reserves memory for contexts up to its limit, and takes it back when they are closed [WS-17]', async () => {
    const each = contextBytesOf(
      { sendWindowBits: 15, sendTakeover: true, receiveWindowBits: 15, receiveTakeover: true },
      8,
    );
    expect(each).toBe((256 + 32 + 7) * KIB);
    const { compression, pool } = endOf(coders, {
      takeover: true,
      poolOptions: { maxContextBytes: 2 * each },
    });
    expect([pool.contextBytes, compression.contextBytes]).toEqual([each, each]);
    expect(pool.reserveContext(each)).toBe(true);
    expect(pool.reserveContext(1)).toBe(false);
    expect(pool.contextBytes).toBe(2 * each);
    pool.release(each);
    compression.close();
    compression.close();
    expect([pool.contextBytes, compression.contextBytes]).toEqual([0, 0]);
    expect(() => pool.release(1)).toThrow(expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION' }));
    const { compression: without } = endOf(coders, { pool });
    expect(without.contextBytes).toBe(0);
    without.close();
    expect(pool.contextBytes).toBe(0);
  });

  it.each([
    [9, 1, 512 * 4 + 1024],
    [12, 5, 16 * KIB + 16 * KIB],
    [15, 9, 128 * KIB + 256 * KIB],
  ])(
    'counts a window of %i bits with a memory level of %i as %i bytes',
    (sendWindowBits, memLevel, bytes) => {
      const deflate = {
        sendWindowBits,
        sendTakeover: true,
        receiveWindowBits: 15,
        receiveTakeover: false,
      };
      expect(contextBytesOf(deflate, memLevel)).toBe(bytes);
    },
  );

  describe.each([false, true])('with takeover %s, MessageCompression.close', (takeover) => {
    it('rejects messages that are processed or wait, and gives back their place and memory [ATT-73]', async () => {
      const { compression: first, pool } = endOf(coders, { takeover, poolOptions: { concurrency: 1 } });
      const { compression: second } = endOf(coders, { takeover, pool });
      const { compression: third } = endOf(coders, { takeover, pool });
      const message = Buffer.from(jsonText(2_000_000));
      const payload = new ForeignEnd(false).deflate(message);
      const running = rejection(() => first.deflate(message));
      const waiting = [
        rejection(() => first.inflate(payload, MOST)),
        rejection(() => second.deflate(message)),
      ];
      const waitingText = rejection(() => second.inflateText(payload, MOST));
      const last = third.inflate(payload, MOST);
      expect([pool.running, pool.waiting]).toEqual([1, 4]);
      first.close();
      second.close();
      expect([pool.waiting, pool.waitingBytes]).toEqual([1, payload.length]);
      expect(await running).toMatchObject(closed);
      for (const outcome of [...waiting, waitingText]) expect(await outcome).toMatchObject(closed);
      expect(message.equals(await last)).toBe(true);
      third.close();
      await idle(pool);
      expect([pool.running, pool.contextBytes]).toEqual([0, 0]);
    });

    it('rejects a message that is being decompressed [ATT-73]', async () => {
      const { compression, pool } = endOf(coders, { takeover });
      const payload = new ForeignEnd(false).deflate(Buffer.from(jsonText(2_000_000)));
      const outcome = rejection(() => compression.inflate(payload, MOST));
      await nextIteration();
      compression.close();
      expect(await outcome).toMatchObject(closed);
      await idle(pool);
    });

    it('rejects the rest of a message that was begun at once [ATT-73]', async () => {
      const { compression, pool } = endOf(coders, { takeover, poolOptions: { concurrency: 1 } });
      const other = pool.deflate(Buffer.alloc(1_000_000), 15, 6, 8);
      const payload = new ForeignEnd(false).deflate(Buffer.alloc(1_000_000, 'ab'));
      expect(payload.length).toBeLessThan(16 * KIB);
      const outcome = rejection(() => compression.inflate(payload, MOST));
      expect(pool.waiting).toBe(1);
      compression.close();
      expect(await outcome).toMatchObject(closed);
      await other;
      await idle(pool);
    });

    it('makes all later calls fail [ATT-73]', async () => {
      const { compression } = endOf(coders, { takeover });
      compression.deflate('Hello');
      compression.close();
      expect(compression.isClosed).toBe(true);
      expect(await rejection(() => compression.deflate('Hello'))).toMatchObject(closed);
      expect(await rejection(() => compression.inflate(Buffer.alloc(1), 100))).toMatchObject(closed);
      expect(await rejection(() => compression.inflateText(Buffer.alloc(50_000), 100))).toMatchObject(closed);
    });
  });

  it('forgets ten thousand waiting messages of closed connections in linear time [ATT-73]', async () => {
    const { pool } = endOf(coders, { poolOptions: { concurrency: 1, maxWaitingBytes: Infinity } });
    const message = Buffer.alloc(20_000);
    const ends = Array.from({ length: 10_000 }, () => endOf(coders, { pool }).compression);
    const outcomes = ends.map((compression) => rejection(() => compression.deflate(message)));
    const last = pool.deflate(message, 15, 6, 8);
    expect(pool.waiting).toBe(10_000);
    for (const compression of ends) compression.close();
    expect([pool.waiting, pool.waitingBytes]).toEqual([1, 20_000]);
    for (const outcome of outcomes) expect(await outcome).toMatchObject(closed);
    expect(Buffer.isBuffer(await last)).toBe(true);
    await idle(pool);
  });

  it('holds no zlib state for connections without takeover [WS-17]', () => {
    const { pool } = endOf(coders);
    pool.deflate('warm', 15, 6, 8);
    const before = process.memoryUsage().rss;
    const ends = Array.from({ length: 1000 }, () => endOf(coders, { pool }).compression);
    for (const compression of ends) compression.inflate(compression.deflate('Hello') as Buffer, 100);
    // With a state for each it would be about 200 MB.
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    for (const compression of ends) compression.close();
  });

  it('continues in the async context of its caller', async () => {
    const { compression } = endOf(coders, { takeover: true });
    const storage = new AsyncLocalStorage<string>();
    compression.deflate('warm');
    const seen = await storage.run('of the caller', async () => {
      await compression.deflate(Buffer.alloc(100_000));
      return storage.getStore();
    });
    expect(seen).toBe('of the caller');
  });
});

describe('CompressionPool', () => {
  it('is one for each thread unless another is made', () => {
    expect(CompressionPool.shared).toBe(CompressionPool.shared);
    expect(new CompressionPool()).not.toBe(CompressionPool.shared);
  });

  it.each([
    [{ concurrency: 0 }],
    [{ concurrency: 1.5 }],
    [{ maxWaitingBytes: -1 }],
    [{ maxContextBytes: Number.NaN }],
    [{ threads: 4 }],
    [null],
  ])('refuses the options %j', (options) => {
    expect(() => new CompressionPool(options as object)).toThrow(
      expect.objectContaining({ code: 'ERR_WEBSOCKET_BAD_OPTION' }),
    );
  });

  it('is shown with what it uses', () => {
    expect(inspect(new CompressionPool(), { breakLength: Infinity })).toBe(
      'CompressionPool { contextBytes: 0, running: 0, waiting: 0, waitingBytes: 0 }',
    );
  });
});
