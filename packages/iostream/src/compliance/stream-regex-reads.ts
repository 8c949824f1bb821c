import assert from 'node:assert/strict';
import { assertClosed, assertUsage, failureOf, type StreamSuite, sendByBytes, text } from './stream-suite.ts';

const EMPTY_LINE = /\r?\n\r?\n/;

/** Cases of `readUntilRegex`. */
export function streamRegexReads(suite: StreamSuite): void {
  suite.check('[STR-03] reads up to the end of the first match and keeps the rest', async ({ a, b }) => {
    await a.write('head\n\r\nbody');
    assert.equal(text(await b.readUntilRegex(EMPTY_LINE)), 'head\n\r\n');
    assert.equal(text(await b.readBytes(4)), 'body');
  });

  for (const options of [{}, { maxMatchBytes: 4 }]) {
    const named = JSON.stringify(options);
    suite.check(`[STR-03] finds a match that arrives byte by byte, with ${named}`, async ({ a, b }) => {
      const read = b.readUntilRegex(EMPTY_LINE, options);
      await sendByBytes(a, b, 'a\nb\rc\r\n\r\nrest');
      assert.equal(text(await read), 'a\nb\rc\r\n\r\n');
      assert.equal(text(await b.readBytes(4)), 'rest');
    });
  }

  suite.check(
    '[STR-03] closes if a match would end past maxBytes, and accepts one that ends there',
    async ({ a, b }) => {
      await a.write('0123456789;0123456789;');
      assert.equal(text(await b.readUntilRegex(/;/, { maxBytes: 11 })), '0123456789;');
      await assertClosed(b.readUntilRegex(/;/, { maxBytes: 10 }), 'ERR_STREAM_UNSATISFIABLE');
      assert.equal(b.isClosed, true);
    },
  );

  suite.check('[STR-03] closes if maxBytes arrive without a match', async ({ a, b }) => {
    const failed = assertClosed(b.readUntilRegex(/;/, { maxBytes: 10 }), 'ERR_STREAM_UNSATISFIABLE');
    await a.write('0123456789');
    await failed;
  });

  suite.check('[STR-05] rejects if the peer ends without a match, and keeps the bytes', async ({ a, b }) => {
    await a.write('no match');
    a.endWrite();
    await assertClosed(b.readUntilRegex(/;/));
    assert.equal(text(await b.readUntilClose()), 'no match');
  });

  suite.check(
    '[STR-02] cancels the search for a match by its signal, and loses no bytes',
    async ({ a, b }) => {
      const controller = new AbortController();
      const failure = failureOf(b.readUntilRegex(/;/, { signal: controller.signal }));
      await a.write('half');
      const reason = new Error('enough');
      controller.abort(reason);
      assert.equal(await failure, reason);
      await a.write(' whole;');
      assert.equal(text(await b.readUntilRegex(/;/)), 'half whole;');
    },
  );

  suite.check(
    '[STR-03] reads bytes as latin1, and does not change the state of a pattern',
    async ({ a, b }) => {
      await a.write(Buffer.from([0xff, 0x00, 0xe9, 0x41]));
      const pattern = /\xe9/gy;
      pattern.lastIndex = 3;
      assert.deepEqual([...(await b.readUntilRegex(pattern))], [0xff, 0x00, 0xe9]);
      assert.equal(pattern.lastIndex, 3);
    },
  );

  suite.check('[STR-06] considers the preceding bytes when a search resumes', async ({ a, b }) => {
    // The resumed search must not match ^ or \b where the text neither starts nor has a word boundary.
    const read = b.readUntilRegex(/^x|\bend|(?<=1)2/, { maxMatchBytes: 3 });
    await sendByBytes(a, b, 'aaaaaxbendb2b12');
    assert.equal(text(await read), 'aaaaaxbendb2b12');
  });

  const wrong = [
    ['a string', 'x', {}],
    ['a negative limit', /x/, { maxBytes: -1 }],
    ['a limit that is not a number', /x/, { maxBytes: Number.NaN }],
    ['a match limit of 0 bytes', /x/, { maxMatchBytes: 0 }],
  ] as const;
  for (const [name, pattern, options] of wrong) {
    suite.check(`[STR-03] refuses ${name}, and the stream stays open`, async ({ a, b }) => {
      await assertUsage(b.readUntilRegex(pattern as RegExp, options));
      await a.write('ok');
      assert.equal(text(await b.readBytes(2)), 'ok');
    });
  }
}
