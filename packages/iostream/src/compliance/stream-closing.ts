import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import {
  assertClosed,
  closeCallback,
  codesOf,
  failureOf,
  type StreamSuite,
  text,
  turns,
  until,
} from './stream-suite.ts';

/** More than the kernel of any system buffers for one connection. */
const MUCH = 24 * 1024 * 1024;
const TAKES_MUCH = { maxWriteBufferBytes: 2 * MUCH };

/** Cases of our own close: what can still be read, and in which order reads, writes and callbacks are settled. */
export function streamClosing(suite: StreamSuite): void {
  suite.check(
    '[STR-05] serves each kind of read after the close from the buffered bytes, in order',
    async ({ a, b }) => {
      await a.write('0line\nmatch;12partial');
      await b.readBytes(1);
      await until(() => b.bufferedBytes === 20);
      const reason = new Error('we are done');
      b.reset(reason);
      assert.equal(text(await b.readUntil('\n')), 'line\n');
      assert.equal(text(await b.readUntilRegex(/;/)), 'match;');
      const target = Buffer.alloc(2);
      assert.equal(await b.readInto(target), 2);
      assert.equal(text(target), '12');
      assert.equal((await failureOf(b.readBytes(100))).cause, reason);
      assert.equal(text(await b.readBytes(100, { partial: true })), 'partial');
      assert.equal(codesOf(await failureOf(b.readBytes(1, { partial: true })))[0], 'ERR_STREAM_CLOSED');
      assert.equal(text(await b.readUntilClose()), '');
    },
  );

  suite.check(
    '[STR-10] resolves a read that the buffer satisfies when it closes, and rejects the next',
    async ({ a, b }) => {
      const all = b.readUntilClose();
      await a.write('what came');
      await until(() => b.bytesReceived === 9);
      b.close();
      assert.equal(text(await all), 'what came');
      await assertClosed(b.readBytes(1));
    },
  );

  suite.checkBothWays(
    '[STR-10] resolves a satisfiable read, then rejects other waits, then calls back one loop iteration later',
    async ({ a, b }) => {
      await a.write('so far');
      const events: string[] = [];
      const note = (name: string) => (result: unknown) =>
        void events.push(`${name}: ${result instanceof Error ? result.name : String(result)}`);
      const cause = new Error('the reason');
      const waiting = [
        b.readUntilClose().then(note('read')),
        b.write(Buffer.alloc(MUCH)).catch(note('write')),
        b.waitDrained().catch(note('drain')),
      ];
      await until(() => b.bytesReceived === 6);
      const called = closeCallback(b).then(() => void events.push('callback'));
      b.close(cause);
      b.close(new Error('too late'));
      assert.deepEqual(events, []);
      await Promise.all([...waiting, called]);
      const failed = ['write: StreamClosedError', 'drain: StreamClosedError'];
      assert.deepEqual(events, ['read: so far', ...failed, 'callback']);
      assert.equal(b.error, cause);
    },
    TAKES_MUCH,
  );

  suite.checkBothWays(
    '[STR-10] settles all waits even if the continuation of one uses the stream again',
    async ({ b }) => {
      const write = b.write(Buffer.alloc(MUCH)).catch(() => assertClosed(b.write('again')));
      const read = b.readBytes(1).catch(() => assertClosed(b.readBytes(1)));
      b.close();
      await Promise.all([write, read, b.waitClosed()]);
    },
    TAKES_MUCH,
  );

  suite.check(
    '[STR-10] calls each close callback once, including late ones and those that close again',
    async ({ b }) => {
      const calls: string[] = [];
      b.setCloseCallback(() => {
        calls.push('first');
        b.close(new Error('again'));
        b.setCloseCallback(() => void calls.push('from the callback'));
      });
      b.setCloseCallback(() => void calls.push('second'));
      b.close();
      assert.equal(calls.length, 0);
      await b.waitClosed();
      b.setCloseCallback(() => void calls.push('late'));
      await until(() => calls.length === 4);
      await turns(3);
      assert.deepEqual([...calls].sort(), ['first', 'from the callback', 'late', 'second']);
      assert.equal(b.error, undefined);
    },
  );

  suite.check('[STR-10] cancels waitClosed if its signal aborts', async ({ b }) => {
    const controller = new AbortController();
    const waiting = failureOf(b.waitClosed({ signal: controller.signal }));
    const reason = new Error('enough');
    controller.abort(reason);
    assert.equal(await waiting, reason);
    assert.equal(await failureOf(b.waitClosed({ signal: controller.signal })), reason);
    const { signal } = new AbortController();
    const closed = Promise.all([b.waitClosed({ signal }), b.waitClosed({ signal })]);
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    b.close();
    await closed;
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    await b.waitClosed();
    await b.waitClosed({ signal: controller.signal });
  });

  suite.check('[STR-13] ignores settings after the close', async ({ a }) => {
    a.setNoDelay(false);
    a.setNoDelay(true);
    a.close();
    await a.waitClosed();
    a.setNoDelay(false);
    a.flush();
    a.endWrite();
    a.reset();
    assert.equal(a.closeReason, 'we-ended');
  });

  suite.check(
    '[STR-10] rejects a waiting read when it closes gracefully, and discards later bytes',
    async ({ a, b }) => {
      const failed = assertClosed(b.readBytes(10));
      b.closeGracefully();
      await failed;
      a.close();
      await b.waitClosed();
    },
  );

  suite.check(
    '[STR-10] closes gracefully only after everything written was sent',
    async ({ a, b }) => {
      void a.write(Buffer.alloc(MUCH));
      a.closeGracefully(20_000);
      assert.equal((await b.readUntilClose()).length, MUCH);
      b.close();
      await a.waitClosed();
      assert.deepEqual([a.error, a.closeReason], [undefined, 'we-ended']);
    },
    TAKES_MUCH,
  );

  suite.checkHalfClose(
    '[STR-10] closes gracefully: a peer that is still sending gets the last bytes (RFC 9112 §9.6)',
    async ({ a, b }) => {
      void a.write(Buffer.alloc(512 * 1024));
      await b.readBytes(1);
      void b.write('goodbye');
      b.closeGracefully(20_000);
      assert.equal(text(await a.readUntilClose()), 'goodbye');
      a.endWrite();
      await b.waitClosed();
      assert.equal(b.error, undefined);
    },
  );

  for (const how of ['at once', 'with bytes that cannot leave'] as const) {
    suite.check(
      `[STR-10] closes when it is reset right after endWrite, ${how}`,
      async ({ a, b }) => {
        if (how !== 'at once') {
          void a.write(Buffer.alloc(MUCH));
          await until(() => a.bytesSent > 0);
        }
        a.endWrite();
        a.flush();
        a.reset();
        await a.waitClosed();
        // If bytes go one way, the end may already have closed the stream.
        const isReset = !suite.capabilities.oneWay || a.closeReason !== 'we-ended';
        if (isReset) assert.equal(a.closeReason, 'we-reset');
        assert.equal(a.error, undefined);
        // The peer sees either an end or a reset: the end may have been sent before the reset.
        await b.readUntilClose().catch(() => {}); // over TLS, a reset is an error
        assert.ok(b.isEnded || b.isClosed);
        assert.ok(b.bytesReceived < MUCH);
      },
      TAKES_MUCH,
    );
  }
}
