import { closeSync, fstatSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect } from 'vitest';
import { loadNative } from '../../src/reactor/backend.ts';
import type { NativeBinding } from '../../src/reactor/native-binding.ts';
import { nativeIt } from '../fixtures/native-case.ts';
import {
  connectPair,
  errno,
  live,
  openDescriptors,
  openListener,
  openTcp,
} from '../fixtures/native-sockets.ts';

const BAD_SLOT = expect.objectContaining({ code: 'ERR_REACTOR_BAD_SLOT' });
const BAD_ARGUMENT = expect.objectContaining({ name: 'TypeError', code: 'ERR_REACTOR_BAD_ARGUMENT' });

describe('slots', () => {
  const native = loadNative();
  let before = 0;
  beforeEach(() => {
    before = 'binding' in native ? native.binding.liveSlots() : 0;
  });
  afterEach(() => {
    expect('binding' in native ? native.binding.liveSlots() : 0).toBe(before);
  });

  nativeIt('refuse a second close', (binding) => {
    const socket = openTcp(binding);
    expect(binding.close(...socket)).toBe(0);
    expect(() => binding.close(...socket)).toThrow(BAD_SLOT);
  });

  nativeIt('refuse a stale send although the slot lives on with another descriptor', (binding) => {
    const { client: stale, server } = connectPair(binding);
    binding.close(...stale);
    const heir = openTcp(binding);
    expect(heir[0]).toBe(stale[0]);
    expect(() => binding.sendBytes(...stale, Buffer.from('x'), 0, 1)).toThrow(BAD_SLOT);
    expect(() => binding.recv(...stale, Buffer.alloc(1), 0, 1)).toThrow(BAD_SLOT);
    expect(() => binding.close(...stale)).toThrow(BAD_SLOT);
    expect(binding.generation(heir[0])).toBe(heir[1]);
    binding.close(...heir);
    binding.close(...server);
  });

  nativeIt('get a new generation for every use, never 0', (binding) => {
    const generations = new Set<number>();
    let slot = -1;
    for (let round = 0; round < 100; round += 1) {
      const socket = openTcp(binding);
      if (slot === -1) slot = socket[0];
      expect(socket[0]).toBe(slot);
      generations.add(socket[1]);
      binding.close(...socket);
    }
    expect(generations.size).toBe(100);
    expect(Math.min(...generations)).toBeGreaterThan(0);
    expect(() => binding.generation(slot)).toThrow(BAD_SLOT);
  });

  nativeIt('grow beyond the first table and give every descriptor back', (binding) => {
    const descriptors = openDescriptors();
    const sockets = Array.from({ length: 500 }, () => openTcp(binding));
    expect(binding.liveSlots()).toBe(before + 500);
    expect(openDescriptors()).toBe(descriptors + 500);
    expect(new Set(sockets.map(([slot]) => slot)).size).toBe(500);
    for (const socket of sockets) binding.close(...socket);
    expect(openDescriptors()).toBe(descriptors);
  });

  nativeIt('give a released descriptor away without closing it', (binding) => {
    const socket = openTcp(binding);
    const fd = binding.release(...socket);
    expect(() => binding.close(...socket)).toThrow(BAD_SLOT);
    expect(fstatSync(fd).isSocket()).toBe(true);
    closeSync(fd);
  });

  nativeIt('own a descriptor once', (binding) => {
    const fd = binding.release(...openTcp(binding));
    const owned = live(binding, binding.own(fd));
    expect(binding.own(fd)).toBe(-errno.EEXIST);
    binding.close(...owned);
    expect(binding.own(fd)).toBe(-errno.EBADF);
  });

  nativeIt('hold a duplicate of an adopted descriptor', (binding) => {
    const fd = binding.release(...openTcp(binding));
    const adopted = live(binding, binding.adopt(fd, true));
    closeSync(fd);
    expect(binding.getOption(...adopted, binding.constants.options.ERROR)).toBe(0);
    binding.close(...adopted);
    expect(binding.adopt(fd, true)).toBe(-errno.EBADF);
  });

  nativeIt('accept from an inherited listener that blocks without blocking', (binding) => {
    const listener = live(binding, binding.own(binding.release(...openListener(binding).listener)));
    expect(binding.accept(...listener)).toBe(-errno.EAGAIN);
    binding.close(...listener);
  });

  nativeIt('throw for junk in every argument of every function and survive', (binding) => {
    const socket = openTcp(binding);
    const poller = live(binding, binding.pollerOpen());
    for (const [name, first] of Object.entries(CALLS)) {
      const call = binding[name as CallName] as (...values: unknown[]) => unknown;
      expect(() => call(), `${name}()`).toThrow();
      for (const junk of JUNK) {
        const heads: unknown[][] = [[junk, junk]];
        if (first !== 'other') heads.push([socket[0], junk], [junk, socket[1]], [2 ** 31, 1]);
        if (first === 'slot') heads.push([...socket]);
        if (first === 'poller') heads.push([...poller], [...socket]);
        for (const head of heads) {
          const label = `${name}(${head.map(String).join(', ')}, ${String(junk)} …)`;
          expect(() => call(...head, junk, junk, junk, junk), label).toThrow(expectedIn(name, head, socket));
        }
      }
    }
    binding.close(...socket);
    binding.close(...poller);
  });

  nativeIt('refuse bytes outside of the array', (binding) => {
    const { client, server } = connectPair(binding);
    const bytes = Buffer.alloc(8);
    for (const [offset, length] of [
      [0, 9],
      [8, 1],
      [9, 0],
      [-1, 1],
      [4, 5],
      [0, -1],
    ] as const) {
      expect(() => binding.sendBytes(...client, bytes, offset, length)).toThrow(BAD_ARGUMENT);
      expect(() => binding.recv(...client, bytes, offset, length)).toThrow(BAD_ARGUMENT);
    }
    expect(() => binding.recv(...client, bytes, 0, 0), 'where 0 would look like the end').toThrow(
      BAD_ARGUMENT,
    );
    const detached = new Uint8Array(8);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(() => binding.recv(...client, detached, 0, 8)).toThrow(BAD_ARGUMENT);
    binding.close(...client);
    binding.close(...server);
  });

  nativeIt('notice that a getter among the pieces closed the slot', (binding) => {
    const { client, server } = connectPair(binding);
    const pieces: string[] = [];
    Object.defineProperty(pieces, 0, {
      get() {
        binding.close(...client);
        return 'x';
      },
    });
    expect(() => binding.sendVector(...client, pieces, 0, 0)).toThrow(BAD_SLOT);
    binding.close(...server);
  });
});

