import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReadableStream, WritableStream } from 'node:stream/web';
import { createGzip, gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fromWeb, toDuplex, toWeb, type WebStreamPair } from '../../src/index.ts';
import { afterReset, CHANNEL_NAMES, leaveUnread, text, withPair } from '../support/stream-pair.ts';
import { until } from '../support/until.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const bytes = (value: string) => Buffer.from(value, 'latin1');

async function readAll(readable: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe.each(CHANNEL_NAMES)('toDuplex over %s', (channel) => {
  it('gives buffered bytes first, then the rest, and its end shuts down our side', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('line\nbuffered');
      await b.readUntil('\n');
      const duplex = toDuplex(b);
      expect(duplex).toBeInstanceOf(Duplex);
      await a.write(' and later');
      a.endWrite();
      // Not iterated: Node destroys a stream whose loop has ended.
      const chunks: Buffer[] = [];
      await once(
        duplex.on('data', (chunk) => chunks.push(chunk)),
        'end',
      );
      expect(text(Buffer.concat(chunks))).toBe('buffered and later');
      duplex.end('answer');
      expect(text(await a.readUntilClose())).toBe('answer');
      await b.waitClosed();
      expect(b.error).toBeUndefined();
    }));

  it('gives what had come to a stream that is closed already', () =>
    withPair(channel, async ({ a, b }) => {
      void a.write('line\nrest');
      a.endWrite();
      await b.readUntil('\n');
      b.setCloseCallback(() => {});
      b.endWrite();
      await b.waitClosed();
      expect(text(await readAll(toDuplex(b)))).toBe('rest');
    }));

  it('keeps the bytes that are not read yet, while more arrive', () =>
    withPair(channel, async ({ a, b }) => {
      const duplex = toDuplex(b);
      duplex.read(0);
      for (const word of ['first ', 'other ', 'third']) {
        const { bytesReceived } = b;
        await a.write(word);
        await until(() => b.bytesReceived > bytesReceived);
      }
      a.endWrite();
      expect(text(await readAll(duplex))).toBe('first other third');
    }));

  it('works in a pipeline, with back-pressure', () =>
    withPair(channel, async ({ a, b }) => {
      const sent = Buffer.alloc(3 * MIB, 'compress me');
      const done = pipeline(
        async function* () {
          yield sent;
        },
        createGzip(),
        toDuplex(a),
      );
      const received = await b.readUntilClose();
      b.endWrite();
      await done;
      expect(gunzipSync(received).equals(sent)).toBe(true);
    }));

  it('stops reading when it is not read from [STR-09]', () =>
    withPair(channel, async ({ a, b }) => {
      const duplex = toDuplex(b);
      duplex.read(0);
      void a.write(Buffer.alloc(16 * MIB));
      for (let before = -1; before !== b.bytesReceived; await turn()) {
        before = b.bytesReceived;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect(b.bytesReceived).toBeLessThanOrEqual(256 * KIB);
      duplex.destroy();
    }));

  it('closes the stream when destroyed, with the error as its reason', () =>
    withPair(channel, async ({ b }) => {
      const duplex = toDuplex(b);
      const error = new Error('no longer wanted');
      const seen = new Promise((resolve) => duplex.once('error', resolve));
      duplex.destroy(error);
      await b.waitClosed();
      expect(await seen).toBe(error);
      expect(b.error).toBe(error);
    }));

  it('is destroyed with the error of the stream', () =>
    withPair(channel, async ({ a, b }) => {
      const duplex = toDuplex(b);
      const seen = new Promise((resolve) => duplex.once('error', resolve));
      duplex.resume();
      await leaveUnread(b);
      a.reset();
      expect(await seen).toMatchObject({ code: 'ECONNRESET' });
      expect(duplex.destroyed).toBe(true);
    }));

  it('is destroyed when the stream is closed', () =>
    withPair(channel, async ({ b }) => {
      const duplex = toDuplex(b);
      const closed = new Promise((resolve) => duplex.once('close', resolve));
      b.close();
      await closed;
      expect(duplex.readableEnded).toBe(false);
    }));

  it('is destroyed after both ends, even if nothing reads', () =>
    withPair(channel, async ({ a, b }) => {
      const events: string[] = [];
      const duplex = toDuplex(b);
      for (const name of ['end', 'finish', 'close']) duplex.on(name, () => events.push(name));
      const closed = b.waitClosed();
      duplex.end('refused');
      expect(text(await a.readUntilClose())).toBe('refused');
      a.endWrite();
      await closed;
      await until(() => duplex.closed);
      expect(events).toEqual(['finish', 'end', 'close']);
    }));

  it('is not destroyed after both ends while bytes are left to read', () =>
    withPair(channel, async ({ a, b }) => {
      const duplex = toDuplex(b);
      await a.write('left');
      a.endWrite();
      duplex.end();
      await a.readUntilClose();
      await until(() => b.isEnded);
      expect(text(await readAll(duplex))).toBe('left');
    }));

  it('refuses a stream that somebody reads', () =>
    withPair(channel, async ({ a, b }) => {
      const read = b.readBytes(1);
      expect(() => toDuplex(b)).toThrow(expect.objectContaining({ code: 'ERR_STREAM_BUSY' }));
      await a.write('x');
      await read;
    }));
});

