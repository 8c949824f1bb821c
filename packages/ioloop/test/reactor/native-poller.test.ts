import { closeSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { NativeBinding } from '../../src/reactor/native-binding.ts';
import { nativeIt } from '../fixtures/native-case.ts';
import {
  awaitEvents,
  connectPair,
  errno,
  live,
  openDescriptors,
  openTcp,
  type Pair,
  readAll,
} from '../fixtures/native-sockets.ts';

const [ADD, DELETE, MODIFY] = [1, 2, 3] as const;
const BAD_ARGUMENT = expect.objectContaining({ code: 'ERR_REACTOR_BAD_ARGUMENT' });

describe('a poller', () => {
  nativeIt('reports slot, generation and events, again and again until they are read', (binding) => {
    const { EPOLLIN, EPOLLOUT } = binding.constants;
    const { client, server } = connectPair(binding);
    const poller = openPoller(binding);
    expect(binding.pollerControl(...poller, ADD, ...server, EPOLLIN)).toBe(0);
    expect(wait(binding, poller, 0)).toEqual([]);
    binding.sendLatin1(...client, 'x', 0);
    expect(wait(binding, poller)).toEqual([[...server, EPOLLIN]]);
    expect(wait(binding, poller)).toEqual([[...server, EPOLLIN]]);
    expect(binding.pollerControl(...poller, MODIFY, ...server, EPOLLIN | EPOLLOUT)).toBe(0);
    expect(wait(binding, poller)).toEqual([[...server, EPOLLIN | EPOLLOUT]]);
    expect(binding.pollerControl(...poller, DELETE, ...server, 0)).toBe(0);
    expect(wait(binding, poller, 0)).toEqual([]);
    closeAll(binding, poller, client, server);
  });

  nativeIt('refuses what is watched elsewhere, twice, or not at all', (binding) => {
    const { EPOLLIN } = binding.constants;
    const socket = openTcp(binding);
    const [first, second] = [openPoller(binding), openPoller(binding)];
    expect(binding.pollerControl(...first, DELETE, ...socket, 0)).toBe(-errno.ENOENT);
    expect(binding.pollerControl(...first, MODIFY, ...socket, EPOLLIN)).toBe(-errno.ENOENT);
    expect(binding.pollerControl(...first, ADD, ...socket, EPOLLIN)).toBe(0);
    expect(binding.pollerControl(...first, ADD, ...socket, EPOLLIN)).toBe(-errno.EEXIST);
    expect(binding.pollerControl(...second, ADD, ...socket, EPOLLIN)).toBe(-errno.EEXIST);
    expect(binding.pollerControl(...second, DELETE, ...socket, 0)).toBe(-errno.ENOENT);
    closeAll(binding, first, second, socket);
  });

  nativeIt(
    'refuses another poller, a socket in its place, and events that are not level-triggered',
    (binding) => {
      const [poller, other, socket] = [openPoller(binding), openPoller(binding), openTcp(binding)];
      expect(() => binding.pollerControl(...poller, ADD, ...other, 1)).toThrow(BAD_ARGUMENT);
      expect(() => binding.pollerControl(...socket, ADD, ...socket, 1)).toThrow(BAD_ARGUMENT);
      expect(() => binding.pollerWait(...socket, new Int32Array(3), 0)).toThrow(BAD_ARGUMENT);
      expect(() => binding.pollerControl(...poller, 4, ...socket, 1)).toThrow(BAD_ARGUMENT);
      expect(() => binding.pollerControl(...poller, ADD, ...socket, 1 << 30)).toThrow(BAD_ARGUMENT);
      expect(() => binding.pollerControl(...poller, ADD, ...socket, 0x40)).toThrow(BAD_ARGUMENT);
      closeAll(binding, poller, other, socket);
    },
  );

  nativeIt('deletes a socket before it is closed, so that a living duplicate cannot spin it', (binding) => {
    const { EPOLLIN } = binding.constants;
    const { client, server } = connectPair(binding);
    const poller = openPoller(binding);
    const fd = binding.release(...server);
    const duplicate = live(binding, binding.adopt(fd, true));
    const owned = live(binding, binding.own(fd));
    binding.pollerControl(...poller, ADD, ...owned, EPOLLIN);
    binding.sendLatin1(...client, 'unread', 0);
    expect(wait(binding, poller, 50)).toEqual([[...owned, EPOLLIN]]);
    binding.close(...owned);
    const started = performance.now();
    expect(wait(binding, poller, 50)).toEqual([]);
    // An event that is only dropped would end the wait at once.
    expect(performance.now() - started).toBeGreaterThan(40);
    expect(readAll(binding, duplicate, 6).toString()).toBe('unread');
    closeAll(binding, poller, client, duplicate);
  });

  nativeIt('deletes a socket before it is released', (binding) => {
    const { client, server } = connectPair(binding);
    const poller = openPoller(binding);
    binding.pollerControl(...poller, ADD, ...server, binding.constants.EPOLLIN);
    binding.sendLatin1(...client, 'unread', 0);
    expect(wait(binding, poller, 50)).toHaveLength(1);
    const owned = live(binding, binding.own(binding.release(...server)));
    expect(wait(binding, poller, 0)).toEqual([]);
    expect(binding.pollerControl(...poller, ADD, ...owned, binding.constants.EPOLLIN)).toBe(0);
    expect(wait(binding, poller, 50)).toEqual([[...owned, binding.constants.EPOLLIN]]);
    closeAll(binding, poller, client, owned);
  });

  nativeIt('drops the event of a dead generation, also when the slot has an heir', (binding) => {
    const { EPOLLIN } = binding.constants;
    const { client, server } = connectPair(binding);
    const poller = openPoller(binding);
    const fd = binding.release(...server);
    const duplicate = live(binding, binding.adopt(fd, true));
    const doomed = live(binding, binding.own(fd));
    binding.pollerControl(...poller, ADD, ...doomed, EPOLLIN);
    closeSync(fd); // behind the binding's back: now the deletion at close cannot work
    expect(binding.close(...doomed)).toBe(-errno.EBADF);
    binding.sendLatin1(...client, 'x', 0);
    awaitEvents(binding, duplicate, EPOLLIN);
    expect(wait(binding, poller, 0)).toEqual([]);
    const heir = openTcp(binding);
    expect(heir[0]).toBe(doomed[0]);
    expect(wait(binding, poller, 0)).toEqual([]);
    closeAll(binding, poller, client, duplicate, heir);
  });

  nativeIt('lets its members go when it is closed', (binding) => {
    const descriptors = openDescriptors();
    const { client, server } = connectPair(binding);
    const [first, second] = [openPoller(binding), openPoller(binding)];
    binding.pollerControl(...first, ADD, ...client, binding.constants.EPOLLIN);
    binding.pollerControl(...first, ADD, ...server, binding.constants.EPOLLIN);
    binding.close(...first);
    expect(binding.pollerControl(...second, ADD, ...client, binding.constants.EPOLLIN)).toBe(0);
    expect(binding.pollerControl(...second, ADD, ...server, binding.constants.EPOLLIN)).toBe(0);
    closeAll(binding, client, server, second);
    expect(openDescriptors()).toBe(descriptors);
  });

  nativeIt('reports no more than the array holds, and the rest with the next call', (binding) => {
    const pairs = Array.from({ length: 5 }, () => connectPair(binding));
    const poller = openPoller(binding);
    for (const { client } of pairs)
      binding.pollerControl(...poller, ADD, ...client, binding.constants.EPOLLOUT);
    const events = new Int32Array(8); // two triples and two elements to spare
    const seen = new Set<number>();
    for (let round = 0; round < 5; round += 1) {
      expect(binding.pollerWait(...poller, events, 0)).toBe(2);
      expect([...events.subarray(6)]).toEqual([0, 0]);
      seen.add(events[0] as number).add(events[3] as number);
    }
    expect(seen.size).toBe(5);
    for (const { client, server } of pairs) closeAll(binding, client, server);
    binding.close(...poller);
  });

  nativeIt('waits 50 ms at most', (binding) => {
    const poller = openPoller(binding);
    const started = performance.now();
    expect(binding.pollerWait(...poller, new Int32Array(3), 60_000)).toBe(0);
    // Far from what was asked for, however slow the machine.
    expect(performance.now() - started).toBeLessThan(60_000);
    binding.close(...poller);
  });
});

function openPoller(binding: NativeBinding): Pair {
  return live(binding, binding.pollerOpen());
}

function wait(binding: NativeBinding, poller: Pair, timeoutMs = 50): number[][] {
  const events = new Int32Array(3 * 16);
  const count = binding.pollerWait(...poller, events, timeoutMs);
  return Array.from({ length: count }, (_, at) => [...events.subarray(3 * at, 3 * at + 3)]);
}

function closeAll(binding: NativeBinding, ...slots: Pair[]): void {
  for (const slot of slots) binding.close(...slot);
}
