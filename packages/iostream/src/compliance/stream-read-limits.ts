import assert from 'node:assert/strict';
import {
  assertClosed,
  assertUsage,
  type StreamSuite,
  sendByBytes,
  text,
  turns,
  until,
  untilStill,
} from './stream-suite.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Cases of the limits of a read, and of what a stream buffers while no one reads. */
export function streamReadLimits(suite: StreamSuite): void {
  suite.check('[STR-03] accepts a delimiter that ends exactly at maxBytes', async ({ a, b }) => {
    await a.write('0123456789\n');
    assert.equal(text(await b.readUntil('\n', { maxBytes: 11 })), '0123456789\n');
  });

  suite.check(
    '[STR-03] [STR-05] closes when the delimiter ends past maxBytes, and keeps the bytes',
    async ({ a, b }) => {
      await a.write('0123456789\n');
      await assertClosed(b.readUntil('\n', { maxBytes: 10 }), 'ERR_STREAM_UNSATISFIABLE');
      assert.deepEqual([b.isClosed, b.closeReason], [true, 'limit']);
      assert.equal(text(await b.readUntilClose()), '0123456789\n');
    },
  );

  for (const length of [1, 2, 7]) {
    const delimiter = 'ab'.repeat(4).slice(0, length);
    suite.check(
      `[STR-03] applies the limit exactly to bytes that arrive one by one, before "${delimiter}"`,
      async ({ a, b }) => {
        const exact = b.readUntil(delimiter, { maxBytes: 20 + length });
        await sendByBytes(a, b, `${'x'.repeat(20)}${delimiter}`);
        assert.equal((await exact).length, 20 + length);
        const maxBytes = 20 + length - 1;
        const failed = assertClosed(b.readUntil(delimiter, { maxBytes }), 'ERR_STREAM_UNSATISFIABLE');
        await sendByBytes(a, b, `${'x'.repeat(20)}${delimiter.slice(0, -1)}`);
        await failed;
        assert.equal(b.closeReason, 'limit');
      },
    );
  }

  suite.check('[STR-03] waits for a delimiter up to the limit, and not a byte longer', async ({ a, b }) => {
    let isOver = false;
    const failed = assertClosed(
      b.readUntil('\r\n', { maxBytes: 1000 }).finally(() => {
        isOver = true;
      }),
      'ERR_STREAM_UNSATISFIABLE',
    );
    await a.write(Buffer.alloc(999, 'x'));
    await until(() => b.bytesReceived === 999);
    await turns(3);
    assert.deepEqual([isOver, b.isClosed], [false, false]);
    await a.write('x');
    await failed;
    assert.deepEqual([b.isClosed, b.closeReason], [true, 'limit']);
  });

  suite.check('[STR-04] reads as much as maxBytes until the end', async ({ a, b }) => {
    await a.write('0123456789');
    a.endWrite();
    assert.equal(text(await b.readUntilClose({ maxBytes: 10 })), '0123456789');
  });

  suite.check('[STR-04] closes if one byte more than maxBytes arrives before the end', async ({ a, b }) => {
    const failed = assertClosed(b.readUntilClose({ maxBytes: 9 }), 'ERR_STREAM_UNSATISFIABLE');
    await a.write('0123456789');
    await failed;
    assert.equal(b.closeReason, 'limit');
  });

  suite.check(
    '[STR-07] limits every read by the buffer, whatever its own limit',
    async ({ a, b }) => {
      await assertUsage(b.readBytes(1001));
      void a.write(Buffer.alloc(1000));
      assert.equal((await b.readBytes(1000)).length, 1000);
      const failed = assertClosed(b.readUntil('\n', { maxBytes: 10_000 }), 'ERR_STREAM_UNSATISFIABLE');
      void a.write(Buffer.alloc(1000));
      await failed;
    },
    { maxReadBufferBytes: 1000 },
  );

  suite.check(
    '[STR-07] closes if more arrives than the buffer may hold',
    async ({ a, b }) => {
      const failed = assertClosed(b.readUntilClose(), /^ERR_STREAM_(UNSATISFIABLE|READ_BUFFER_FULL)$/);
      void a.write(Buffer.alloc(200 * KIB));
      await failed;
      assert.deepEqual([b.isClosed, b.closeReason, b.error?.name], [true, 'limit', 'StreamLimitError']);
    },
    { maxReadBufferBytes: 100 * KIB },
  );

  suite.check(
    '[STR-07] ends the wait for a delimiter if the peer never stops sending',
    async ({ a, b }) => {
      const failed = assertClosed(b.readUntil('\n'), /^ERR_STREAM_/);
      let isGone = false;
      const writing = (async () => {
        while (!isGone) await a.write(Buffer.alloc(64 * KIB, 'x'));
      })().catch(() => {});
      await failed;
      isGone = true;
      await writing;
      assert.ok(b.bufferedBytes < 512 * KIB);
    },
    { maxReadBufferBytes: 256 * KIB },
  );

  for (const maxBytes of [-1, 1.5, Number.NaN]) {
    suite.check(`[STR-03] refuses ${maxBytes} as a limit, and the stream stays open`, async ({ a, b }) => {
      await assertUsage(b.readUntil('\n', { maxBytes }));
      await assertUsage(b.readUntilClose({ maxBytes }));
      await assertUsage(b.readBytes(maxBytes));
      await assertUsage(b.readUntil(''));
      await assertUsage(b.readUntil(undefined as unknown as string));
      await a.write('ok');
      assert.equal(text(await b.readBytes(2)), 'ok');
    });
  }

  suite.check(
    '[STR-09] reads nothing before the first read, and little ahead after it',
    async ({ a, b }) => {
      void a.write(Buffer.alloc(32 * MIB));
      await untilStill(() => a.queuedBytes);
      assert.equal(b.bytesReceived, 0);
      await b.readBytes(1);
      await untilStill(() => b.bytesReceived);
      assert.ok(b.bufferedBytes <= 128 * KIB, `${b.bufferedBytes} bytes are buffered`);
      assert.ok(a.queuedBytes > 0);
    },
    { maxWriteBufferBytes: 33 * MIB },
  );
}
