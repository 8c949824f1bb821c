import { describe, expect } from 'vitest';
import type { NativeBinding } from '../../src/reactor/native-binding.ts';
import { nativeIt } from '../fixtures/native-case.ts';
import { errno, live, openDescriptors, type Pair } from '../fixtures/native-sockets.ts';

const SOCK_DGRAM = 2;
const BAD_ARGUMENT = expect.objectContaining({ code: 'ERR_REACTOR_BAD_ARGUMENT' });
let sequence = 0;

/** A socket for datagrams, with a name outside the file system. */
function receiverOf(binding: NativeBinding): { readonly socket: Pair; readonly name: string } {
  sequence += 1;
  const name = `\0landspout-datagrams-${process.pid}-${sequence}`;
  const socket = live(binding, binding.socket(binding.constants.AF_UNIX, SOCK_DGRAM));
  expect(binding.bindUnix(...socket, name)).toBe(0);
  return { socket, name };
}

describe('sendUnixDatagram', () => {
  nativeIt('sends each call as one datagram, also an empty one', (binding) => {
    const { socket, name } = receiverOf(binding);
    const target = Buffer.alloc(64);
    for (const text of ['READY=1\nSTATUS=☃', '', 'x']) {
      const bytes = Buffer.from(text);
      expect(binding.sendUnixDatagram(name, bytes)).toBe(bytes.length);
      const count = binding.recv(...socket, target, 0, target.length);
      expect(target.toString('utf8', 0, count)).toBe(text);
    }
    expect(binding.recv(...socket, target, 0, target.length)).toBe(-errno.EAGAIN);
    binding.close(...socket);
  });

  nativeIt('answers with the error of the system, and keeps no descriptor', (binding) => {
    const bytes = Buffer.from('x');
    const { socket, name } = receiverOf(binding);
    const descriptors = openDescriptors();
    let result = 0;
    while (result >= 0) result = binding.sendUnixDatagram(name, bytes); // until the receiver is full
    expect(result).toBe(-errno.EAGAIN);
    expect(binding.sendUnixDatagram(name, Buffer.alloc(16 * 1024 * 1024))).toBe(-errno.EMSGSIZE);
    expect(binding.sendUnixDatagram('/nowhere/socket', bytes)).toBe(-errno.ENOENT);
    expect(binding.sendUnixDatagram(`${name}-absent`, bytes)).toBe(-errno.ECONNREFUSED);
    expect(binding.sendUnixDatagram(`/${'x'.repeat(107)}`, bytes)).toBe(-errno.ENAMETOOLONG);
    expect(openDescriptors()).toBe(descriptors);
    binding.close(...socket);
  });

  nativeIt('throws for arguments of the wrong type', (binding) => {
    const call = binding.sendUnixDatagram as (...args: readonly unknown[]) => unknown;
    for (const args of [
      [],
      ['/x'],
      ['/x', 'text'],
      ['', Buffer.alloc(1)],
      ['/a\0b', Buffer.alloc(1)],
      [5, Buffer.alloc(1)],
    ])
      expect(() => call(...args), JSON.stringify(args)).toThrow(BAD_ARGUMENT);
  });
});