describe.each(CHANNEL_NAMES)('toWeb over %s', (channel) => {
  it('gives buffered bytes first, and ends with the peer', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('line\nbuffered');
      await b.readUntil('\n');
      const { readable, writable } = toWeb(b);
      await a.write(' and later');
      a.endWrite();
      expect(text(await readAll(readable))).toBe('buffered and later');
      const writer = writable.getWriter();
      await writer.write(bytes('answer'));
      await writer.close();
      expect(text(await a.readUntilClose())).toBe('answer');
      await b.waitClosed();
      expect(b.error).toBeUndefined();
    }));

  it("fills a reader's own buffer", () =>
    withPair(channel, async ({ a, b }) => {
      const reader = toWeb(b).readable.getReader({ mode: 'byob' });
      const read = reader.read(new Uint8Array(10));
      await a.write('hello');
      const { value, done } = await read;
      expect([text(value as Uint8Array), done]).toEqual(['hello', false]);
      a.endWrite();
      expect((await reader.read(new Uint8Array(10))).done).toBe(true);
    }));

  it('reads nothing before somebody asks, and writes no faster than the peer reads [STR-09]', () =>
    withPair(channel, async ({ a, b }) => {
      toWeb(b);
      const { writable } = toWeb(a);
      const writer = writable.getWriter();
      let written = 0;
      const writing = (async () => {
        for (; written < 40; written += 1) await writer.write(new Uint8Array(MIB));
      })().catch((error: unknown) => error);
      for (let before = -1; before !== written; ) {
        before = written;
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      expect(written).toBeLessThan(40);
      expect(b.bytesReceived).toBe(0);
      expect(a.queuedBytes).toBeLessThanOrEqual(MIB);
      a.close();
      expect(await writing).toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    }));

  it('stops a waiting read when cancelled, and closes when the writable is closed too', () =>
    withPair(channel, async ({ a, b }) => {
      const { readable, writable } = toWeb(b);
      const reader = readable.getReader();
      const read = reader.read();
      await until(() => b.isReading);
      await reader.cancel('enough');
      expect((await read).done).toBe(true);
      expect(b.isReading).toBe(false);
      expect(b.isClosed).toBe(false);
      const writer = writable.getWriter();
      await writer.write(bytes('answer'));
      await writer.close();
      expect(text(await a.readUntilClose())).toBe('answer');
      await b.waitClosed();
    }));

  it('sends what was queued before, although it closes when both directions are done with', () =>
    withPair(channel, async ({ a, b }) => {
      b.send(Buffer.alloc(8 * MIB));
      const { readable, writable } = toWeb(b);
      await readable.cancel();
      const closed = writable.close();
      expect(await a.readUntilClose()).toHaveLength(8 * MIB);
      await closed;
      await b.waitClosed();
    }));

  it('resets the connection when the writable is aborted', () =>
    withPair(channel, async ({ a, b }) => {
      const { writable } = toWeb(b);
      const seen = a.readBytes(1).catch((error: unknown) => error);
      const reason = new Error('half written');
      await writable.abort(reason);
      expect(await seen).toMatchObject(afterReset(channel));
      expect([b.error, b.closeReason]).toEqual([reason, 'we-reset']);
    }));

  it('fails both directions when the connection breaks', () =>
    withPair(channel, async ({ a, b }) => {
      const { readable, writable } = toWeb(b);
      const read = expect(readable.getReader().read()).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      const closed = expect(writable.getWriter().closed).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      await leaveUnread(b);
      a.reset();
      await Promise.all([read, closed]);
    }));

  it('takes bytes only', () =>
    withPair(channel, async ({ b }) => {
      const writer = toWeb(b).writable.getWriter();
      writer.closed.catch(() => {});
      await expect(writer.write('text' as unknown as Uint8Array)).rejects.toMatchObject({
        code: 'ERR_STREAM_USAGE',
      });
    }));
});

describe.each(CHANNEL_NAMES)('fromWeb over %s', (channel) => {
  it('is the way back: reads, writes, half-close and end', () =>
    withPair(channel, async ({ a, b }) => {
      const there = fromWeb(toWeb(b));
      const sent = Buffer.alloc(MIB, 'question');
      void a.write(sent);
      a.endWrite();
      expect((await there.readUntilClose()).equals(sent)).toBe(true);
      await there.write('answer');
      there.endWrite();
      expect(text(await a.readUntilClose())).toBe('answer');
      await Promise.all([there.waitClosed(), b.waitClosed()]);
      expect([there.error, b.error]).toEqual([undefined, undefined]);
    }));

  it('closes what is below when closed', () =>
    withPair(channel, async ({ a, b }) => {
      const there = fromWeb(toWeb(b));
      await a.write('hello\n');
      expect(text(await there.readUntil('\n'))).toBe('hello\n');
      there.close();
      await Promise.all([there.waitClosed(), b.waitClosed()]);
    }));
});

describe('fromWeb', () => {
  it('refuses what is no pair of streams, and streams that somebody has', () => {
    const usage = expect.objectContaining({ name: 'StreamUsageError', code: 'ERR_STREAM_USAGE' });
    expect(() => fromWeb({} as WebStreamPair)).toThrow(usage);
    const pair = { readable: new ReadableStream<Uint8Array>(), writable: new WritableStream<Uint8Array>() };
    pair.readable.getReader();
    expect(() => fromWeb(pair)).toThrow(usage);
  });

  it('fails what waits when the other side fails', async () => {
    const failure = new Error('broken elsewhere');
    const readable = new ReadableStream<Uint8Array>({ pull: () => Promise.reject(failure) });
    const stream = fromWeb({ readable, writable: new WritableStream<Uint8Array>() });
    await expect(stream.readBytes(1)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: failure });
    expect(stream.closeReason).toBe('error');
  });
});
