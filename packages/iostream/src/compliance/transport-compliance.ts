import assert from 'node:assert/strict';
import {
  type CompliancePair,
  resolveCapabilities,
  type TestFramework,
  type TransportCapabilities,
} from './capabilities.ts';
import { fileCompliance } from './file-compliance.ts';
import { RecordedEnd } from './recorded-end.ts';
import { joined, samplePieces } from './sample-pieces.ts';

/** More than the kernel buffers of any system take for one connection. */
const MORE_THAN_KERNELS_TAKE = 48 * 1024 * 1024;

/**
 * Registers, under `name`, what every transport does. A case that holds a line of the checklist names it (`[STR-09]`).
 *
 * @param makePair - makes a fresh pair for each case.
 * @param capabilities - in what the transport differs from TCP. Where it says no, the case holds what happens instead.
 */
export function transportCompliance(
  name: string,
  framework: TestFramework,
  makePair: () => Promise<CompliancePair>,
  capabilities: TransportCapabilities = {},
): void {
  const { describe, it } = framework;

  /** A test on two recorded ends, at whose end no rule may have been broken by either. */
  const check = (behaviour: string, test: (a: RecordedEnd, b: RecordedEnd) => Promise<void>): void =>
    it(behaviour, async () => {
      const pair = await makePair();
      const a = new RecordedEnd(pair.a);
      const b = new RecordedEnd(pair.b);
      try {
        await test(a, b);
        assert.deepEqual([...a.violations, ...b.violations], []);
      } finally {
        pair.a.close();
        pair.b.close();
        await pair.close();
      }
    });

  const { halfClose, oneWay, reset } = resolveCapabilities(capabilities);
  const leftOut: typeof check = () => {};
  const checkBothWays = oneWay ? leftOut : check;
  const checkHalfClose = halfClose ? checkBothWays : leftOut;

  describe(name, () => {
    check(
      '[STR-08] delivers strings and bytes in order and whole, to a reader that stops and starts',
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
        assert.ok(b.received.equals(expected), 'other bytes came than were written');
        await a.until(({ sentBytes }) => sentBytes >= expected.length);
        assert.equal(a.sentBytes, expected.length);
        // What the reader does to the bytes that it was lent must not reach what the writer owns.
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

    check('[STR-08] hands bytes over at once when told to flush', async (a, b) => {
      b.act((transport) => transport.resume());
      a.act((transport) => transport.write('last words'));
      a.transport.flush();
      a.act((transport) => transport.close());
      await b.until(({ endings, closings }) => endings + closings > 0);
      assert.equal(b.received.toString(), 'last words');
    });

    checkBothWays('[STR-09] takes no more than the way holds while the reader is paused', async (a, b) => {
      a.act((transport) => transport.resume());
      const piece = Buffer.alloc(64 * 1024, 'x');
      for (let left = MORE_THAN_KERNELS_TAKE; left > 0; left -= piece.length)
        a.act((transport) => transport.write(piece));
      await exchangeSmallMessages(b, a, 30);
      assert.ok(a.sentBytes < MORE_THAN_KERNELS_TAKE, 'everything was sent although nobody reads');
      assert.equal(b.receivedBytes, 0);
      b.act((transport) => transport.resume());
      await b.until(({ receivedBytes }) => receivedBytes >= MORE_THAN_KERNELS_TAKE);
      await a.until(({ sentBytes }) => sentBytes >= MORE_THAN_KERNELS_TAKE);
      assert.equal(a.sentBytes, MORE_THAN_KERNELS_TAKE);
    });

    checkHalfClose('[STR-09] starts paused, and loses nothing by it', async (a, b) => {
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
        // Nothing can be sent any more that would show how far the other end is.
        for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual([b.endings, b.closings], [0, 0]);
        b.act((transport) => transport.resume());
        await b.until(({ closings }) => closings > 0);
        assert.deepEqual([b.receivedBytes, b.endings, b.error], [3, 1, undefined]);
      },
    );

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
      '[STR-12] goes on writing after the peer has shut down its side, and closes when both have',
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

    check('[STR-08] shuts down writing only after all that is queued', async (a, b) => {
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

    check('[STR-10] tells the peer of a close, and its own side once', async (a, b) => {
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

    checkBothWays(
      '[STR-10] reports nothing after closed, whatever the peer goes on sending',
      async (a, b) => {
        b.act((transport) => transport.resume());
        a.act((transport) => transport.resume());
        a.onReceived = () => a.act((transport) => transport.close());
        for (let i = 0; i < 40; i += 1) b.act((transport) => transport.write(Buffer.alloc(100_000)));
        await a.until(({ closings }) => closings > 0);
        const { receivedBytes } = a;
        await b.until(({ closings }) => closings > 0);
        assert.equal(a.receivedBytes, receivedBytes);
      },
    );

    check('[STR-12] closes a writer whose peer has gone, with the error', async (a, b) => {
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

    check('[STR-12] ends the peer by a reset', async (a, b) => {
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

    checkHalfClose('[STR-14] gives the channel away with nothing lost', async (a, b) => {
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

    check('names both ends, also after the close', async (a, b) => {
      const { localAddress, remoteAddress } = a.transport;
      if ('port' in localAddress) {
        assert.deepEqual(localAddress, b.transport.remoteAddress);
        assert.deepEqual(remoteAddress, b.transport.localAddress);
        assert.ok(localAddress.port > 0);
      } else {
        assert.equal(b.transport.remoteAddress.family, localAddress.family);
      }
      a.act((transport) => transport.close());
      await a.until(({ closings }) => closings > 0);
      assert.deepEqual(a.transport.localAddress, localAddress);
      assert.deepEqual(a.transport.remoteAddress, remoteAddress);
    });

    check('[STR-13] takes ref, unref and setNoDelay in any order', async (a, b) => {
      a.act((transport) => {
        transport.unref();
        transport.unref();
        transport.setNoDelay(false);
        transport.ref();
        transport.ref();
        transport.setNoDelay(true);
      });
      b.act((transport) => transport.resume());
      a.act((transport) => transport.write('still works'));
      await b.until(({ receivedBytes }) => receivedBytes === 11);
    });

    if (!halfClose && !oneWay) {
      check('[STR-12] ends both directions with one, after all that was queued', async (a, b) => {
        for (const end of [a, b]) end.act((transport) => transport.resume());
        a.act((transport) => transport.write(Buffer.alloc(3_000_000)));
        a.act((transport) => transport.endWrite());
        for (const end of [a, b]) await end.until(({ closings }) => closings > 0);
        assert.deepEqual(
          [b.receivedBytes, b.endings, b.error, a.error],
          [3_000_000, 1, undefined, undefined],
        );
      });
    }

    if (oneWay) {
      check(
        '[STR-01] goes one way: a reader ignores writes, and a writer hears of nothing but its close',
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

    fileCompliance(framework, makePair);
  });
}

/**
 * Lets many turns pass in which `to` could have heard of anything, without a sleep: messages go from one end to
 * the other, one after the other.
 */
async function exchangeSmallMessages(from: RecordedEnd, to: RecordedEnd, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const before = to.receivedBytes;
    from.act((transport) => transport.write('.'));
    await to.until(({ receivedBytes }) => receivedBytes > before);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
