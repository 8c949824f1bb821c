import assert from 'node:assert/strict';
import { joined, samplePieces } from './sample-pieces.ts';
import { MORE_THAN_KERNELS_TAKE, type RecordedEnd, type TransportSuite } from './transport-suite.ts';

/** Cases of delivery: bytes arrive completely and in order, and only while the reader is not paused. */
export function transportDelivery({ check, checkBothWays, checkHalfClose }: TransportSuite): void {
  check(
    '[STR-08] delivers strings and bytes completely and in order to a reader that pauses and resumes',
    async (a, b) => {
      const pieces = samplePieces();
      const expected = joined(pieces);
      const pristine = pieces.map((piece) => (typeof piece === 'string' ? piece : Buffer.from(piece)));
      b.onReceived = () => {
        b.act((transport) => transport.pause());
        setImmediate(() => b.act((transport) => transport.resume()));
      };
      b.act((transport) => transport.resume());
      for (const piece of pieces) a.act((transport) => transport.write(piece));
      await b.until(({ receivedBytes }) => receivedBytes >= expected.length);
      assert.ok(b.received.equals(expected), 'the received bytes differ from the written ones');
      await a.until(({ sentBytes }) => sentBytes >= expected.length);
      assert.equal(a.sentBytes, expected.length);
      // The reader's changes to the borrowed bytes must not affect bytes that the writer owns.
      for (const [i, piece] of pieces.entries())
        assert.deepEqual(
          Buffer.from(piece as string, 'latin1'),
          Buffer.from(pristine[i] as string, 'latin1'),
        );
    },
  );

  checkBothWays('[STR-08] delivers in both directions at once', async (a, b) => {
    const pieces = samplePieces();
    const expected = joined(pieces);
    for (const end of [a, b]) end.act((transport) => transport.resume());
    for (const piece of pieces) {
      for (const end of [a, b])
        end.act((transport) => transport.write(typeof piece === 'string' ? piece : Buffer.from(piece)));
    }
    for (const end of [a, b]) await end.until(({ receivedBytes }) => receivedBytes >= expected.length);
    for (const end of [a, b]) assert.ok(end.received.equals(expected));
  });

  check('[STR-08] delivers single bytes, each flushed', async (a, b) => {
    b.act((transport) => transport.resume());
    const expected = Buffer.from(Array.from({ length: 300 }, (_, i) => i & 0xff));
    for (const byte of expected) {
      a.act((transport) => transport.write(String.fromCharCode(byte)));
      a.transport.flush();
    }
    await b.until(({ receivedBytes }) => receivedBytes >= expected.length);
    assert.ok(b.received.equals(expected));
  });

  check('[STR-08] sends queued bytes at once on flush', async (a, b) => {
    b.act((transport) => transport.resume());
    a.act((transport) => transport.write('last words'));
    a.transport.flush();
    a.act((transport) => transport.close());
    await b.until(({ endings, closings }) => endings + closings > 0);
    assert.equal(b.received.toString(), 'last words');
  });

  checkBothWays(
    '[STR-09] sends no more than the connection can buffer while the reader is paused',
    async (a, b) => {
      a.act((transport) => transport.resume());
      const piece = Buffer.alloc(64 * 1024, 'x');
      for (let left = MORE_THAN_KERNELS_TAKE; left > 0; left -= piece.length)
        a.act((transport) => transport.write(piece));
      await exchangeSmallMessages(b, a, 30);
      assert.ok(a.sentBytes < MORE_THAN_KERNELS_TAKE, 'everything was sent although the peer does not read');
      assert.equal(b.receivedBytes, 0);
      b.act((transport) => transport.resume());
      await b.until(({ receivedBytes }) => receivedBytes >= MORE_THAN_KERNELS_TAKE);
      await a.until(({ sentBytes }) => sentBytes >= MORE_THAN_KERNELS_TAKE);
      assert.equal(a.sentBytes, MORE_THAN_KERNELS_TAKE);
    },
  );

  checkHalfClose('[STR-09] starts paused, and loses no bytes', async (a, b) => {
    a.act((transport) => transport.resume());
    a.act((transport) => transport.write('early'));
    a.act((transport) => transport.endWrite());
    await exchangeSmallMessages(b, a, 5);
    assert.equal(b.receivedBytes + b.endings + b.closings, 0);
    b.act((transport) => transport.resume());
    await b.until(({ endings }) => endings > 0);
    assert.equal(b.received.toString(), 'early');
  });

  checkHalfClose('[STR-09] reports nothing more once paused inside received', async (a, b) => {
    a.act((transport) => transport.resume());
    b.onReceived = () => b.act((transport) => transport.pause());
    b.act((transport) => transport.resume());
    a.act((transport) => transport.write('one'));
    await b.until(({ receivedBytes }) => receivedBytes === 3);
    a.act((transport) => transport.write('two'));
    a.act((transport) => transport.endWrite());
    await exchangeSmallMessages(b, a, 5);
    assert.equal(b.receivedBytes, 3);
    assert.equal(b.endings, 0);
    b.onReceived = undefined;
    b.act((transport) => transport.resume());
    await b.until(({ endings }) => endings > 0);
    assert.equal(b.received.toString(), 'onetwo');
  });

  checkHalfClose(
    '[STR-09] holds back the end that has arrived together with the last bytes until it is resumed',
    async (a, b) => {
      a.act((transport) => transport.resume());
      b.onReceived = () => b.act((transport) => transport.pause());
      a.act((transport) => transport.write('all'));
      a.act((transport) => transport.endWrite());
      a.transport.flush();
      await exchangeSmallMessages(b, a, 5);
      b.act((transport) => transport.resume());
      await b.until(({ receivedBytes }) => receivedBytes === 3);
      await exchangeSmallMessages(b, a, 5);
      assert.deepEqual([b.endings, b.closings], [0, 0]);
      b.act((transport) => transport.resume());
      await b.until(({ endings }) => endings > 0);
      assert.equal(b.received.toString(), 'all');
    },
  );

  checkHalfClose(
    '[STR-09] reports neither the end nor the close that follows it while it is paused',
    async (a, b) => {
      a.act((transport) => transport.resume());
      b.onReceived = () => b.act((transport) => transport.pause());
      b.act((transport) => transport.resume());
      a.act((transport) => transport.write('all'));
      await b.until(({ receivedBytes }) => receivedBytes === 3);
      a.act((transport) => transport.endWrite());
      await exchangeSmallMessages(b, a, 5);
      b.act((transport) => transport.endWrite());
      await a.until(({ closings }) => closings > 0);
      // Nothing more can be sent whose arrival would show that the other end has processed everything: wait a few loop
      // iterations.
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual([b.endings, b.closings], [0, 0]);
      b.act((transport) => transport.resume());
      await b.until(({ closings }) => closings > 0);
      assert.deepEqual([b.receivedBytes, b.endings, b.error], [3, 1, undefined]);
    },
  );
}

/**
 * Lets many loop iterations pass in which `to` could have been notified, without a sleep: sends messages from one end
 * to the other, one after the other.
 */
async function exchangeSmallMessages(from: RecordedEnd, to: RecordedEnd, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const before = to.receivedBytes;
    from.act((transport) => transport.write('.'));
    await to.until(({ receivedBytes }) => receivedBytes > before);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
