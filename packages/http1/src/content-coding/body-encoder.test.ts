import { AsyncLocalStorage } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CollectingSink, decoded, decodedSoFar, opened, sampleText } from '../../test/fixtures/decoding.ts';
import { poolOver } from './encoder-pool.ts';
import { AVAILABLE_CODINGS, type ContentCoding, EncoderPool } from './index.ts';
import { createSliceEncoder } from './slice-encoder.ts';
import { zlibEngines } from './zlib-engine.ts';

const IMPLEMENTATIONS = [
  { name: 'engines', engines: zlibEngines() },
  { name: 'public streams', engines: undefined },
];

const CASES = IMPLEMENTATIONS.flatMap(({ name, engines }) =>
  AVAILABLE_CODINGS.map((coding) => ({ name: `${coding} over ${name}`, coding, engines })),
);

function expectNothingLeft(pool: EncoderPool): void {
  const { running, waiting, streams, waitingBytes } = pool;
  expect({ running, waiting, streams, waitingBytes }).toEqual({
    running: 0,
    waiting: 0,
    streams: 0,
    waitingBytes: 0,
  });
}

describe.each(CASES)('BodyEncoder: $name', ({ coding, engines }) => {
  const newPool = (options = {}) => poolOver(engines, options);

  it.each([1, 2, 3, 7, 64, 1_000, 4_096, 16_384, 65_536, 100_000])(
    'encodes a body that is written %d bytes at a time [OUT-10]',
    async (chunkBytes) => {
      const pool = newPool();
      const text = sampleText(Math.min(chunkBytes * 500, 250_000));
      const sink = new CollectingSink();
      const encoder = opened(pool.tryOpen(coding, sink));
      for (let at = 0; at < text.length; at += chunkBytes) encoder.write(text.slice(at, at + chunkBytes));
      encoder.end();
      await sink.done;
      expect(decoded(coding, sink.bytes).toString()).toBe(text);
      expect(encoder.isClosed).toBe(true);
      expectNothingLeft(pool);
    },
  );

  it.each([1, 5, 100, 3_000, 20_000])(
    'makes all that was written decodable at each flush, with %d bytes at a time [OUT-10]',
    async (chunkBytes) => {
      const pool = newPool();
      const text = sampleText(chunkBytes * 12);
      const sink = new CollectingSink();
      const encoder = opened(pool.tryOpen(coding, sink));
      for (let end = chunkBytes; end <= text.length; end += chunkBytes) {
        encoder.write(text.slice(end - chunkBytes, end));
        encoder.flush();
        expect((await sink.until(coding, end)).toString()).toBe(text.slice(0, end));
      }
      encoder.end();
      await sink.done;
      expect(decoded(coding, sink.bytes).toString()).toBe(text);
      expectNothingLeft(pool);
    },
  );

  it('flushes what was written before the flush although more is written at once', async () => {
    const pool = newPool({ maxSyncBytes: 0 });
    const text = sampleText(200_000);
    const sink = new CollectingSink();
    const encoder = opened(pool.tryOpen(coding, sink));
    encoder.write(text.slice(0, 150_000));
    encoder.flush();
    encoder.write(text.slice(150_000, 150_010));
    // The slice that is flushed may contain what was written after the flush.
    expect(text.startsWith((await sink.until(coding, 150_000)).toString())).toBe(true);
    encoder.write(text.slice(150_010));
    encoder.end();
    await sink.done;
    expect(decoded(coding, sink.bytes).toString()).toBe(text);
  });

  it('a flush without anything new adds nothing', async () => {
    const sink = new CollectingSink();
    const encoder = opened(newPool().tryOpen(coding, sink));
    encoder.flush();
    encoder.write('');
    encoder.flush();
    encoder.write('text');
    encoder.flush();
    await sink.until(coding, 4);
    const { length } = sink.bytes;
    for (let again = 0; again < 10; again += 1) encoder.flush();
    encoder.end();
    await sink.done;
    expect(sink.bytes.length - length).toBeLessThan(24);
    expect(decoded(coding, sink.bytes).toString()).toBe('text');
  });

  it('an empty body is a valid encoded body', async () => {
    const pool = newPool();
    const sink = new CollectingSink();
    opened(pool.tryOpen(coding, sink)).end();
    await sink.done;
    expect(decoded(coding, sink.bytes).length).toBe(0);
    expectNothingLeft(pool);
  });

  it('encodes data that cannot be made smaller', async () => {
    const bytes = randomBytes(300_000);
    const sink = new CollectingSink();
    const encoder = opened(newPool().tryOpen(coding, sink));
    encoder.write(bytes);
    encoder.end();
    await sink.done;
    expect(decoded(coding, sink.bytes).equals(bytes)).toBe(true);
  });

  it.each([16, 17, 20, 33, 64, 1_000])(
    'is complete once, whatever fits into one piece of output (%d bytes)',
    async (pieceBytes) => {
      for (let length = 0; length < 60; length += 1) {
        const text = sampleText(length, length + 1);
        const slices = createSliceEncoder(engines, coding, 3, pieceBytes);
        const bytes = Buffer.from(text);
        const middle = length >> 1;
        const parts = [
          ...(await slices.encodeLater(bytes.subarray(0, middle), 'flush')),
          ...(slices.encodeNow?.(bytes.subarray(middle, middle + 1), 'flush') ??
            (await slices.encodeLater(bytes.subarray(middle, middle + 1), 'flush'))),
          ...(await slices.encodeLater(bytes.subarray(middle + 1), 'finish')),
        ];
        slices.close();
        expect(decoded(coding, Buffer.concat(parts)).toString()).toBe(text);
      }
    },
  );

  it('keeps bodies apart that are encoded at the same time', async () => {
    const pool = newPool({ maxStreams: 100 });
    const texts = Array.from({ length: 24 }, (_, index) => sampleText(20_000 + index * 1_000, index + 1));
    const sinks = texts.map(() => new CollectingSink());
    const encoders = sinks.map((sink) => opened(pool.tryOpen(coding, sink)));
    for (let at = 0; at < 60_000; at += 10_000) {
      for (const [index, encoder] of encoders.entries()) {
        encoder.write((texts[index] as string).slice(at, at + 10_000));
        if ((at / 10_000 + index) % 3 === 0) encoder.flush();
      }
      await Promise.all(encoders.map((encoder) => encoder.waitDrained()));
    }
    for (const encoder of encoders) encoder.end();
    await Promise.all(sinks.map((sink) => sink.done));
    for (const [index, sink] of sinks.entries()) {
      expect(decoded(coding, sink.bytes).toString()).toBe(texts[index]);
    }
    expectNothingLeft(pool);
  });

  it('frees everything and calls nothing after an abort, wherever the encoder stands [ATT-73]', async () => {
    const pool = newPool({ maxStreams: 200, maxConcurrent: 1 });
    const sinks = Array.from({ length: 120 }, () => new CollectingSink());
    const encoders = sinks.map((sink) => opened(pool.tryOpen(coding, sink)));
    for (const [index, encoder] of encoders.entries()) {
      encoder.write(sampleText(1 + index * 2_000));
      if (index % 3 === 0) encoder.flush();
      if (index % 4 === 0) encoder.end();
    }
    const open = encoders.filter((encoder) => !encoder.isClosed);
    expect(pool.streams).toBe(open.length);
    const drained = Promise.all(encoders.map((encoder) => encoder.waitDrained()));
    // Some while they wait, some after others were encoded.
    for (const [index, encoder] of encoders.entries()) {
      if (index % 10 === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
      encoder.abort();
      const { calls } = sinks[index] as CollectingSink;
      const stillQuiet = () => expect((sinks[index] as CollectingSink).calls).toBe(calls);
      setImmediate(stillQuiet);
    }
    await drained;
    expect({ streams: pool.streams, waiting: pool.waiting, bytes: pool.waitingBytes }).toEqual({
      streams: 0,
      waiting: 0,
      bytes: 0,
    });
    const calls = sinks.map((sink) => sink.calls);
    // The last call in the thread pool comes back before that of a new encoder.
    const last = new CollectingSink();
    const encoder = opened(pool.tryOpen(coding, last));
    encoder.write(sampleText(100_000));
    encoder.end();
    await last.done;
    expect(sinks.map((sink) => sink.calls)).toEqual(calls);
    expectNothingLeft(pool);
  });

  it('may be aborted by its sink', async () => {
    const pool = newPool();
    for (const text of ['text', sampleText(200_000)]) {
      const sink = new CollectingSink();
      const taken = new Promise<void>((resolve) => {
        sink.take = () => {
          encoder.abort();
          resolve();
        };
      });
      const encoder = opened(pool.tryOpen(coding, sink));
      encoder.write(text);
      encoder.flush();
      await taken;
      encoder.write(text);
      encoder.flush();
      encoder.end();
      await encoder.waitDrained();
      expect(sink.calls).toBe(0);
    }
    expect(pool.streams).toBe(0);
  });

  it('waits for its sink before it encodes more', async () => {
    const pool = newPool();
    const sink = new CollectingSink();
    let release = () => {};
    let held = 0;
    const take = sink.take.bind(sink);
    sink.take = (piece) => {
      take(piece);
      held += 1;
      expect(held).toBe(1);
      return new Promise<void>((resolve) => {
        release = () => {
          held -= 1;
          resolve();
        };
        setImmediate(() => release());
      });
    };
    const encoder = opened(pool.tryOpen(coding, sink));
    const bytes = randomBytes(500_000);
    encoder.write(bytes);
    encoder.end();
    await sink.done;
    expect(decoded(coding, sink.bytes).equals(bytes)).toBe(true);
    expectNothingLeft(pool);
  });

  it('reports an error of its sink once, and frees everything', async () => {
    for (const take of [
      () => {
        throw new Error('the client has left');
      },
      () => Promise.reject(new Error('the client has left')),
    ]) {
      for (const text of ['text', sampleText(300_000)]) {
        const pool = newPool();
        const sink = new CollectingSink();
        sink.take = take;
        const encoder = opened(pool.tryOpen(coding, sink));
        encoder.write(text);
        encoder.flush();
        await expect(sink.done).rejects.toThrow('the client has left');
        encoder.write('ignored');
        encoder.end();
        expect(sink.calls).toBe(1);
        expectNothingLeft(pool);
      }
    }
  });

  it('waits with waitDrained while there is much to encode', async () => {
    const pool = newPool();
    const sink = new CollectingSink();
    const encoder = opened(pool.tryOpen(coding, sink));
    encoder.write(sampleText(60_000));
    await encoder.waitDrained();
    encoder.write(sampleText(1_000_000));
    expect(encoder.backlogBytes).toBeGreaterThan(900_000);
    expect(pool.waitingBytes).toBe(encoder.backlogBytes);
    await encoder.waitDrained();
    expect(encoder.backlogBytes).toBeLessThanOrEqual(32 * 1024);
    encoder.end();
    await sink.done;
    expect(decodedSoFar(coding, sink.bytes).length).toBe(1_060_000);
  });
});

describe('BodyEncoder', () => {
  it('encodes small slices at once, during the call', () => {
    const sink = new CollectingSink();
    const encoder = opened(new EncoderPool().tryOpen('gzip', sink));
    encoder.write('text');
    expect(sink.pieces.length).toBe(0);
    encoder.flush();
    expect(decodedSoFar('gzip', sink.bytes).toString()).toBe('text');
    encoder.end();
    expect(encoder.isClosed).toBe(true);
    expect(decoded('gzip', sink.bytes).toString()).toBe('text');
  });

  it('refuses to be written or ended after its end', async () => {
    const sink = new CollectingSink();
    const encoder = opened(new EncoderPool().tryOpen('gzip', sink));
    encoder.write(sampleText(100_000));
    encoder.end();
    const usage = expect.objectContaining({ code: 'ERR_HTTP1_USAGE' });
    expect(() => encoder.write('more')).toThrow(usage);
    expect(() => encoder.flush()).toThrow(usage);
    expect(() => encoder.end()).toThrow(usage);
    await sink.done;
  });

  it.each([undefined, null, 1, {}, ['text']])('refuses the chunk %j', (chunk) => {
    const pool = new EncoderPool();
    const encoder = opened(pool.tryOpen('gzip', new CollectingSink()));
    expect(() => encoder.write(chunk as unknown as string)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }),
    );
    encoder.abort();
    expectNothingLeft(pool);
  });

  it('calls its sink in the async context of its caller, whichever encoder ran before it', async () => {
    const pool = new EncoderPool({ maxConcurrent: 1 });
    const context = new AsyncLocalStorage<number>();
    const runs = Array.from({ length: 5 }, (_, id) =>
      context.run(id, async () => {
        const sink = new CollectingSink();
        const contexts = new Set<number | undefined>();
        const take = sink.take.bind(sink);
        sink.take = (piece) => {
          contexts.add(context.getStore());
          return take(piece);
        };
        const encoder = opened(pool.tryOpen('gzip', sink));
        encoder.write(randomBytes(200_000));
        encoder.end();
        await sink.done;
        expect([...contexts]).toEqual([id]);
      }),
    );
    await Promise.all(runs);
  });

  it('shows its state, and not the body', () => {
    const encoder = opened(new EncoderPool().tryOpen('gzip', new CollectingSink()));
    encoder.write('secret');
    expect(inspect(encoder)).toBe("BodyEncoder { coding: 'gzip', isClosed: false, backlogBytes: 6 }");
    encoder.abort();
  });
});