type CallName = Exclude<keyof NativeBinding, 'constants'>;

/** Every function with arguments, and what its first two name. */
const CALLS: Partial<Record<CallName, 'slot' | 'poller' | 'other' | 'pair'>> = {
  socket: 'other',
  generation: 'other',
  adopt: 'other',
  own: 'other',
  bindInet: 'slot',
  bindUnix: 'slot',
  listen: 'slot',
  accept: 'pair',
  connectInet: 'slot',
  connectUnix: 'slot',
  recv: 'slot',
  sendBytes: 'slot',
  sendLatin1: 'slot',
  sendVector: 'slot',
  shutdown: 'slot',
  close: 'pair',
  release: 'pair',
  setOption: 'slot',
  getOption: 'slot',
  localAddress: 'pair',
  peerAddress: 'pair',
  pollerControl: 'poller',
  pollerWait: 'poller',
  watch: 'poller',
};

const JUNK: readonly unknown[] = [
  undefined,
  null,
  true,
  Number.NaN,
  -1,
  1.5,
  2 ** 40,
  Number.POSITIVE_INFINITY,
  1n,
  Symbol('junk'),
  {},
  [],
  () => 0,
  new DataView(new ArrayBuffer(8)),
  new ArrayBuffer(8),
  new Int32Array(2),
  new Float64Array(3),
  new Proxy({}, {}),
];

/** What is thrown is never a crash nor a foreign error, and names the mistake that comes first. */
function expectedIn(name: string, head: readonly unknown[], socket: readonly unknown[]): unknown {
  const whole =
    head[0] === socket[0] && head[1] === socket[1] && !name.startsWith('poller') && name !== 'watch';
  return whole ? BAD_ARGUMENT : EITHER;
}

const EITHER = expect.objectContaining({ code: expect.stringMatching(/^ERR_REACTOR_BAD_(SLOT|ARGUMENT)$/) });
