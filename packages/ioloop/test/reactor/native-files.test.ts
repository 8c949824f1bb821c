import { spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { NativeBinding } from '../../src/reactor/native-binding.ts';
import { nativeIt } from '../fixtures/native-case.ts';
import {
  awaitEvents,
  connectPair,
  errno,
  live,
  openTcp,
  type Pair,
  pump,
  readAll,
} from '../fixtures/native-sockets.ts';

const BAD_ARGUMENT = expect.objectContaining({ code: 'ERR_REACTOR_BAD_ARGUMENT' });
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

let folder: string;
let content: Buffer;
let file: number;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  content = Buffer.from(Array.from({ length: 3 * MIB + 5 }, (_, at) => (at * 31 + (at >> 12)) & 0xff));
  writeFileSync(join(folder, 'file'), content);
  file = openSync(join(folder, 'file'), 'r');
  readFileSync(file); // into memory, and its position to the end
});
afterAll(() => {
  closeSync(file);
  rmSync(folder, { recursive: true });
});

/** Both ends of a FIFO, and the descriptors that they were made from, closed. */
function openFifo(binding: NativeBinding): { reading: Pair; writing: Pair } {
  const path = join(folder, `${Math.random()}`);
  spawnSync('mkfifo', [path]);
  const both = openSync(path, 'r+'); // neither of the others waits then
  const reader = openSync(path, 'r');
  const writer = openSync(path, 'w');
  closeSync(both);
  const reading = live(binding, binding.adopt(reader, true));
  closeSync(reader);
  return { reading, writing: live(binding, binding.own(writer)) };
}

/** ext4, xfs and btrfs: they say what is in memory. Others, such as tmpfs and overlayfs, do not. */
const KNOWING_FILE_SYSTEMS = [0xef53, 0x5846_5342, 0x9123_683e];

/** A test of files in memory; where the file system does not say what is there, that nothing is sent. */
function pagesIt(name: string, run: (binding: NativeBinding) => void): void {
  nativeIt(name, (binding) => {
    if (KNOWING_FILE_SYSTEMS.includes(statfsSync(folder).type)) {
      run(binding);
      return;
    }
    const { client, server } = connectPair(binding);
    expect(binding.sendFile(...client, file, 0, 1)).toBe(0);
    closeAll(binding, client, server);
  });
}