describe('EncoderPool', () => {
  it('opens at most maxStreams encoders, and more when some are closed', async () => {
    const pool = new EncoderPool({ maxStreams: 2 });
    const first = opened(pool.tryOpen('gzip', new CollectingSink()));
    const sink = new CollectingSink();
    const second = opened(pool.tryOpen('br', sink));
    expect(pool.tryOpen('gzip', new CollectingSink())).toBeUndefined();
    first.abort();
    first.abort();
    expect(pool.streams).toBe(1);
    second.end();
    await sink.done;
    expectNothingLeft(pool);
    expect(new EncoderPool({ maxStreams: 0 }).tryOpen('gzip', new CollectingSink())).toBeUndefined();
  });

  it.each([1, 2, 3])(
    'encodes at most %d slices at a time, first come, first served',
    async (maxConcurrent) => {
      const pool = new EncoderPool({ maxConcurrent });
      const order: number[] = [];
      const sinks = Array.from({ length: 8 }, () => new CollectingSink());
      for (const [index, sink] of sinks.entries()) {
        const take = sink.take.bind(sink);
        sink.take = (piece) => {
          expect(pool.running).toBeLessThanOrEqual(maxConcurrent);
          order.push(index);
          return take(piece);
        };
        const encoder = opened(pool.tryOpen('gzip', sink));
        encoder.write(randomBytes(60_000));
        encoder.end();
      }
      const { running, waiting } = pool;
      expect({ running, waiting }).toEqual({ running: maxConcurrent, waiting: 8 - maxConcurrent });
      await Promise.all(sinks.map((sink) => sink.done));
      expect(order.length).toBe(8);
      if (maxConcurrent === 1) expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expectNothingLeft(pool);
    },
  );

  it('refuses what exceeds maxWaitingBytes, but not callers that wait [OUT-10]', async () => {
    const pool = new EncoderPool({ maxWaitingBytes: 200_000, maxConcurrent: 1 });
    const large = new CollectingSink();
    const encoder = opened(pool.tryOpen('gzip', large, { expectedBytes: 1_000_000 }));
    encoder.write(randomBytes(1_000_000));
    expect(pool.tryOpen('gzip', new CollectingSink(), { expectedBytes: 1 })).toBeUndefined();
    expect(() => encoder.write('more')).toThrow(
      expect.objectContaining({ name: 'ContentEncodingError', code: 'ERR_HTTP_CODING_BUSY' }),
    );
    expect(pool.waitingBytes).toBe(1_000_000);
    await encoder.waitDrained();
    encoder.write('more');
    encoder.end();
    await large.done;
    expect(decoded('gzip', large.bytes).length).toBe(1_000_004);
    expectNothingLeft(pool);
  });

  it.each([
    [{ maxConcurrent: 0 }],
    [{ maxConcurrent: 1.5 }],
    [{ maxStreams: -1 }],
    [{ maxWaitingBytes: Number.NaN }],
    [{ maxSyncBytes: 1024 * 1024 + 1 }],
    [{ maxStream: 1 }],
    [null],
  ])('refuses the options %j', (options) => {
    expect(() => new EncoderPool(options as object)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }),
    );
  });

  it.each([
    ['compress', {}],
    ['gzip', { level: 10 }],
    ['gzip', { expectedBytes: -1 }],
    ['gzip', { levels: 1 }],
  ])('refuses to open an encoder for %j with %j', (coding, options) => {
    const pool = new EncoderPool();
    expect(() => pool.tryOpen(coding as ContentCoding, new CollectingSink(), options as object)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_USAGE' }),
    );
    expectNothingLeft(pool);
  });

  it('shows what is in use', () => {
    expect(inspect(new EncoderPool(), { breakLength: Number.POSITIVE_INFINITY })).toBe(
      'EncoderPool { running: 0, waiting: 0, streams: 0, waitingBytes: 0, maxSyncBytes: 16384 }',
    );
  });
});
