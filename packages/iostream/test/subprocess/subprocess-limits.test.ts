import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { Subprocess } from '../../src/subprocess/subprocess.ts';
import type { SubprocessOptions } from '../../src/subprocess/subprocess-options.ts';
import { openDescriptors, untilDescriptorsAre } from '../support/until.ts';

const STREAMS = { stdin: 'stream', stdout: 'stream', stderr: 'stream' } as const;
const MEBIBYTE = 1024 * 1024;
/** What the kernel and the streams may hold of an output that nobody reads. */
const BOUND = 2 * MEBIBYTE;

const children: Subprocess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    await child.close();
  }
});

async function start(command: string, args: readonly string[], options: SubprocessOptions = STREAMS) {
  const child = await Subprocess.spawn(command, args, options);
  children.push(child);
  return child;
}

/** Processes that this one has started and that nobody has waited for. */
function ownChildren(): number {
  const parentOf = (pid: string): number => {
    try {
      return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
    } catch {
      return 0; // it has ended meanwhile
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === process.pid).length;
}

/** Writes 100 MiB without waiting, and says how much of it has left whenever it is asked. */
const TALKER = `
  const { Socket } = require('node:net');
  const out = new Socket({ fd: 1 });
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  for (let i = 0; i < 100; i += 1) out.write(chunk);
  const pending = () => out.writableLength;
  process.stdin.on('data', () => process.stderr.write((100 * chunk.length - pending()) + '\\n'));
  process.stdin.on('end', () => out.end());
`;

describe('Subprocess, its limits', () => {
  it('holds back a child whose output is not read, and loses none of it', async () => {
    const child = await start(process.execPath, ['-e', TALKER]);
    // Every question is a round through both processes, in which an unbounded reader would read on.
    for (let round = 0; round < 50; round += 1) {
      void child.stdin?.write('?');
      expect(Number(await child.stderr?.readUntil('\n'))).toBeLessThan(BOUND);
    }
    expect(child.stdout?.bufferedBytes).toBeLessThan(BOUND);
    child.stdin?.endWrite();
    let byteLength = 0;
    for await (const chunk of child.stdout ?? []) byteLength += chunk.length;
    expect(byteLength).toBe(100 * MEBIBYTE);
    expect(await child.waitForExit()).toBe(0);
  });

  it('holds back a grandchild after the exit of the child, too', async () => {
    // The grandchild tells on stderr that it has come to its end: it must not before it is read.
    const script = `(head -c ${20 * MEBIBYTE} /dev/zero; echo written >&2) & exit 0`;
    const child = await start('sh', ['-c', script], { stdout: 'stream', stderr: 'stream' });
    expect(await child.waitForExit()).toBe(0);
    let hasWritten = false;
    const written = child.stderr?.readUntil('written\n').then(() => {
      hasWritten = true;
    });
    // Each round trip through another process is a chance to read what must not be read.
    for (let round = 0; round < 10; round += 1) await (await start('true', [], {})).waitForExit();
    expect(child.stdout?.bytesReceived).toBeLessThan(BOUND);
    expect(hasWritten).toBe(false);
    expect((await child.stdout?.readUntilClose())?.length).toBe(20 * MEBIBYTE);
    await written;
  });

  it('bounds what is written to a child that does not read', async () => {
    const child = await start('sleep', ['1000'], { stdin: 'stream', maxWriteBufferBytes: MEBIBYTE });
    const chunk = Buffer.alloc(256 * 1024);
    const writeOn = (): void => {
      for (let i = 0; i < 100; i += 1) void child.stdin?.write(chunk);
    };
    expect(writeOn).toThrow(expect.objectContaining({ code: 'ERR_STREAM_WRITE_BUFFER_FULL' }));
    expect(child.stdin?.queuedBytes).toBeLessThanOrEqual(MEBIBYTE);
  });

  it('gives back every descriptor of children that were killed', async () => {
    await (await start('true', [])).close(); // what Node itself opens with the first child stays open
    const descriptors = openDescriptors();
    const processes = ownChildren();
    for (let round = 0; round < 4; round += 1) {
      const some = await Promise.all(Array.from({ length: 20 }, () => start('cat', [])));
      expect(openDescriptors()).toBeGreaterThan(descriptors + 50);
      for (const child of some) child.kill('SIGKILL');
      const codes = await Promise.all(some.map((child) => child.waitForExit({ raiseError: false })));
      expect(codes).toEqual(Array(20).fill(-9));
      await Promise.all(some.map((child) => child.close()));
    }
    expect(openDescriptors()).toBe(descriptors);
    expect(ownChildren()).toBe(processes);
  });

  it('gives back every descriptor of children that ended and were read', async () => {
    await (await start('true', [])).close();
    const descriptors = openDescriptors();
    for (let round = 0; round < 5; round += 1) {
      const child = await Subprocess.spawn('cat', [], STREAMS);
      await child.communicate('text');
    }
    await untilDescriptorsAre(descriptors);
    expect(openDescriptors()).toBe(descriptors);
  });

  it.each([
    ['ENOENT', '/no/such/program', [], STREAMS],
    ['ENOENT', 'cat', [], { ...STREAMS, cwd: '/no/such/folder' }],
    ['E2BIG', 'cat', ['x'.repeat(3_000_000)], STREAMS],
    ['EBADF', 'cat', [], { ...STREAMS, stderr: 999_999 }],
  ] as const)(
    'leaves nothing open when a start is refused: %s, %s [PROC-02]',
    async (code, command, args, options) => {
      await (await start('true', [])).close();
      const descriptors = openDescriptors();
      for (let round = 0; round < 20; round += 1) {
        await expect(Subprocess.spawn(command, args, options)).rejects.toMatchObject({ code });
      }
      expect(openDescriptors()).toBe(descriptors);
    },
  );

  it('says that this process has no descriptors left, leaves nothing open, and goes on when it has', async () => {
    await (await start('true', [])).close();
    const script = 'while read soft; do prlimit --pid $PPID --nofile=$soft: && echo done; done';
    const limiter = await start('sh', ['-c', script], { stdin: 'stream', stdout: 'stream' });
    const limit = async (soft: string | number): Promise<void> => {
      void limiter.stdin?.write(`${soft}\n`);
      await limiter.stdout?.readUntil('done\n');
    };
    const usual = readFileSync('/proc/self/limits', 'utf8').match(/Max open files\s+(\d+)/)?.[1] as string;
    const descriptors = openDescriptors();
    let refused = 0;
    // With each descriptor more that is free, another step of starting a child is the one that fails.
    for (let room = 0; room < 15; room += 1) {
      await limit(limitFor(room));
      const spawned = await Subprocess.spawn('cat', [], STREAMS).catch((error: unknown) => error);
      await limit(usual);
      if (spawned instanceof Subprocess) {
        await spawned.close();
      } else {
        refused += 1;
        const error = { name: 'SystemError', code: 'EMFILE', syscall: 'spawn', address: 'cat' };
        expect(spawned).toMatchObject(error);
      }
      await untilDescriptorsAre(descriptors);
    }
    expect(refused).toBeGreaterThan(3);
    expect(openDescriptors()).toBe(descriptors);
    expect((await (await start('cat', [])).communicate('again')).stdout.toString()).toBe('again');
  });
});

/** The limit on descriptor numbers that leaves `room` for more. */
function limitFor(room: number): number {
  const open = new Set(readdirSync('/proc/self/fd').map(Number));
  let free = 0;
  let number = 0;
  for (; free < room || open.has(number); number += 1) if (!open.has(number)) free += 1;
  return number;
}
