import assert from 'node:assert/strict';
import type { IOStream } from '../stream/io-stream.ts';
import { assertClosed, assertUsage, failureOf, type StreamSuite, sendByBytes, text } from './stream-suite.ts';

const READS: Readonly<Record<string, (stream: IOStream) => Promise<unknown>>> = {
  readUntil: (stream) => stream.readUntil('\n'),
  readUntilRegex: (stream) => stream.readUntilRegex(/\n/),
  readBytes: (stream) => stream.readBytes(1),
  'readBytes of 0': (stream) => stream.readBytes(0),
  'partial readBytes': (stream) => stream.readBytes(9, { partial: true }),
  readInto: (stream) => stream.readInto(new Uint8Array(1)),
  readUntilClose: (stream) => stream.readUntilClose(),
  lines: (stream) => stream.lines().next(),
  chunks: (stream) => stream.chunks().next(),
  pipeTo: (stream) => stream.pipeTo(stream),
};
const quiet = { received() {}, ended() {}, drained() {}, closed() {} };

/**
 * How a consumer fails. A rejection of `ended` is not included, because on a one-way stream it occurs after the close.
 */
const CONSUMER_FAILURES = [
  ['received', 'throws'],
  ['received', 'rejects'],
  ['drained', 'throws'],
  ['drained', 'rejects'],
  ['ended', 'throws'],
] as const;

/**
 * Cases of reads: only one is pending at a time, and each gets exactly the bytes it requested, however they arrive and
 * whatever else tries to read.
 */
