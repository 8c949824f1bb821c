import assert from 'node:assert/strict';
import { StreamClosedError } from '../errors.ts';
import type { IOStream } from '../stream/io-stream.ts';
import {
  assertClosed,
  BROKEN,
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

const READS: Readonly<Record<string, (stream: IOStream) => Promise<unknown>>> = {
  readBytes: (stream) => stream.readBytes(10),
  readInto: (stream) => stream.readInto(new Uint8Array(10)),
  readUntil: (stream) => stream.readUntil('\n'),
  readUntilRegex: (stream) => stream.readUntilRegex(/x+$/),
};

/** Cases of a peer that resets, closes, or has already closed. */
export function streamFaults(suite: StreamSuite): void {
  const { reset, tellsClose, halfClose, oneWay } = suite.capabilities;
  const isTold = reset === 'told';
  /** Whether the end of the peer's direction also closes the connection. */
  const closesWithEnd = oneWay || !halfClose || tellsClose;

  /** Asserts the state of a stream with a pending read or a close callback, after its peer has closed. */
  const assertEnded = async (stream: IOStream): Promise<void> => {
    await until(() => stream.isEnded);
    if (!closesWithEnd) {
      await turns(5);
      assert.equal(stream.isClosed, false);
      stream.endWrite();
    }
    await stream.waitClosed();
    assert.deepEqual([stream.closeReason, stream.error], ['peer-ended', undefined]);
  };

  /** Asserts the state of such a stream after its peer has reset the connection. */
  const assertBroken = async (stream: IOStream): Promise<void> => {
    if (isTold) {
      await until(() => stream.isClosed);
      assert.deepEqual([codesOf(stream.error)[0], stream.isEnded], ['ECONNRESET', false]);
      assert.equal(stream.closeReason, 'peer-reset');
      return;
    }
    await assertEnded(stream);
  };

  for (const [name, read] of Object.entries(READS)) {
    suite.check(`[STR-01] [STR-12] rejects a waiting ${name} when the peer resets`, async ({ a, b }) => {
      const failure = failureOf(read(b));
      a.reset();
      const error = await failure;
      assert.ok(error instanceof StreamClosedError, `failed with ${error}`);
      if (isTold) assert.equal(codesOf(error.cause)[0], 'ECONNRESET');
      assert.equal(error.cause, b.error);
      assert.equal(b.isReading, false);
      await assertBroken(b);
    });
  }

  suite.check(
    '[STR-05] resolves readUntilClose with the bytes that arrived before a reset; over TLS, it fails',
    async ({ a, b }) => {
      const isSecure = b.tls !== undefined;
      const read = b.readUntilClose();
      const failure = isSecure && isTold ? failureOf(read) : undefined;
      await a.write('all that came');
      await until(() => b.bytesReceived === 13);
      a.reset();
      if (failure === undefined) assert.equal(text(await read), 'all that came');
      else assert.equal(codesOf(await failure)[0], 'ERR_STREAM_TLS_TRUNCATED');
      await assertBroken(b);
    },
  );

  suite.check(
    '[STR-05] [STR-11] keeps the bytes that arrived before a reset for the close callback to read',
    async ({ a, b }) => {
      await a.write('one\ntwo\n');
      assert.equal(text(await b.readUntil('\n')), 'one\n');
      await until(() => b.bufferedBytes === 4);
      const line = closeCallback(b).then(() => b.readUntil('\n'));
      a.reset();
      await assertBroken(b);
      assert.equal(text(await line), 'two\n');
    },
  );

  suite.check('[STR-10] calls the close callback once, after the reads were settled', async ({ a, b }) => {
    const events: string[] = [];
    const read = b.readBytes(10).catch(() => void events.push('read failed'));
    const called = closeCallback(b).then(() => void events.push('closed'));
    a.reset();
    await read;
    await assertBroken(b);
    await called;
    b.close();
    await b.waitClosed();
    await turns(3);
    assert.deepEqual(events, ['read failed', 'closed']);
  });

  suite.check('[STR-11] notices the reset of an idle peer if there is a close callback', async ({ a, b }) => {
    const called = closeCallback(b);
    a.reset();
    await assertBroken(b);
    await called;
  });

  suite.check(
    '[STR-11] does not notice the end of its peer before there is a close callback',
    async ({ a, b }) => {
      a.close();
      await a.waitClosed();
      await turns(10);
      assert.deepEqual([b.isClosed, b.isEnded], [false, false]);
      const called = closeCallback(b);
      await assertEnded(b);
      await called;
    },
  );

  suite.check('[STR-11] notices the close of an idle peer if there is a close callback', async ({ a, b }) => {
    const called = closeCallback(b);
    a.close();
    await assertEnded(b);
    await called;
  });

  if (oneWay) {
    suite.check(
      '[STR-11] [STR-12] notices that its reader is gone: at once, or at the next write',
      async ({ a, b }) => {
        const called = closeCallback(a);
        b.close();
        await b.waitClosed();
        if (!tellsClose) {
          await turns(5);
          assert.equal(a.isClosed, false);
          await assertClosed(a.write('is anybody there?'), 'EPIPE');
        }
        await called;
        assert.deepEqual([codesOf(a.error)[0], a.closeReason], ['EPIPE', 'peer-reset']);
      },
    );
  }

  suite.check(
    '[STR-12] rejects waiting writes when the peer resets, drops the queue, and refuses more',
    async ({ a, b }) => {
      const failed = [a.write(Buffer.alloc(MUCH)), a.waitDrained()].map((wait) => assertClosed(wait, BROKEN));
      await until(() => a.bytesSent > 0);
      b.reset();
      await Promise.all(failed);
      await a.waitClosed();
      assert.deepEqual([a.queuedBytes, a.closeReason, a.isWritable], [0, 'peer-reset', false]);
      await assertClosed(a.write('more'), BROKEN);
      a.send('more');
      assert.equal(a.queuedBytes, 0);
    },
    TAKES_MUCH,
  );

  suite.checkBothWays(
    '[STR-10] rejects a waiting read and a waiting write once each, with the same cause',
    async ({ a, b }) => {
      const failures = [failureOf(a.write(Buffer.alloc(MUCH))), failureOf(a.readBytes(1))];
      await until(() => a.bytesSent > 0);
      b.reset();
      const [write, read] = await Promise.all(failures);
      assert.equal(codesOf(write)[0], 'ERR_STREAM_CLOSED');
      assert.equal(codesOf(read)[0], 'ERR_STREAM_CLOSED');
      assert.match(String(codesOf(write)[1]), BROKEN);
      // The stream may have ended before the reset, in which case there is no error.
      if (isTold) assert.equal(read?.cause, write?.cause);
    },
    TAKES_MUCH,
  );

  suite.check('[STR-12] rejects writes to a peer that has closed', async ({ a, b }) => {
    b.close();
    await b.waitClosed();
    const write = async (): Promise<never> => {
      // A close may look like an end until the peer responds to a write with a reset.
      for (;;) await a.write(Buffer.alloc(64 * 1024));
    };
    await assertClosed(write(), BROKEN);
    assert.equal(a.closeReason, 'peer-reset');
  });
}
