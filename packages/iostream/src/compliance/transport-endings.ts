import assert from 'node:assert/strict';
import { joined, samplePieces } from './sample-pieces.ts';
import { MORE_THAN_KERNELS_TAKE, type TransportSuite } from './transport-suite.ts';

/** Cases of the end of one direction, the close of both, and how each side is notified. */
export function transportEndings({
  check,
  checkBothWays,
  checkHalfClose,
  capabilities,
}: TransportSuite): void {
  const { halfClose, oneWay, reset } = capabilities;

  check('[STR-08] does not report as sent what a close has dropped', async (a, b) => {
    a.act((transport) => transport.write(Buffer.alloc(MORE_THAN_KERNELS_TAKE)));
    a.transport.flush();
    await a.until(({ sentBytes }) => sentBytes > 0);
    const { sentBytes } = a;
    a.act((transport) => transport.close());
    await a.until(({ closings }) => closings > 0);
    assert.equal(a.sentBytes, sentBytes);
    assert.ok(sentBytes < MORE_THAN_KERNELS_TAKE);
    assert.equal(b.receivedBytes, 0);
  });

  checkHalfClose(
    '[STR-12] still writes after the peer has shut down its side, and closes when both have',
    async (a, b) => {
      for (const end of [a, b]) end.act((transport) => transport.resume());
      a.act((transport) => transport.write('question'));
      a.act((transport) => transport.endWrite());
      await b.until(({ endings }) => endings > 0);
      assert.equal(b.received.toString(), 'question');
      assert.equal(b.closings, 0);
      b.act((transport) => transport.write('answer'));
      await a.until(({ receivedBytes }) => receivedBytes === 6);
      b.act((transport) => transport.endWrite());
      for (const end of [a, b]) await end.until(({ closings }) => closings > 0);
      for (const end of [a, b]) assert.deepEqual([end.endings, end.closings, end.error], [1, 1, undefined]);
      assert.equal(a.received.toString(), 'answer');
    },
  );

  check('[STR-08] shuts down writing only after everything queued was sent', async (a, b) => {
    const expected = Buffer.alloc(3_000_000, 'abc');
    a.act((transport) => transport.write(expected));
    a.act((transport) => transport.endWrite());
    b.act((transport) => transport.resume());
    await b.until(({ endings }) => endings > 0);
    assert.ok(b.received.equals(Buffer.alloc(3_000_000, 'abc')));
  });

  check('[STR-12] ignores what is written after endWrite', async (a, b) => {
    b.act((transport) => transport.resume());
    a.act((transport) => transport.write('in time'));
    a.act((transport) => transport.endWrite());
    a.act((transport) => transport.write(', late'));
    a.act((transport) => transport.endWrite());
    await b.until(({ endings }) => endings > 0);
    assert.equal(b.received.toString(), 'in time');
    assert.equal(a.sentBytes, 7);
  });

  check('[STR-10] notifies the peer of a close, and its own side once', async (a, b) => {
    b.act((transport) => transport.resume());
    a.act((transport) => transport.close());
    a.act((transport) => transport.close());
    await b.until(({ endings, closings }) => endings + closings > 0);
    await a.until(({ closings }) => closings > 0);
    a.act((transport) => transport.close());
    a.act((transport) => transport.reset());
    b.act((transport) => transport.close());
    await b.until(({ closings }) => closings > 0);
    assert.deepEqual([a.closings, a.error, b.closings], [1, undefined, 1]);
  });

  checkBothWays('[STR-10] reports nothing after closed, even if the peer continues to send', async (a, b) => {
    b.act((transport) => transport.resume());
    a.act((transport) => transport.resume());
    a.onReceived = () => a.act((transport) => transport.close());
    for (let i = 0; i < 40; i += 1) b.act((transport) => transport.write(Buffer.alloc(100_000)));
    await a.until(({ closings }) => closings > 0);
    const { receivedBytes } = a;
    await b.until(({ closings }) => closings > 0);
    assert.equal(a.receivedBytes, receivedBytes);
  });

  check('[STR-12] closes a writer with the error if its peer is gone', async (a, b) => {
    const [writer, peer] = oneWay ? [a, b] : [b, a];
    writer.act((transport) => transport.resume());
    peer.act((transport) => transport.close());
    if (!oneWay) await writer.until(({ endings, closings }) => endings + closings > 0);
    while (writer.closings === 0) {
      writer.act((transport) => transport.write('is anybody there?'));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { code } = writer.error as NodeJS.ErrnoException;
    assert.ok(code === 'ECONNRESET' || code === 'EPIPE', `another error: ${writer.error}`);
  });

  check('[STR-10] accepts every call after the close and does nothing', async (a, b) => {
    a.act((transport) => transport.close());
    await a.until(({ closings }) => closings > 0);
    a.act((transport) => {
      transport.write('late');
      transport.resume();
      transport.pause();
      transport.endWrite();
      transport.setNoDelay(true);
      transport.ref();
      transport.unref();
    });
    a.transport.flush();
    b.act((transport) => transport.resume());
    await b.until(({ endings, closings }) => endings + closings > 0);
    assert.deepEqual([a.sentBytes, b.receivedBytes], [0, 0]);
  });

  check('[STR-12] ends the peer with a reset', async (a, b) => {
    b.act((transport) => transport.resume());
    a.act((transport) => transport.reset());
    await a.until(({ closings }) => closings > 0);
    assert.equal(a.error, undefined);
    if (reset === 'told') {
      await b.until(({ closings }) => closings > 0);
      assert.equal((b.error as NodeJS.ErrnoException).code, 'ECONNRESET');
      assert.equal(b.endings, 0);
    } else {
      await b.until(({ endings, closings }) => endings + closings > 0);
    }
  });

  checkBothWays('[STR-10] closes with unread bytes, of which it reports none', async (a, b) => {
    a.act((transport) => transport.resume());
    b.onReceived = () => b.act((transport) => transport.pause());
    b.act((transport) => transport.resume());
    for (let i = 0; i < 20; i += 1) a.act((transport) => transport.write(Buffer.alloc(50_000)));
    await b.until(({ receivedBytes }) => receivedBytes > 0);
    const { receivedBytes } = b;
    b.act((transport) => transport.close());
    await b.until(({ closings }) => closings > 0);
    await a.until(({ endings, closings }) => endings + closings > 0);
    assert.deepEqual([b.receivedBytes, b.endings, b.error], [receivedBytes, 0, undefined]);
  });

  checkHalfClose('[STR-14] detaches the channel in the middle of a transfer', async (a, b) => {
    const expected = joined(samplePieces());
    b.act((transport) => transport.resume());
    a.onReceived = () => a.act((transport) => transport.pause());
    a.act((transport) => transport.resume());
    for (const piece of samplePieces()) b.act((transport) => transport.write(piece));
    b.act((transport) => transport.endWrite());
    await a.until(({ receivedBytes }) => receivedBytes > 0);
    const { receivedBytes } = a;
    const heir = a.transport.detach();
    const chunks: Buffer[] = [];
    for await (const chunk of heir.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer);
    assert.ok(Buffer.concat([a.received, ...chunks]).equals(expected));
    heir.end('thanks');
    await b.until(({ closings }) => closings > 0);
    assert.equal(b.received.toString(), 'thanks');
    assert.deepEqual([a.receivedBytes, a.endings, a.closings], [receivedBytes, 0, 0]);
    heir.destroy();
  });

  checkHalfClose('[STR-14] detaches the channel without losing bytes', async (a, b) => {
    b.act((transport) => transport.resume());
    a.onReceived = () => a.act((transport) => transport.pause());
    a.act((transport) => transport.resume());
    b.act((transport) => transport.write('for the transport;'));
    await a.until(({ receivedBytes }) => receivedBytes > 0);
    const { receivedBytes } = a;
    b.act((transport) => transport.write('for its heir'));
    b.act((transport) => transport.endWrite());
    await b.until(({ sentBytes }) => sentBytes === 30);
    const heir = a.transport.detach();
    const chunks: Buffer[] = [];
    for await (const chunk of heir.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer);
    assert.equal(Buffer.concat([a.received, ...chunks]).toString(), 'for the transport;for its heir');
    heir.end('thanks');
    await b.until(({ closings }) => closings > 0);
    assert.equal(b.received.toString(), 'thanks');
    assert.deepEqual([a.receivedBytes, a.endings, a.closings], [receivedBytes, 0, 0]);
    heir.destroy();
  });

  if (!halfClose && !oneWay) {
    check('[STR-12] ends both directions if one ends, after everything queued was sent', async (a, b) => {
      for (const end of [a, b]) end.act((transport) => transport.resume());
      a.act((transport) => transport.write(Buffer.alloc(3_000_000)));
      a.act((transport) => transport.endWrite());
      for (const end of [a, b]) await end.until(({ closings }) => closings > 0);
      assert.deepEqual([b.receivedBytes, b.endings, b.error, a.error], [3_000_000, 1, undefined, undefined]);
    });
  }

  if (oneWay) {
    check(
      '[STR-01] goes one way: a reader ignores writes, and a writer is notified only of its close',
      async (a, b) => {
        assert.deepEqual([a.transport.direction, b.transport.direction], ['write', 'read']);
        for (const end of [a, b]) end.act((transport) => transport.resume());
        b.act((transport) => transport.write('against the stream'));
        a.act((transport) => transport.write('along'));
        await b.until(({ receivedBytes }) => receivedBytes === 5);
        assert.deepEqual([a.receivedBytes, a.endings, a.closings, b.sentBytes], [0, 0, 0, 0]);
        a.act((transport) => transport.endWrite());
        for (const end of [a, b]) await end.until(({ closings }) => closings > 0);
        assert.deepEqual([a.endings, a.error, b.endings, b.error], [0, undefined, 1, undefined]);
      },
    );
  }
}
