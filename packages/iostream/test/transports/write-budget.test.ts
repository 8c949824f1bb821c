import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IOStream, toDuplex, toWeb } from '../../src/index.ts';
import { CHANNEL_NAMES, openPair, withPair } from '../support/stream-pair.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const CHUNK = Buffer.alloc(64 * KIB, 'x');
/**
 * The share of a writer, one call of 64 KiB more, and 128 KiB of a turn before: the records of a call are counted when
 * they are encrypted, and reported as sent when the kernel has taken the last of them.
 */
const MOST_IN_A_TURN = MIB + 64 * KIB + 128 * KIB;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Reads all that comes and throws it away. */
async function discard(stream: IOStream): Promise<void> {
  for await (const _ of stream.chunks());
}

/** How many bytes the streams sent in each turn of the loop, until they have sent any in `turns` of them. */
async function sentInEachTurn(streams: readonly IOStream[], turns: number): Promise<number[]> {
  const sent: number[] = [];
  let before = total(streams);
  while (sent.length < turns) {
    await turn();
    const now = total(streams);
    if (now > before) sent.push(now - before);
    before = now;
  }
  return sent;
}

function total(streams: readonly IOStream[]): number {
  return streams.reduce((sum, stream) => sum + stream.bytesSent, 0);
}

let folder: string;
let fd: number;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  writeFileSync(join(folder, 'file'), CHUNK);
  fd = openSync(join(folder, 'file'), 'r');
});
afterAll(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

/** Programs that write without end, and wait as they are told to. */
const WRITERS: Record<string, (stream: IOStream) => Promise<unknown>> = {
  async 'write and waitDrained'(stream) {
    for (;;) {
      stream.send(CHUNK.toString('latin1'));
      await stream.waitDrained();
    }
  },
  async 'the promise of write'(stream) {
    for (;;) await stream.write(CHUNK);
  },
  async 'single bytes and waitDrained'(stream) {
    for (;;) {
      stream.send('x');
      await stream.waitDrained();
    }
  },
  async 'single bytes and the promise of write'(stream) {
    for (;;) await stream.write('x');
  },
  async 'one large write'(stream) {
    for (;;) await stream.write(Buffer.alloc(32 * MIB));
  },
  async sendFile(stream) {
    for (;;) await stream.sendFile(fd);
  },
  async 'a WritableStream'(stream) {
    const writer = toWeb(stream).writable.getWriter();
    for (;;) await writer.write(CHUNK);
  },
  async 'a Duplex'(stream) {
    const duplex = toDuplex(stream);
    duplex.on('error', () => {});
    while (!duplex.destroyed) await new Promise((resolve) => duplex.write(CHUNK, resolve));
  },
  async pipeTo(stream) {
    const [source, feed] = IOStream.pair();
    feed.write(Buffer.alloc(16 * MIB)).catch(() => {});
    await source.pipeTo(stream);
  },
};

describe.each(CHANNEL_NAMES)('a program that writes without end over %s', (channel) => {
  it.each(Object.keys(WRITERS))(
    'by %s sends about 1 MiB in a turn at most, and goes on in the next',
    (kind) =>
      withPair(channel, async ({ a, b }) => {
        discard(b).catch(() => {});
        WRITERS[kind]?.(a).catch(() => {});
        const sent = await sentInEachTurn([a], 50);
        expect(Math.max(...sent)).toBeLessThanOrEqual(MOST_IN_A_TURN);
        expect(sent.filter((bytes) => bytes > 0).length).toBeGreaterThan(3);
        a.close();
      }),
  );
});

describe.each(['TCP', 'TLS'])('many programs that write without end over %s', (channel) => {
  it('send about 4 MiB in a turn together, in rotation, while a short response still leaves at once', async () => {
    const pairs = await Promise.all(Array.from({ length: 24 }, () => openPair(channel)));
    const writers = pairs.map(({ a }) => a);
    for (const { a, b } of pairs) {
      discard(b).catch(() => {});
      WRITERS['write and waitDrained']?.(a).catch(() => {});
    }
    const { a: other, b: client } = await openPair(channel);
    const sent: number[] = [];
    for (let at = 0; at < 60; at += 1) {
      sent.push(...(await sentInEachTurn(writers, 1)));
      other.send('short');
      expect((await client.readBytes(5)).toString()).toBe('short');
    }
    expect(Math.max(...sent)).toBeLessThanOrEqual(6 * MIB);
    const each = writers.map((stream) => stream.bytesSent);
    expect(Math.min(...each)).toBeGreaterThan(0);
    other.close();
    client.close();
    await Promise.all(pairs.map((pair) => pair.close()));
  });

  it('lose nothing of what waited for its turn when they end', async () => {
    const pairs = await Promise.all(Array.from({ length: 24 }, () => openPair(channel)));
    const received = pairs.map(async ({ a, b }, at) => {
      a.send(Buffer.alloc(3 * MIB, at));
      a.endWrite();
      const all = await b.readUntilClose();
      return all.length === 3 * MIB && all.every((byte) => byte === at);
    });
    expect(await Promise.all(received)).toEqual(pairs.map(() => true));
    await Promise.all(pairs.map((pair) => pair.close()));
  });
});

describe('many peers that send as fast as they can', () => {
  it('are read about 4 MiB in a turn together on the reactor, and 2 MiB each on sockets of Node', async () => {
    const pairs = await Promise.all(Array.from({ length: 24 }, () => openPair('TCP')));
    const readers = pairs.map(({ b }) => b);
    for (const { a } of pairs) a.send(Buffer.alloc(8 * MIB));
    let received = 0;
    let most = 0;
    const consumer = {
      received: (_: Buffer, start: number, end: number) => {
        received += end - start;
      },
      ended() {},
      drained() {},
      closed() {},
    };
    for (let at = 0; at < 16; at += 1) await turn();
    for (const reader of readers) {
      reader.setConsumer(consumer);
      reader.resume();
    }
    for (let all = 0; all < 24 * 8 * MIB; ) {
      received = 0;
      await turn();
      most = Math.max(most, received);
      all += received;
    }
    expect(most).toBeLessThanOrEqual(IOLoop.current().backend === 'native' ? 6 * MIB : 24 * 2 * MIB);
    await Promise.all(pairs.map((pair) => pair.close()));
  });
});