export function streamReads(suite: StreamSuite): void {
  suite.check('[STR-03] reads up to a delimiter and keeps the bytes after it', async ({ a, b }) => {
    await a.write('one\r\ntwo\r\nrest');
    assert.equal(text(await b.readUntil('\r\n')), 'one\r\n');
    assert.equal(text(await b.readUntil(Buffer.from('\r\n'))), 'two\r\n');
    assert.equal(text(await b.readBytes(4)), 'rest');
  });

  suite.check('[STR-03] [STR-06] finds a delimiter that arrives byte by byte', async ({ a, b }) => {
    const head = b.readUntil('\r\n\r\n');
    await sendByBytes(a, b, 'he\r\nad\r\n\r\ntail');
    assert.equal(text(await head), 'he\r\nad\r\n\r\n');
    assert.equal(text(await b.readBytes(4)), 'tail');
  });

  suite.check('[STR-04] reads an exact number of bytes, a part of it, or none', async ({ a, b }) => {
    assert.equal((await b.readBytes(0)).length, 0);
    await a.write('abcdef');
    assert.equal(text(await b.readBytes(2)), 'ab');
    assert.equal(text(await b.readBytes(100, { partial: true })), 'cdef');
  });

  suite.check('[STR-04] reads until the peer ends', async ({ a, b }) => {
    const sent = Buffer.alloc(300_000, 'question');
    void a.write(sent);
    a.endWrite();
    assert.ok((await b.readUntilClose()).equals(sent));
    assert.equal(b.isEnded, true);
    assert.equal((await b.readUntilClose()).length, 0);
  });

  suite.check('[STR-05] handles a message and the end that arrive together', async ({ a, b }) => {
    const line = b.readUntil('\n');
    a.send('line\nrest');
    a.endWrite();
    assert.equal(text(await line), 'line\n');
    assert.equal(text(await b.readUntilClose()), 'rest');
    assert.equal(b.isEnded, true);
  });

  suite.check(
    '[STR-05] rejects a waiting read if the peer ends first, and keeps its bytes',
    async ({ a, b }) => {
      const failed = assertClosed(b.readUntil('\n'));
      await a.write('half a li');
      a.endWrite();
      await failed;
      await assertClosed(b.readBytes(10));
      assert.equal(text(await b.readBytes(5)), 'half ');
      assert.equal(text(await b.readBytes(100, { partial: true })), 'a li');
    },
  );

  suite.check('[STR-02] cancels a read by its signal, and loses no bytes', async ({ a, b }) => {
    const controller = new AbortController();
    const failure = failureOf(b.readUntil('\n', { signal: controller.signal }));
    await a.write('half');
    const reason = new Error('no longer wanted');
    controller.abort(reason);
    assert.equal(await failure, reason);
    await a.write(' whole\n');
    assert.equal(text(await b.readUntil('\n')), 'half whole\n');
  });

  for (const [name, read] of Object.entries(READS)) {
    suite.check(`[STR-02] refuses ${name} as a second read, and the first continues`, async ({ a, b }) => {
      const first = b.readBytes(2);
      await assertUsage(read(b), 'ERR_STREAM_BUSY');
      assert.throws(() => b.setConsumer(quiet), { code: 'ERR_STREAM_BUSY' });
      await a.write('ok');
      assert.equal(text(await first), 'ok');
    });

    suite.check(`[STR-02] refuses ${name} beside a consumer`, async ({ b }) => {
      b.setConsumer(quiet);
      await assertUsage(read(b), 'ERR_STREAM_BUSY');
    });
  }

  suite.check('[STR-02] reports that it is closed rather than busy', async ({ b }) => {
    b.setConsumer(quiet);
    b.close();
    await assertClosed(b.readBytes(1));
  });

  suite.check('[STR-02] rejects each of several reads because of the close only', async ({ b }) => {
    b.close();
    await Promise.all(
      [b.readBytes(1), b.readUntil('\n'), b.readInto(new Uint8Array(1))].map((read) => assertClosed(read)),
    );
  });

  suite.check('[STR-13] reports whether a read is waiting', async ({ a, b }) => {
    assert.equal(b.isReading, false);
    const read = b.readBytes(1);
    assert.equal(b.isReading, true);
    await a.write('x');
    await read;
    assert.equal(b.isReading, false);
  });

  suite.check('[STR-05] puts bytes back before all others', async ({ a, b }) => {
    await a.write('world\n');
    assert.equal(text(await b.readBytes(2)), 'wo');
    b.unread(Buffer.from('hello wo'));
    assert.equal(text(await b.readUntil('\n')), 'hello world\n');
  });

  suite.check('[STR-05] resolves a waiting read with bytes that are put back', async ({ b }) => {
    const line = b.readUntil('\n');
    b.unread(Buffer.from('put back\nrest'));
    assert.equal(text(await line), 'put back\n');
    assert.equal(text(await b.readBytes(4)), 'rest');
  });

  suite.check(
    '[STR-05] passes a consumer the buffered bytes first, valid only during the call',
    async ({ a, b }) => {
      await a.write('line\nbuffered');
      assert.equal(text(await b.readUntil('\n')), 'line\n');
      let seen = '';
      const ended = new Promise<void>((resolve) => {
        b.setConsumer({
          ...quiet,
          received(bytes, start, end) {
            seen += bytes.toString('latin1', start, end);
            bytes.fill(0x2e, start, end);
          },
          ended: () => resolve(),
        });
      });
      assert.equal(seen, '');
      b.resume();
      await a.write(' and later');
      a.endWrite();
      await ended;
      assert.equal(seen, 'buffered and later');
    },
  );

  suite.check('[STR-05] goes on reading after a consumer has left on buffered bytes', async ({ a, b }) => {
    await a.write('line\nlast');
    assert.equal(text(await b.readUntil('\n')), 'line\n');
    const left = new Promise<void>((resolve) => {
      b.setConsumer({
        ...quiet,
        received() {
          b.setConsumer(undefined);
          resolve();
        },
      });
    });
    b.resume();
    await left;
    const read = b.readBytes(4);
    await a.write('more');
    assert.equal(text(await read), 'more');
  });

  suite.check('[STR-05] reads buffered bytes that no consumer has waited for', async ({ a, b }) => {
    await a.write('line\nlast');
    assert.equal(text(await b.readUntil('\n')), 'line\n');
    b.setConsumer(quiet);
    b.resume();
    b.setConsumer(undefined);
    const read = b.readBytes(8);
    await a.write('more');
    assert.equal(text(await read), 'lastmore');
  });

  for (const [method, how] of CONSUMER_FAILURES) {
    suite.check(`[STR-10] closes with the error if its consumer ${how} in ${method}`, async ({ a, b }) => {
      const failure = new Error('a bug');
      const stream = method === 'drained' ? a : b;
      const closedWith = new Promise<Error | undefined>((resolve) => {
        const fail = (): unknown => {
          if (how === 'rejects') return Promise.reject(failure);
          throw failure;
        };
        stream.setConsumer({ ...quiet, [method]: fail, closed: resolve });
      });
      stream.resume();
      a.send('x');
      if (method === 'ended') a.endWrite();
      assert.equal(await closedWith, failure);
      assert.equal(stream.error, failure);
    });
  }
}
