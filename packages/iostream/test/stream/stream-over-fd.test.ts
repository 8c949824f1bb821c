import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdtempSync, open, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createGzip, gunzipSync } from 'node:zlib';
import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IOStream } from '../../src/index.ts';

const PROGRAM = fileURLToPath(new URL('../support/fd-program.mjs', import.meta.url));
const USAGE = expect.objectContaining({ code: 'ERR_STREAM_USAGE' });
const UNUSED = 100_000; // no process of a test has so many
const openFile = promisify(open) as (path: string, flags: string) => Promise<number>;
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('IOStream.fromFd', () => {
  let folder: string;
  let count = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  /** The descriptors of both ends of a FIFO. */
  async function openFifo(): Promise<{ reading: number; writing: number }> {
    count += 1;
    const path = join(folder, `${count}`);
    execFileSync('mkfifo', [path]);
    const [reading, writing] = await Promise.all([openFile(path, 'r'), openFile(path, 'w')]);
    return { reading, writing };
  }

  /** Streams over both ends of a FIFO. */
  async function pipeOfStreams() {
    const { reading, writing } = await openFifo();
    const a = IOStream.fromFd(writing, { direction: 'write' });
    return { a, b: IOStream.fromFd(reading, { direction: 'read' }), reading, writing };
  }

  it('reads from a pipe what is written into it, to the end', async () => {
    const { a, b } = await pipeOfStreams();
    void a.write('first\nsecond\n');
    expect((await b.readUntil('\n')).toString()).toBe('first\n');
    void a.write(Buffer.alloc(1_000_000, 'x'));
    a.endWrite();
    expect((await b.readUntilClose()).length).toBe(1_000_007);
    await Promise.all([a.waitClosed(), b.waitClosed()]);
    expect([a.error, b.error]).toEqual([undefined, undefined]);
    expect([a.closeReason, b.closeReason]).toEqual(['we-ended', 'peer-ended']);
  });

  it('is ended from the start in the direction that there is not', async () => {
    const { a, b } = await pipeOfStreams();
    expect([a.isEnded, a.isWriteEnded, b.isEnded, b.isWriteEnded]).toEqual([true, false, false, true]);
    await expect(a.readBytes(1)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    await expect(b.write('x')).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    expect([a.isClosed, b.isClosed]).toEqual([false, false]);
    for (const stream of [a, b]) stream.close();
    await Promise.all([a.waitClosed(), b.waitClosed()]);
    expect([a.closeReason, b.closeReason]).toEqual(['we-ended', 'we-ended']);
  });

  it('holds a writer back whose reader does not read', async () => {
    const { a, b } = await pipeOfStreams();
    void a.write(Buffer.alloc(4_000_000));
    for (let before = -1; before !== a.bytesSent; await turn()) before = a.bytesSent;
    expect(a.queuedBytes).toBeGreaterThan(1_000_000);
    const read = b.readBytes(4_000_000);
    await a.waitDrained({ toBytes: 0 });
    await read;
    for (const stream of [a, b]) stream.close();
  });

  it('closes a writer whose reader has gone as broken off', async () => {
    const { a, b } = await pipeOfStreams();
    const closed = new Promise<void>((resolve) => a.setCloseCallback(resolve));
    b.close();
    await b.waitClosed();
    // The reactor notices by itself; libuv when something is written.
    if (IOLoop.current().backend === 'portable') void a.write('is anybody there?');
    await closed;
    expect(a.error).toMatchObject({ code: 'EPIPE' });
    expect(a.closeReason).toBe('peer-reset');
  });

  it('closes the descriptor with the stream', async () => {
    const { a, b, reading, writing } = await pipeOfStreams();
    const before = [reading, writing].map((fd) => fstatSync(fd).ino);
    for (const stream of [a, b]) stream.close();
    await Promise.all([a.waitClosed(), b.waitClosed()]);
    expect([reading, writing].map(inodeOf)).not.toEqual(before);
  });

  it('refuses what cannot be waited for, and leaves the descriptor to its owner', async () => {
    for (const path of [PROGRAM, folder, '/dev/null']) {
      const fd = openSync(path, 'r');
      expect(() => IOStream.fromFd(fd, { direction: 'read' }), path).toThrow(USAGE);
      closeSync(fd);
    }
    const { reading, writing } = await openFifo();
    expect(() => IOStream.fromFd(reading)).toThrow(USAGE);
    expect(() => IOStream.fromFd(reading, { direction: 'in' as 'read' })).toThrow(USAGE);
    expect(() => IOStream.fromFd(reading, { direction: 'read', maxReadBufferBytes: 0 })).toThrow(USAGE);
    expect(fstatSync(reading).isFIFO()).toBe(true);
    for (const fd of [reading, writing]) closeSync(fd);
  });

  it('refuses numbers that are no open descriptors', () => {
    for (const fd of [-1, 0.5, Number.NaN, 2 ** 31, '0', undefined]) {
      expect(() => IOStream.fromFd(fd as number), String(fd)).toThrow(USAGE);
    }
    expect(() => IOStream.fromFd(UNUSED)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('serves the standard descriptors of a program, and a socket of both ways', async () => {
    // Through a shell, whose pipes are pipes: Node's are sockets.
    const child = spawn('sh', ['-c', 'cat | "$0" "$1" | cat', process.execPath, PROGRAM], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    });
    const socket = child.stdio[3] as Duplex;
    socket.end('there and back');
    child.stdin?.end('through two pipes');
    const [back, through] = await Promise.all([
      text(socket),
      text(child.stdout as NodeJS.ReadableStream),
      once(child, 'exit'),
    ]);
    expect([back, through]).toEqual(['there and back', 'through two pipes']);
  });
});

describe('IOStream.fromDuplex', () => {
  it('reads and writes any Duplex, and destroys it in the end', async () => {
    const gzip = createGzip();
    const stream = IOStream.fromDuplex(gzip);
    void stream.write('pack me');
    stream.endWrite();
    expect(gunzipSync(await stream.readUntilClose()).toString()).toBe('pack me');
    stream.close();
    await stream.waitClosed();
    expect(gzip.destroyed).toBe(true);
  });

  it('refuses anything else', () => {
    for (const other of [undefined, null, {}, 'socket']) {
      expect(() => IOStream.fromDuplex(other as unknown as Duplex)).toThrow(USAGE);
    }
  });
});

describe('IOStream.pair', () => {
  it('joins two streams, with the same options', async () => {
    const [a, b] = IOStream.pair({ maxReadBufferBytes: 10 });
    void a.write('to and ');
    void b.write('fro');
    expect((await b.readBytes(7)).toString()).toBe('to and ');
    expect((await a.readBytes(3)).toString()).toBe('fro');
    for (const stream of [a, b])
      await expect(stream.readBytes(11)).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
    a.close();
    await expect(b.readBytes(1)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
  });
});

function inodeOf(fd: number): number | undefined {
  try {
    return fstatSync(fd).ino;
  } catch {
    return undefined;
  }
}
