import assert from 'node:assert/strict';
import {
  assertClosed,
  assertUsage,
  failureOf,
  type StreamSuite,
  sendByBytes,
  text,
  until,
} from './stream-suite.ts';

/** Cases of `readInto`. */
export function streamIntoReads(suite: StreamSuite): void {
  suite.check("[STR-04] fills a reader's buffer and keeps the rest", async ({ a, b }) => {
    await a.write('abcdef');
    const target = Buffer.alloc(4);
    assert.equal(await b.readInto(target), 4);
    assert.equal(text(target), 'abcd');
    assert.equal(text(await b.readBytes(2)), 'ef');
  });

  suite.check(
    "[STR-04] fills a reader's buffer with bytes that come later, in any pieces",
    async ({ a, b }) => {
      const target = Buffer.alloc(6);
      await a.write('a');
      const read = b.readInto(target);
      await sendByBytes(a, b, 'bcdefgh');
      assert.equal(await read, 6);
      assert.equal(text(target), 'abcdef');
      assert.equal(text(await b.readBytes(2)), 'gh');
    },
  );

  suite.check("[STR-04] resolves with a partly filled reader's buffer if partial", async ({ a, b }) => {
    await a.write('abc');
    const target = Buffer.alloc(10, '.');
    assert.equal(await b.readInto(target, { partial: true }), 3);
    assert.equal(text(target), 'abc.......');
    const later = b.readInto(target, { partial: true });
    await a.write('de');
    assert.equal(await later, 2);
    assert.equal(text(target), 'dec.......');
  });

  suite.check('[STR-04] resolves at once for an empty buffer', async ({ b }) => {
    assert.equal(await b.readInto(new Uint8Array(0)), 0);
    assert.equal(await b.readInto(new Uint8Array(0), { partial: true }), 0);
  });

  suite.check("[STR-04] moves many megabytes into a reader's buffer", async ({ a, b }) => {
    const pattern = Uint8Array.from({ length: 251 }, (_, i) => i);
    const sent = Buffer.alloc(5 * 1024 * 1024, pattern);
    void a.write(sent);
    const target = Buffer.alloc(sent.length);
    assert.equal(await b.readInto(target), sent.length);
    assert.ok(target.equals(Buffer.alloc(sent.length, pattern)));
  });

  suite.check("[STR-02] puts back what a reader's buffer has taken when aborted", async ({ a, b }) => {
    const controller = new AbortController();
    const failure = failureOf(b.readInto(Buffer.alloc(10), { signal: controller.signal }));
    await a.write('half');
    await until(() => b.bytesReceived === 4);
    const reason = new Error('enough');
    controller.abort(reason);
    assert.equal(await failure, reason);
    await a.write('!');
    assert.equal(text(await b.readBytes(5)), 'half!');
  });

  suite.check("[STR-05] puts back what a reader's buffer has taken when the peer ends", async ({ a, b }) => {
    const failed = assertClosed(b.readInto(Buffer.alloc(10)));
    await a.write('half');
    a.endWrite();
    await failed;
    assert.equal(text(await b.readUntilClose()), 'half');
  });

  suite.check('[STR-04] reads 0 bytes into a buffer that was transferred meanwhile', async ({ a, b }) => {
    const target = new Uint8Array(10);
    const read = b.readInto(target);
    structuredClone(target.buffer, { transfer: [target.buffer] });
    await a.write('bytes');
    assert.equal(await read, 0);
    assert.equal(text(await b.readBytes(5)), 'bytes');
  });

  suite.check(
    '[STR-04] refuses anything but a Uint8Array, and a buffer above the limit',
    async ({ a, b }) => {
      for (const target of [new Float64Array(2), 'text', undefined, new Uint8Array(1025)]) {
        await assertUsage(b.readInto(target as Uint8Array));
      }
      void a.write(Buffer.alloc(1024));
      assert.equal(await b.readInto(new Uint8Array(1024)), 1024);
    },
    { maxReadBufferBytes: 1024 },
  );
}
