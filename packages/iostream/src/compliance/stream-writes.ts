import assert from 'node:assert/strict';
import type { IOStream } from '../stream/io-stream.ts';
import {
  assertClosed,
  assertUsage,
  codesOf,
  failureOf,
  type StreamSuite,
  text,
  turns,
  until,
  untilStill,
} from './stream-suite.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Queued bytes above this number count towards the limit. */
const FREE_BYTES = 64 * KIB;
/** Slightly more than the kernel of any system buffers for one connection. */
const LIMIT = 33 * MIB;
const FULL = { name: 'StreamLimitError', code: 'ERR_STREAM_WRITE_BUFFER_FULL' };

/** Queues bytes that cannot be sent, so that the next write reaches the limit. */
async function queueUp(stream: IOStream, byteLength: number): Promise<void> {
  // The system accepts as many bytes as it can buffer; the rest stays queued.
  void stream.write(Buffer.alloc(32 * MIB));
  await untilStill(() => stream.queuedBytes);
  assert.ok(stream.queuedBytes > FREE_BYTES && stream.queuedBytes < byteLength);
  stream.send(Buffer.alloc(byteLength - stream.queuedBytes));
  assert.equal(stream.queuedBytes, byteLength);
}

/** Cases of writes: their order, and their limits if the peer does not read. */
export function streamWrites(suite: StreamSuite): void {
  suite.check('[STR-08] writes in order, text and bytes, large and small', async ({ a, b }) => {
    const large = Buffer.alloc(3 * MIB, 'x');
    const written = Promise.all([a.write('é'), a.write(large), a.write(new Uint8Array(0)), a.write('end')]);
    a.endWrite();
    const all = await b.readUntilClose();
    await written;
    assert.equal(all.length, 2 + 3 * MIB + 3);
    assert.equal(all.subarray(0, 3).toString('utf8'), 'éx');
    assert.equal(all.subarray(-4).toString(), 'xend');
  });

  suite.check('[STR-08] shares one promise among the writes of one loop iteration', async ({ a }) => {
    const first = a.write('one');
    assert.equal(a.write('two'), first);
    await first;
    assert.deepEqual([a.queuedBytes, a.bytesSent], [0, 6]);
  });

  suite.check(
    '[STR-08] [STR-16] delivers small and large pieces in order to a peer that reads late',
    async ({ a, b }) => {
      const sent: Buffer[] = [];
      for (let i = 0; i < 20_000; i += 1) {
        const length = i % 500 === 0 ? 5_000 : (i * 7) % 200;
        const piece = Buffer.alloc(length, `${i},`);
        sent.push(piece);
        a.send(i % 3 === 0 ? piece.toString('latin1') : Buffer.from(piece));
        // From time to time, let the system accept some bytes, so that later pieces are appended to a partly sent
        // queue.
        if (i % 4_000 === 0) await turns(1);
        if (i % 7_000 === 6_999) await b.readBytes(1).then((byte) => b.unread(byte));
      }
      a.endWrite();
      assert.ok(
        (await b.readUntilClose()).equals(Buffer.concat(sent)),
        'the received bytes differ from the sent ones',
      );
    },
  );

  suite.check(
    '[STR-08] limits what is queued for a peer that does not read, and reports it',
    async ({ a }) => {
      const write = async (): Promise<never> => {
        for (;;) {
          void a.write(Buffer.alloc(256 * KIB));
          await turns(1);
        }
      };
      const error = await failureOf(write());
      assert.deepEqual([error.name, codesOf(error)[0]], [FULL.name, FULL.code]);
      assert.ok(a.queuedBytes <= MIB);
      assert.equal(a.isClosed, false);
    },
    { maxWriteBufferBytes: MIB },
  );

  suite.check(
    '[STR-08] fills the queue up to the write limit; one more byte throws and is not queued',
    async ({ a }) => {
      await queueUp(a, LIMIT - 2);
      a.send('12');
      assert.throws(() => a.send('3'), FULL);
      assert.throws(() => void a.write('3'), FULL);
      assert.deepEqual([a.queuedBytes, a.isClosed, a.isWritable], [LIMIT, false, false]);
    },
    { maxWriteBufferBytes: LIMIT },
  );

  suite.check(
    "[STR-08] closes at one byte past the write limit with writeOverflow: 'close'",
    async ({ a }) => {
      await queueUp(a, LIMIT - 1);
      const failed = assertClosed(a.write('1'), FULL.code);
      assert.equal(a.isClosed, false);
      assert.throws(() => void a.write('2'), FULL);
      assert.deepEqual([a.isClosed, a.closeReason, codesOf(a.error)[0]], [true, 'limit', FULL.code]);
      await failed;
      await assertClosed(a.write('3'), FULL.code);
      a.send('ignored');
      await assertClosed(a.waitDrained(), FULL.code);
    },
    { maxWriteBufferBytes: LIMIT, writeOverflow: 'close' },
  );

  suite.check('[STR-09] waits until the peer has read', async ({ a, b }) => {
    void a.write(Buffer.alloc(8 * MIB));
    let isDrained = false;
    const waiting = a.waitDrained().then(() => {
      isDrained = true;
    });
    await turns(1);
    assert.equal(isDrained, false);
    await b.readBytes(8 * MIB);
    await waiting;
    assert.ok(a.queuedBytes <= 32 * KIB);
  });

  suite.check('[STR-09] waits until everything was sent, if that is requested', async ({ a, b }) => {
    void a.write(Buffer.alloc(MIB));
    const drained = a.waitDrained({ toBytes: 0 });
    const read = b.readBytes(MIB);
    await drained;
    await read;
    assert.equal(a.queuedBytes, 0);
    await assertUsage(a.waitDrained({ toBytes: -1 }));
  });

  suite.check(
    '[STR-09] reports whether it is writable, and whether our side is shut down',
    async ({ a, b }) => {
      assert.deepEqual([a.isWritable, a.isWriteEnded], [true, false]);
      a.send(Buffer.alloc(FREE_BYTES));
      assert.equal(a.isWritable, true);
      a.send('x');
      assert.equal(a.isWritable, false);
      await b.readBytes(FREE_BYTES + 1);
      await until(() => a.queuedBytes === 0);
      assert.equal(a.isWritable, true);
      a.endWrite();
      assert.deepEqual([a.isWritable, a.isWriteEnded], [false, true]);
    },
  );

  suite.check('[STR-12] refuses writes after endWrite', async ({ a, b }) => {
    await a.write('last words');
    a.endWrite();
    await assertClosed(a.write('more'));
    a.send('more');
    assert.equal(a.queuedBytes, 0);
    assert.equal(text(await b.readUntilClose()), 'last words');
  });

  suite.check(
    '[STR-08] [STR-10] rejects a waiting write when the stream closes, and may be ignored',
    async ({ a }) => {
      const cause = new Error('the reason');
      void a.write(Buffer.alloc(8 * MIB));
      const failure = failureOf(a.write('more'));
      a.close(cause);
      const failures = [await failure, await failureOf(a.write('after'))];
      for (const error of failures) {
        assert.equal(codesOf(error)[0], 'ERR_STREAM_CLOSED');
        assert.equal(error.cause, cause);
      }
      assert.equal(a.error, cause);
    },
  );
}
