import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IOStream } from '../stream/io-stream.ts';
import type { CompliancePair, TestFramework } from './capabilities.ts';
import { joined, samplePieces } from './sample-pieces.ts';
import { RecordedEnd } from './transport-suite.ts';

const MIB = 1024 * 1024;
/** More than the kernel of any system buffers for one connection. */
const MORE_THAN_KERNELS_TAKE = 48 * MIB;

/** Sends files through a stream over one end of a pair. */
class FileTrial {
  readonly stream: IOStream;
  readonly peer: RecordedEnd;
  readonly #folder: string;
  #files = 0;

  constructor(pair: CompliancePair, folder: string, maxWriteBufferBytes: number) {
    this.stream = new IOStream(pair.a, { maxWriteBufferBytes });
    this.peer = new RecordedEnd(pair.b);
    this.#folder = folder;
  }

  /** Creates a file, open for reading and writing. It is deleted with its folder. */
  async file(content: Uint8Array | string = '') {
    this.#files += 1;
    const handle = await open(join(this.#folder, `${this.#files}`), 'w+');
    await handle.writeFile(content);
    return handle;
  }

  /** Starts sending a file that is larger than the connection can buffer, to a peer that does not read yet. */
  async begun(options: { signal?: AbortSignal } = {}) {
    const file = await this.file();
    await file.truncate(MORE_THAN_KERNELS_TAKE);
    const sent = this.stream.sendFile(file, options);
    while (this.stream.bytesSent === 0) await new Promise((resolve) => setImmediate(resolve));
    return { file, sent };
  }

  /** Reads everything until the peer's stream ends. */
  async readAll(): Promise<Buffer> {
    this.peer.act((transport) => transport.resume());
    await this.peer.until(({ endings, closings }) => endings + closings > 0);
    return this.peer.received;
  }
}

/**
 * Registers the cases that send files. The results must be the same whether the transport sends the file itself or the
 * stream reads it.
 */
export function fileCompliance({ it }: TestFramework, makePair: () => Promise<CompliancePair>): void {
  const check = (
    behaviour: string,
    test: (trial: FileTrial) => Promise<void>,
    maxWriteBufferBytes = MIB,
  ): void =>
    it(behaviour, async () => {
      const pair = await makePair();
      const folder = await mkdtemp(join(tmpdir(), 'landspout-'));
      const trial = new FileTrial(pair, folder, maxWriteBufferBytes);
      try {
        await test(trial);
        assert.deepEqual(trial.peer.violations, []);
      } finally {
        trial.stream.close();
        pair.b.close();
        await pair.close();
        await rm(folder, { recursive: true });
      }
    });

  check(
    '[STR-08] sends files and parts of them in order with what is written, and then the end',
    async (trial) => {
      const { stream } = trial;
      const sample = joined(samplePieces());
      const file = await trial.file(sample);
      stream.send('before;');
      const sent = [
        stream.sendFile(file),
        stream.sendFile(file.fd, { start: 65_535, end: 65_536 }),
        stream.sendFile(file, { start: 17, end: 17 }),
      ];
      for (const word of ['be', 'tween', ';']) stream.send(word);
      sent.push(stream.sendFile(file, { start: 1_000_001 }), stream.sendFile(file.fd, { end: 70_000 }));
      const written = stream.write('behind');
      stream.endWrite();
      const lengths = [sample.length, 1, 0, sample.length - 1_000_001, 70_000];
      const total = lengths.reduce((sum, length) => sum + length) + 21;
      assert.equal(stream.queuedBytes, total);
      const received = await trial.readAll();
      assert.deepEqual(await Promise.all(sent), lengths);
      await written;
      assert.deepEqual([stream.queuedBytes, stream.bytesSent], [0, total]);
      const expected = [sample, sample.subarray(65_535, 65_536), sample.subarray(1_000_001)];
      const parts = ['before;', ...expected.slice(0, 2), 'between;', expected[2] as Buffer];
      assert.ok(
        received.equals(joined([...parts, sample.subarray(0, 70_000), 'behind'])),
        'the received bytes differ from the sent ones',
      );
      // The position of the file handle must not be changed, since the caller owns the handle.
      assert.equal((await file.readFile()).length, 0);
      await file.close();
    },
  );

  check('[STR-09] sends a file to a reader that stops and starts', async (trial) => {
    const sample = joined(samplePieces());
    const file = await trial.file(Buffer.concat([sample, sample, sample]));
    trial.peer.onReceived = () => {
      trial.peer.act((transport) => transport.pause());
      setImmediate(() => trial.peer.act((transport) => transport.resume()));
    };
    const sent = trial.stream.sendFile(file);
    trial.stream.endWrite();
    assert.ok((await trial.readAll()).equals(Buffer.concat([sample, sample, sample])));
    assert.equal(await sent, 3 * sample.length);
    await file.close();
  });

  check('sends the part of a file beyond 4 GiB', async (trial) => {
    const file = await trial.file();
    const size = 5 * 1024 * MIB;
    await file.truncate(size);
    await file.write(Buffer.from('the end'), 0, 7, size - 7);
    const sent = trial.stream.sendFile(file, { start: size - 100 * 1024 });
    trial.stream.endWrite();
    const received = await trial.readAll();
    assert.equal(await sent, 100 * 1024);
    assert.ok(received.equals(Buffer.concat([Buffer.alloc(100 * 1024 - 7), Buffer.from('the end')])));
    await file.close();
  });

  check(
    '[STR-08] resolves sendFile only after the file was sent, after all that was queued before it',
    async (trial) => {
      const { stream } = trial;
      const file = await trial.file('a few bytes');
      let settled = 0;
      void stream.write(Buffer.alloc(MORE_THAN_KERNELS_TAKE));
      const sent = [stream.sendFile(file), stream.sendFile(file)];
      for (const promise of sent) void promise.then(() => (settled += 1));
      trial.peer.act((transport) => transport.resume());
      await trial.peer.until(({ receivedBytes }) => receivedBytes >= MORE_THAN_KERNELS_TAKE / 4);
      trial.peer.act((transport) => transport.pause());
      assert.deepEqual([settled, stream.queuedBytes + stream.bytesSent], [0, MORE_THAN_KERNELS_TAKE + 22]);
      stream.endWrite();
      assert.equal((await trial.readAll()).length, MORE_THAN_KERNELS_TAKE + 22);
      assert.deepEqual(await Promise.all(sent), [11, 11]);
      await file.close();
    },
    2 * MORE_THAN_KERNELS_TAKE,
  );

  check(
    '[STR-08] counts a file as queued but not towards the limit, and later writes as both',
    async (trial) => {
      const { stream } = trial;
      const { sent, file } = await trial.begun();
      assert.equal(stream.queuedBytes + stream.bytesSent, MORE_THAN_KERNELS_TAKE);
      assert.equal(stream.isWritable, false);
      const drained = stream.waitDrained({ toBytes: 0 });
      void stream.write(Buffer.alloc(MIB / 2));
      assert.throws(() => void stream.write(Buffer.alloc(MIB)), { code: 'ERR_STREAM_WRITE_BUFFER_FULL' });
      // Each waiting file counts towards the limit too.
      const more = Array.from({ length: 1024 }, () => stream.sendFile(file, { end: 1 }));
      await assert.rejects(Promise.all(more), { code: 'ERR_STREAM_WRITE_BUFFER_FULL' });
      trial.peer.act((transport) => transport.resume());
      await drained;
      assert.equal(await sent, MORE_THAN_KERNELS_TAKE);
      stream.close();
      await file.close();
    },
  );

  check('resets the connection if the file has become shorter', async (trial) => {
    const { stream } = trial;
    const { file, sent } = await trial.begun();
    const written = stream.write('never');
    await file.truncate(MIB);
    const failed = assert.rejects(sent, { code: 'ERR_STREAM_FILE_CHANGED' });
    const received = await trial.readAll();
    await failed;
    await assert.rejects(written, { code: 'ERR_STREAM_CLOSED' });
    assert.equal((stream.error as NodeJS.ErrnoException).code, 'ERR_STREAM_FILE_CHANGED');
    assert.equal(stream.closeReason, 'we-reset');
    assert.ok(received.length < MORE_THAN_KERNELS_TAKE);
    assert.ok(!received.includes('never'));
    await file.close();
  });

  check('resets the connection if the file cannot be read', async (trial) => {
    const folder = await open(tmpdir());
    const sent = trial.stream.sendFile(folder, { end: 10 });
    await assert.rejects(sent, { code: 'ERR_STREAM_FILE_UNREADABLE' });
    const { cause } = trial.stream.error as Error;
    assert.equal((cause as NodeJS.ErrnoException).code, 'EISDIR');
    assert.equal(trial.stream.closeReason, 'we-reset');
    await folder.close();
  });

  check('resets the stream if a file is aborted while it is being sent', async (trial) => {
    const { stream } = trial;
    const stop = new AbortController();
    const { file, sent } = await trial.begun({ signal: stop.signal });
    const reason = new Error('no longer wanted');
    stop.abort(reason);
    await assert.rejects(sent, reason);
    assert.deepEqual([stream.error, stream.closeReason], [reason, 'we-reset']);
    assert.ok((await trial.readAll()).length < MORE_THAN_KERNELS_TAKE);
    await file.close();
  });

  check('skips a file that is aborted before its first byte, and sends what follows it', async (trial) => {
    const { stream } = trial;
    const stop = new AbortController();
    const { file, sent } = await trial.begun();
    const passedOver = stream.sendFile(file, { signal: stop.signal });
    const behind = stream.write('behind');
    stream.endWrite();
    stop.abort();
    await assert.rejects(passedOver, { name: 'AbortError' });
    const received = await trial.readAll();
    assert.equal(await sent, MORE_THAN_KERNELS_TAKE);
    await behind;
    assert.equal(received.length, MORE_THAN_KERNELS_TAKE + 6);
    assert.deepEqual([stream.queuedBytes, stream.bytesSent], [0, received.length]);
    await file.close();
  });

  check('[STR-10] rejects for the files of a stream that closes, and releases them', async (trial) => {
    const { stream } = trial;
    const { file, sent } = await trial.begun();
    const next = stream.sendFile(file);
    stream.close();
    await assert.rejects(sent, { code: 'ERR_STREAM_CLOSED' });
    await assert.rejects(next, { code: 'ERR_STREAM_CLOSED' });
    await assert.rejects(stream.sendFile(file), { code: 'ERR_STREAM_CLOSED' });
    assert.ok((await trial.readAll()).length < MORE_THAN_KERNELS_TAKE);
    await file.close();
  });

  check('[STR-10] closes gracefully only after the file was sent', async (trial) => {
    const { file, sent } = await trial.begun();
    trial.stream.closeGracefully();
    assert.equal((await trial.readAll()).length, MORE_THAN_KERNELS_TAKE);
    assert.equal(await sent, MORE_THAN_KERNELS_TAKE);
    trial.peer.act((transport) => transport.endWrite());
    await trial.stream.waitClosed();
    assert.equal(trial.stream.error, undefined);
    await file.close();
  });
}
