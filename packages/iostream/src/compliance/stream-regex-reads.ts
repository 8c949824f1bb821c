import assert from 'node:assert/strict';
import { assertClosed, assertUsage, failureOf, type StreamSuite, sendByBytes, text } from './stream-suite.ts';

const EMPTY_LINE = /\r?\n\r?\n/;

/** `readUntilRegex`. */
export function streamRegexReads(suite: StreamSuite): void {
  suite.check('[STR-03] reads up to the end of the first match and keeps the rest', async ({ a, b }) => {
    await a.write('head\n\r\nbody');
    assert.equal(text(await b.readUntilRegex(EMPTY_LINE)), 'head\n\r\n');
    assert.equal(text(await b.readBytes(4)), 'body');
  });

  for (const options of [{}, { maxMatchBytes: 4 }]) {
    const named = JSON.stringify(options);
    suite.check(`[STR-03] finds a match that comes byte by byte, with ${named}`, async ({ a, b }) => {
      const read = b.readUntilRegex(EMPTY_LINE, options);
      await sendByBytes(a, b, 'a\nb\rc\r\n\r\nrest');
      assert.equal(text(await read), 'a\nb\rc\r\n\r\n');
      assert.equal(text(await b.readBytes(4)), 'rest');
    });
  }

  suite.check(
    '[STR-03] closes when a match would end past maxBytes, and takes one there',
    async ({ a, b }) => {
      await a.write('0123456789;0123456789;');
      assert.equal(text(await b.readUntilRegex(/;/, { maxBytes: 11 })), '0123456789;');
      await assertClosed(b.readUntilRegex(/;/, { maxBytes: 10 }), 'ERR_STREAM_UNSATISFIABLE');
      assert.equal(b.isClosed, true);
    },
  );

  suite.check('[STR-03] closes when maxBytes come without a match', async ({ a, b }) => {
    const failed = assertClosed(b.readUntilRegex(/;/, { maxBytes: 10 }), 'ERR_STREAM_UNSATISFIABLE');
    await a.write('0123456789');
    await failed;
  });

  suite.check('[STR-05] fails when the peer ends without a match, and leaves the bytes', async ({ a, b }) => {
    await a.write('no match');
    a.endWrite();
    await assertClosed(b.readUntilRegex(/;/));
    assert.equal(text(await b.readUntilClose()), 'no match');
  });

  suite.check('[STR-02] stops the search for a match by its signal, and loses nothing', async ({ a, b }) => {
    const controller = new AbortController();
    const failure = failureOf(b.readUntilRegex(/;/, { signal: controller.signal }));
    await a.write('half');
    const reason = new Error('enough');
    controller.abort(reason);
    assert.equal(await failure, reason);
    await a.write(' whole;');
    assert.equal(text(await b.readUntilRegex(/;/)), 'half whole;');
  });

  suite.check('[STR-03] takes bytes as latin1, and leaves the state of a pattern alone', async ({ a, b }) => {
    await a.write(Buffer.from([0xff, 0x00, 0xe9, 0x41]));
    const pattern = /\xe9/gy;
    pattern.lastIndex = 3;
    assert.deepEqual([...(await b.readUntilRegex(pattern))], [0xff, 0x00, 0xe9]);
    assert.equal(pattern.lastIndex, 3);
  });

  suite.check('[STR-06] sees what stands before a search that resumes', async ({ a, b }) => {
    // No start of a text is there, and no word boundary.
    const read = b.readUntilRegex(/^x|\bend|(?<=1)2/, { maxMatchBytes: 3 });
    await sendByBytes(a, b, 'aaaaaxbendb2b12');
    assert.equal(text(await read), 'aaaaaxbendb2b12');
  });

  const wrong = [
    ['a string', 'x', {}],
    ['a negative limit', /x/, { maxBytes: -1 }],
    ['no number for a limit', /x/, { maxBytes: Number.NaN }],
    ['a match of no byte', /x/, { maxMatchBytes: 0 }],
  ] as const;
  for (const [name, pattern, options] of wrong) {
    suite.check(`[STR-03] refuses ${name} for a pattern, and the stream goes on`, async ({ a, b }) => {
      await assertUsage(b.readUntilRegex(pattern as RegExp, options));
      await a.write('ok');
      assert.equal(text(await b.readBytes(2)), 'ok');
    });
  }
}
