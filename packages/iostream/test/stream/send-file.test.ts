import { spawnSync } from 'node:child_process';
import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHANNEL_NAMES, withPair } from '../support/stream-pair.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe.each(CHANNEL_NAMES)('IOStream.sendFile over %s', (channel) => {
  let folder: string;
  let file: FileHandle;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'landspout-'));
    file = await open(join(folder, 'file'), 'w+');
    await file.writeFile(Buffer.alloc(8 * MIB, 'all in memory '));
  });
  afterAll(async () => {
    await file.close();
    await rm(folder, { recursive: true });
  });

  it('refuses invalid arguments, with nothing queued', () =>
    withPair(channel, async ({ a }) => {
      const closed = await open(join(folder, 'file'));
      await closed.close();
      const usage = { code: 'ERR_STREAM_USAGE' };
      for (const wrong of ['file', null, undefined, -1, 1.5, 2 ** 31, {}, { fd: 3 }, closed]) {
        await expect(a.sendFile(wrong as FileHandle), String(wrong)).rejects.toMatchObject(usage);
      }
      for (const range of [
        { start: -1 },
        { start: 0.5 },
        { start: 2 ** 53 },
        { start: '0' },
        { start: 2, end: 1 },
        { end: Number.POSITIVE_INFINITY },
        { end: null },
        { start: 8 * MIB + 1 },
        null,
      ]) {
        await expect(a.sendFile(file, range as object), JSON.stringify(range)).rejects.toMatchObject(usage);
      }
      const aborted = a.sendFile(file, { signal: AbortSignal.abort() });
      await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
      expect([a.queuedBytes, a.isClosed]).toEqual([0, false]);
    }));

  it('refuses after endWrite, and for a descriptor that is not open', () =>
    withPair(channel, async ({ a }) => {
      const unread = a.sendFile(2 ** 31 - 1);
      await expect(unread).rejects.toMatchObject({ code: 'ERR_STREAM_FILE_UNREADABLE' });
      expect(a.isClosed).toBe(false);
      a.endWrite();
      await expect(a.sendFile(file)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    }));

  it('sends files that have no pages, such as those of /proc', () =>
    withPair(channel, async ({ a, b }) => {
      const version = await readFile('/proc/version');
      const proc = await open('/proc/version');
      const sent = a.sendFile(proc, { end: version.length });
      expect(await b.readBytes(version.length)).toEqual(version);
      expect(await sent).toBe(version.length);
      await proc.close();
    }));

  it('reads in threads what is on the disk alone', () =>
    withPair(channel, async ({ a, b }) => {
      const path = join(folder, 'cold');
      // Past the page cache, where the file system can do that.
      spawnSync('dd', [
        'if=/dev/urandom',
        `of=${path}`,
        'bs=64k',
        'count=20',
        'oflag=direct',
        'iflag=fullblock',
      ]);
      const cold = await open(path, 'a+');
      const { size } = await cold.stat();
      const sent = a.sendFile(cold);
      a.endWrite();
      const received = await b.readUntilClose();
      expect(await sent).toBe(size);
      expect(received.equals(await readFile(path))).toBe(true);
      await cold.close();
    }));

  it('sends at most 1 MiB in a turn, whatever the connection takes', () =>
    withPair(channel, async ({ a, b }) => {
      const sent = a.sendFile(file);
      const read = b.readBytes(8 * MIB);
      let most = 0;
      for (let before = 0; a.queuedBytes > 0; before = a.bytesSent) {
        await turn();
        most = Math.max(most, a.bytesSent - before);
      }
      expect(most).toBeLessThanOrEqual(MIB);
      await Promise.all([sent, read]);
    }));

  it('breaks off when the handle is closed in the middle', () =>
    withPair(channel, async ({ a, b }) => {
      const closing = await open(join(folder, 'large'), 'w+');
      await closing.truncate(48 * MIB);
      const sent = a.sendFile(closing);
      const failed = expect(sent).rejects.toMatchObject({ code: 'ERR_STREAM_FILE_UNREADABLE' });
      await turn();
      await closing.close();
      void b.readUntilClose().catch(() => {});
      await failed;
      expect(a.closeReason).toBe('we-reset');
    }));

  it('settles only when the file is not read any more', () =>
    withPair(channel, async ({ a }) => {
      const proc = await open('/proc/version');
      let begin!: () => void;
      let goOn!: () => void;
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const gate = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const slow = {
        fd: proc.fd,
        async read(target: Buffer, offset: number, length: number, position: number) {
          begin();
          await gate;
          return proc.read(target, offset, length, position);
        },
      };
      let isSettled = false;
      const sent = a.sendFile(slow as unknown as FileHandle, { end: 10 });
      const failed = expect(
        sent.finally(() => {
          isSettled = true;
        }),
      ).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      await begun;
      a.close();
      await a.waitClosed();
      await turn();
      expect(isSettled).toBe(false);
      goOn();
      await failed;
      await proc.close();
    }));

  it('tells the consumer that all has left, who may then write and end, also to a peer that has ended', () =>
    withPair(channel, async ({ a, b }) => {
      let drained = 0;
      const rest = Buffer.alloc(MIB, 'and');
      a.setConsumer({
        received() {},
        ended() {},
        closed() {},
        drained() {
          drained += 1;
          if (drained > 1) return;
          a.send(rest);
          a.send(' on');
          a.endWrite();
        },
      });
      a.resume();
      b.endWrite();
      while (!a.isEnded) await turn();
      void a.sendFile(file, { end: 3 });
      expect((await b.readUntilClose()).toString()).toBe(`all${rest} on`);
      expect(drained).toBe(2);
    }));

  it('keeps what is written behind a file as it was written, from one turn to another', () =>
    withPair(channel, async ({ a, b }) => {
      const sent = a.sendFile(file, { end: 5 * MIB });
      let expected = '';
      for (let at = 0; at < 200; at += 1) {
        a.send(`${at};`);
        expected += `${at};`;
        if (at % 10 === 0) await turn();
      }
      await b.readBytes(5 * MIB);
      expect((await b.readBytes(expected.length)).toString()).toBe(expected);
      await sent;
      expect([a.queuedBytes, a.bytesSent]).toEqual([0, 5 * MIB + expected.length]);
    }));
});
