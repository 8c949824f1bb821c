import { describe, expect, it } from 'vitest';
import { CHANNEL_NAMES, text, withPair } from './support/stream-pair.ts';

describe.each(CHANNEL_NAMES)('IOStream over %s', (channel) => {
  it('reads up to a delimiter and keeps the bytes after it [STR-03]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('one\r\ntwo\r\nrest');
      expect(text(await b.readUntil('\r\n'))).toBe('one\r\n');
      expect(text(await b.readUntil(Buffer.from('\r\n')))).toBe('two\r\n');
      expect(text(await b.readBytes(4))).toBe('rest');
    }));

  it('finds a delimiter that comes in pieces [STR-06]', () =>
    withPair(channel, async ({ a, b }) => {
      const line = b.readUntil('\r\n\r\n');
      for (const byte of 'head\r\n\r\ntail') {
        await a.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(text(await line)).toBe('head\r\n\r\n');
      expect(text(await b.readBytes(4))).toBe('tail');
    }));

  it('closes when the delimiter does not come within maxBytes [STR-03]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('0123456789\n');
      await expect(b.readUntil('\n', { maxBytes: 10 })).rejects.toMatchObject({
        code: 'ERR_STREAM_CLOSED',
        cause: { code: 'ERR_STREAM_UNSATISFIABLE' },
      });
      expect(b.isClosed).toBe(true);
    }));

  it('takes a delimiter that ends exactly at maxBytes [STR-03]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('0123456789\n');
      expect(text(await b.readUntil('\n', { maxBytes: 11 }))).toBe('0123456789\n');
    }));

  it('reads an exact number of bytes, a part of it, or none [STR-04]', () =>
    withPair(channel, async ({ a, b }) => {
      expect(await b.readBytes(0)).toHaveLength(0);
      await a.write('abcdef');
      expect(text(await b.readBytes(2))).toBe('ab');
      expect(text(await b.readBytes(100, { partial: true }))).toBe('cdef');
    }));

  it('reads until the peer ends, and can still be written to [STR-04] [STR-12]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('question');
      a.endWrite();
      expect(text(await b.readUntilClose())).toBe('question');
      expect(b.isEnded).toBe(true);
      expect(b.isClosed).toBe(false);
      await b.write('answer');
      b.endWrite();
      expect(text(await a.readUntilClose())).toBe('answer');
    }));

  it('refuses a second read, and the first goes on [STR-02]', () =>
    withPair(channel, async ({ a, b }) => {
      const first = b.readBytes(2);
      await expect(b.readBytes(1)).rejects.toMatchObject({
        name: 'StreamUsageError',
        code: 'ERR_STREAM_BUSY',
      });
      await a.write('ok');
      expect(text(await first)).toBe('ok');
    }));

  it('serves reads from what came before the close [STR-05]', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('line\nremaining');
      expect(text(await b.readUntil('\n'))).toBe('line\n');
      b.close();
      expect(text(await b.readBytes(4))).toBe('rema');
      expect(text(await b.readUntilClose())).toBe('ining');
      await expect(b.readBytes(1)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    }));

  it('fails a waiting read when the peer ends first', () =>
    withPair(channel, async ({ a, b }) => {
      const read = b.readUntil('\n').catch((error: unknown) => error);
      await a.write('half a li');
      a.endWrite();
      expect(await read).toMatchObject({ name: 'StreamClosedError', code: 'ERR_STREAM_CLOSED' });
      expect(text(await b.readUntilClose())).toBe('half a li');
    }));

  it('stops a read by its signal, and loses nothing', () =>
    withPair(channel, async ({ a, b }) => {
      const controller = new AbortController();
      const read = b.readUntil('\n', { signal: controller.signal }).catch((error: unknown) => error);
      await a.write('half');
      const reason = new Error('no longer wanted');
      controller.abort(reason);
      expect(await read).toBe(reason);
      await a.write(' whole\n');
      expect(text(await b.readUntil('\n'))).toBe('half whole\n');
    }));

  it('writes in order, text and bytes, large and small [STR-08]', () =>
    withPair(channel, async ({ a, b }) => {
      const large = Buffer.alloc(3 * 1024 * 1024, 'x');
      const written = Promise.all([a.write('é'), a.write(large), a.write(new Uint8Array(0)), a.write('end')]);
      a.endWrite();
      const all = await b.readUntilClose();
      await written;
      expect(all).toHaveLength(2 + large.length + 3);
      expect(all.subarray(0, 3).toString('utf8')).toBe('éx');
      expect(all.subarray(-4).toString()).toBe('xend');
    }));

  it('shares one promise among the writes of a turn', () =>
    withPair(channel, async ({ a }) => {
      const first = a.write('one');
      expect(a.write('two')).toBe(first);
      await first;
      expect(a.queuedBytes).toBe(0);
    }));

  it('bounds what waits for a peer that does not read, and says so [STR-08] [ATT-32]', () =>
    withPair(
      channel,
      async ({ a }) => {
        const chunk = Buffer.alloc(256 * 1024);
        let error: unknown;
        for (let sent = 0; sent < 400 && error === undefined; sent += 1) {
          try {
            void a.write(chunk);
          } catch (caught) {
            error = caught;
          }
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(error).toMatchObject({ name: 'StreamLimitError', code: 'ERR_STREAM_WRITE_BUFFER_FULL' });
        expect(a.queuedBytes).toBeLessThanOrEqual(1024 * 1024);
        expect(a.isClosed).toBe(false);
      },
      { maxWriteBufferBytes: 1024 * 1024 },
    ));

  it('waits until the peer has read', () =>
    withPair(channel, async ({ a, b }) => {
      void a.write(Buffer.alloc(8 * 1024 * 1024));
      let drained = false;
      const waiting = a.waitDrained().then(() => {
        drained = true;
      });
      await new Promise((resolve) => setImmediate(resolve));
      expect(drained).toBe(false);
      await b.readBytes(8 * 1024 * 1024);
      await waiting;
      expect(a.queuedBytes).toBeLessThanOrEqual(32 * 1024);
    }));

  it('rejects a waiting write when the stream closes, and ignoring it is safe [STR-08] [STR-10]', () =>
    withPair(channel, async ({ a }) => {
      void a.write(Buffer.alloc(8 * 1024 * 1024));
      const written = a.write('more');
      const cause = new Error('the reason');
      a.close(cause);
      await expect(written).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED', cause });
      await expect(a.write('after')).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      expect(a.error).toBe(cause);
    }));

  it('takes nothing after endWrite, and says so', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('last words');
      a.endWrite();
      await expect(a.write('more')).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      a.send('more');
      expect(a.queuedBytes).toBe(0);
      expect(text(await b.readUntilClose())).toBe('last words');
    }));

  it('calls the close callback once, after the reads were answered [STR-10] [STR-11]', () =>
    withPair(channel, async ({ a, b }) => {
      const events: string[] = [];
      const read = b.readBytes(10).catch(() => void events.push('read failed'));
      let calls = 0;
      const called = new Promise<void>((resolve) => {
        b.setCloseCallback(() => {
          calls += 1;
          events.push('closed');
          resolve();
        });
      });
      a.reset();
      await Promise.all([read, called]);
      b.close();
      await b.waitClosed();
      expect(events).toEqual(['read failed', 'closed']);
      expect(calls).toBe(1);
    }));

  it('notices the close of an idle peer when somebody wants to know [STR-11]', () =>
    withPair(channel, async ({ a, b }) => {
      const closed = new Promise<void>((resolve) => b.setCloseCallback(resolve));
      a.reset();
      await closed;
      expect(b.isClosed).toBe(true);
    }));

  it('puts bytes back before all others', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('world\n');
      expect(text(await b.readBytes(2))).toBe('wo');
      b.unread(Buffer.from('hello wo'));
      expect(text(await b.readUntil('\n'))).toBe('hello world\n');
    }));

  it('hands bytes to a consumer, the buffered ones first, and lends them for the call only', () =>
    withPair(channel, async ({ a, b }) => {
      await a.write('line\nbuffered');
      expect(text(await b.readUntil('\n'))).toBe('line\n');
      let seen = '';
      const ended = new Promise<void>((resolve) => {
        b.setConsumer({
          received(bytes, start, end) {
            seen += bytes.toString('latin1', start, end);
            bytes.fill(0x2e, start, end);
          },
          ended: resolve,
          drained() {},
          closed() {},
        });
      });
      expect(seen).toBe('');
      b.resume();
      await a.write(' and later');
      a.endWrite();
      await ended;
      expect(seen).toBe('buffered and later');
    }));

  it.each(['received', 'ended', 'drained'] as const)(
    'closes when its consumer throws in %s, with the error as its reason',
    (method) =>
      withPair(channel, async ({ a, b }) => {
        const failure = new Error('a bug');
        const closedWith = new Promise<Error | undefined>((resolve) => {
          b.setConsumer({
            received() {},
            ended() {},
            drained() {},
            closed: resolve,
            [method]() {
              throw failure;
            },
          });
        });
        b.resume();
        b.send('x');
        // The stream may be closed before this arrives: that is what is tested.
        void a.write('x');
        a.endWrite();
        expect(await closedWith).toBe(failure);
        expect(b.error).toBe(failure);
      }),
  );

  it('closes gracefully: the peer gets the last words although it is still sending (RFC 9112 §9.6)', () =>
    withPair(channel, async ({ a, b }) => {
      void a.write(Buffer.alloc(512 * 1024));
      await b.readBytes(1);
      void b.write('goodbye');
      b.closeGracefully(20_000);
      expect(text(await a.readUntilClose())).toBe('goodbye');
      a.endWrite();
      await b.waitClosed();
      expect(b.error).toBeUndefined();
    }));
});