describe('sendFile of the binding', () => {
  pagesIt('sends what is in memory of a file, at most 512 KiB in one call', (binding) => {
    const { client, server } = connectPair(binding);
    const taken: number[] = [];
    const { received } = pump(binding, client, server, content.length, (offset) => {
      const count = binding.sendFile(...client, file, offset, content.length - offset);
      if (count > 0) taken.push(count);
      return count;
    });
    expect(received.equals(content)).toBe(true);
    expect(Math.max(...taken)).toBe(512 * 1024);
    closeAll(binding, client, server);
  });

  pagesIt('sends from every position up to 2^53 and not one byte more than asked for', (binding) => {
    const { client, server } = connectPair(binding);
    for (const [offset, length] of [
      [0, 1],
      [4095, 2],
      [4096, 4096],
      [content.length - 1, 1],
    ] as const) {
      expect(binding.sendFile(...client, file, offset, length)).toBe(length);
      expect(readAll(binding, server, length)).toEqual(content.subarray(offset, offset + length));
    }
    expect(binding.sendFile(...client, file, content.length - 3, 1000)).toBe(3);
    const sparse = openSync(join(folder, 'sparse'), 'w+');
    ftruncateSync(sparse, 5 * GIB);
    writeSync(sparse, 'far away', 5 * GIB - 8);
    expect(binding.sendFile(...client, sparse, 5 * GIB - 8, 100)).toBe(8);
    expect(readAll(binding, server, 11).toString('latin1', 3)).toBe('far away');
    closeSync(sparse);
    closeAll(binding, client, server);
  });

  nativeIt('answers 0 for what has to be read: behind the end, or of what has no pages', (binding) => {
    const { client, server } = connectPair(binding);
    expect(binding.sendFile(...client, file, content.length, 10)).toBe(0);
    expect(binding.sendFile(...client, file, Number.MAX_SAFE_INTEGER, 10)).toBe(0);
    const { reading, writing } = openFifo(binding);
    for (const path of ['/proc/version', '/dev/null', folder]) {
      const fd = openSync(path, 'r');
      expect(binding.sendFile(...client, fd, 0, 10), path).toBeLessThanOrEqual(0);
      closeSync(fd);
    }
    expect(binding.sendFile(...client, 2 ** 31 - 1, 0, 10)).toBe(0);
    expect(binding.recv(...server, Buffer.alloc(8), 0, 8)).toBe(-binding.constants.EAGAIN);
    closeAll(binding, client, server, reading, writing);
  });

  pagesIt('answers EAGAIN when the connection is full, and EPIPE when its reader has gone', (binding) => {
    const { client, server } = connectPair(binding);
    let taken = 1;
    while (taken > 0) taken = binding.sendFile(...client, file, 0, content.length);
    expect(taken).toBe(-binding.constants.EAGAIN);
    binding.close(...server);
    awaitEvents(binding, client, binding.constants.EPOLLOUT);
    binding.getOption(...client, binding.constants.options.ERROR);
    expect(binding.sendFile(...client, file, 0, 1)).toBe(-errno.EPIPE);
    binding.close(...client);
  });

  pagesIt('goes through a pipe, too', (binding) => {
    const { reading, writing } = openFifo(binding);
    expect(binding.sendFile(...writing, file, 5, 100)).toBe(100);
    expect(readAll(binding, reading, 100)).toEqual(content.subarray(5, 105));
    closeAll(binding, reading, writing);
  });

  pagesIt('answers 0 for what is on the disk alone, until somebody has read it', (binding) => {
    const { client, server } = connectPair(binding);
    const path = join(folder, 'cold');
    const wrote = spawnSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=64k', 'count=4', 'oflag=direct']);
    expect(wrote.status).toBe(0);
    const cold = openSync(path, 'r');
    expect(binding.sendFile(...client, cold, 0, 1000)).toBe(0);
    readFileSync(path);
    expect(binding.sendFile(...client, cold, 0, 1000)).toBe(1000);
    closeSync(cold);
    closeAll(binding, client, server);
  });

  nativeIt('refuses wrong descriptors, positions, lengths and slots', (binding) => {
    const socket = openTcp(binding);
    for (const wrong of [-1, 1.5, Number.NaN, '0', undefined, 2 ** 53]) {
      const value = wrong as number;
      expect(() => binding.sendFile(...socket, value, 0, 1)).toThrow(BAD_ARGUMENT);
      expect(() => binding.sendFile(...socket, file, value, 1)).toThrow(BAD_ARGUMENT);
      expect(() => binding.sendFile(...socket, file, 0, value)).toThrow(BAD_ARGUMENT);
    }
    expect(() => binding.sendFile(...socket, 2 ** 31, 0, 1)).toThrow(BAD_ARGUMENT);
    expect(() => binding.sendFile(...socket, file, 0, 0)).toThrow(BAD_ARGUMENT);
    binding.close(...socket);
    expect(() => binding.sendFile(...socket, file, 0, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_REACTOR_BAD_SLOT' }),
    );
  });
});

describe('pipes in slots', () => {
  nativeIt('are written and read by all calls, and never wait', (binding) => {
    const { reading, writing } = openFifo(binding);
    const target = Buffer.alloc(64);
    expect(binding.recv(...reading, target, 0, 64)).toBe(-binding.constants.EAGAIN);
    expect(binding.sendLatin1(...writing, 'caf\xe9 ', 1)).toBe(4);
    expect(binding.sendBytes(...writing, Buffer.from('.bytes.'), 1, 5)).toBe(5);
    expect(binding.sendVector(...writing, ['no', ' and', Buffer.from(' more')], 1, 1)).toBe(8);
    expect(binding.recv(...reading, target, 0, 64)).toBe(17);
    expect(target.toString('latin1', 0, 17)).toBe('af\xe9 bytesand more');
    let taken = 1;
    while (taken > 0) taken = binding.sendBytes(...writing, content, 0, content.length);
    expect(taken).toBe(-binding.constants.EAGAIN);
    closeAll(binding, reading, writing);
  });

  nativeIt('end with 0 when the writer closes, and answer EPIPE when the reader does', (binding) => {
    const one = openFifo(binding);
    binding.sendLatin1(...one.writing, 'last', 0);
    binding.close(...one.writing);
    expect(readAll(binding, one.reading, 10).toString()).toBe('last');
    expect(binding.recv(...one.reading, Buffer.alloc(1), 0, 1)).toBe(0);
    const other = openFifo(binding);
    binding.close(...other.reading);
    expect(binding.sendLatin1(...other.writing, 'x', 0)).toBe(-errno.EPIPE);
    expect(binding.sendVector(...other.writing, ['x', 'y'], 0, 0)).toBe(-errno.EPIPE);
    closeAll(binding, one.reading, other.writing);
  });

  nativeIt('are no sockets for the calls that only sockets know', (binding) => {
    const { reading, writing } = openFifo(binding);
    expect(binding.shutdown(...writing, 1)).toBe(-errno.ENOTSOCK);
    expect(binding.getOption(...reading, binding.constants.options.ERROR)).toBe(-errno.ENOTSOCK);
    expect(binding.peerAddress(...reading)).toBe(-errno.ENOTSOCK);
    expect(binding.accept(...reading)).toBe(-errno.ENOTSOCK);
    closeAll(binding, reading, writing);
  });
});

function closeAll(binding: NativeBinding, ...pairs: Pair[]): void {
  for (const pair of pairs) binding.close(...pair);
}
