import assert from 'node:assert/strict';
import { assertClosed, closeCallback, type StreamSuite, text, turns, until } from './stream-suite.ts';

/** More than the kernel of any system buffers for one connection. */
const MUCH = 24 * 1024 * 1024;
const TAKES_MUCH = { maxWriteBufferBytes: 2 * MUCH };

/** Cases of the end of one direction and its effect on the other. */
export function streamEndings(suite: StreamSuite): void {
  const { halfClose, oneWay } = suite.capabilities;

  suite.checkHalfClose(
    '[STR-12] still writes any amount after the peer has shut down its side',
    async ({ a, b }) => {
      await a.write('question');
      a.endWrite();
      assert.equal(text(await b.readUntilClose()), 'question');
      assert.deepEqual([b.isEnded, b.isClosed, b.isWritable], [true, false, true]);
      assert.equal(b.closeReason, undefined);
      void b.write(Buffer.alloc(MUCH));
      b.endWrite();
      assert.equal((await a.readUntilClose()).length, MUCH);
      await Promise.all([a.waitClosed(), b.waitClosed()]);
      assert.deepEqual([a.closeReason, a.error], ['we-ended', undefined]);
      assert.deepEqual([b.closeReason, b.error], ['peer-ended', undefined]);
    },
    TAKES_MUCH,
  );

  suite.checkHalfClose(
    '[STR-12] sends everything queued if the peer shuts down its side meanwhile',
    async ({ a, b }) => {
      const written = b.write(Buffer.alloc(MUCH));
      const failed = assertClosed(b.readBytes(1));
      await until(() => b.bytesSent > 0);
      a.endWrite();
      await failed;
      b.endWrite();
      assert.equal((await a.readUntilClose()).length, MUCH);
      await written;
    },
    TAKES_MUCH,
  );

  suite.checkHalfClose(
    '[STR-12] still reads after it has sent everything queued and shut down its own side',
    async ({ a, b }) => {
      void a.write(Buffer.alloc(MUCH));
      a.endWrite();
      assert.deepEqual([a.isWriteEnded, a.isWritable], [true, false]);
      assert.equal((await b.readUntilClose()).length, MUCH);
      await b.write('one,');
      assert.equal(text(await a.readUntil(',')), 'one,');
      await b.write('two');
      b.endWrite();
      assert.equal(text(await a.readUntilClose()), 'two');
      await a.waitClosed();
      assert.deepEqual([a.closeReason, a.error], ['we-ended', undefined]);
    },
    TAKES_MUCH,
  );

  suite.checkHalfClose(
    '[STR-12] shuts down its side once, however often endWrite is called',
    async ({ a, b }) => {
      a.endWrite();
      a.endWrite();
      assert.equal((await b.readUntilClose()).length, 0);
      a.endWrite();
      await b.write('here');
      assert.equal(text(await a.readBytes(4)), 'here');
      assert.equal(a.isClosed, false);
    },
  );

  suite.checkHalfClose(
    '[STR-11] notices the end of the peer without closing, and calls back at the close',
    async ({ a, b }) => {
      let isCalled = false;
      const called = closeCallback(b).then(() => {
        isCalled = true;
      });
      a.endWrite();
      await until(() => b.isEnded);
      await turns(5);
      assert.deepEqual([isCalled, b.isClosed], [false, false]);
      b.endWrite();
      await called;
      assert.equal(b.closeReason, 'peer-ended');
    },
  );

  if (!halfClose && !oneWay) {
    suite.check(
      '[STR-12] [STR-11] ends both directions if one ends, and loses no bytes',
      async ({ a, b }) => {
        const called = Promise.all([closeCallback(a), closeCallback(b)]);
        void a.write(Buffer.alloc(1_000_000, 'question'));
        a.endWrite();
        assert.equal((await b.readUntilClose()).length, 1_000_000);
        await called;
        assert.deepEqual([b.closeReason, b.error], ['peer-ended', undefined]);
        assert.deepEqual([a.closeReason, a.error], ['we-ended', undefined]);
        await assertClosed(b.write('answer'));
      },
    );
  }

  if (oneWay) {
    suite.check(
      '[STR-12] is ended from the start in the direction that it does not have',
      async ({ a, b }) => {
        assert.deepEqual([a.isEnded, a.isWriteEnded, b.isEnded, b.isWriteEnded], [true, false, false, true]);
        await assertClosed(a.readBytes(1));
        await assertClosed(b.write('x'));
        assert.deepEqual([a.isClosed, b.isClosed], [false, false]);
      },
    );

    suite.check('[STR-12] [STR-11] closes both ends when the writer ends', async ({ a, b }) => {
      const called = Promise.all([closeCallback(a), closeCallback(b)]);
      void a.write('all');
      a.endWrite();
      await called;
      assert.deepEqual(
        [a.closeReason, a.error, b.closeReason, b.error],
        ['we-ended', undefined, 'peer-ended', undefined],
      );
      assert.equal(text(await b.readUntilClose()), 'all');
    });
  }
}
