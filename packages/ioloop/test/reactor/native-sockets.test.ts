import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { NativeBinding } from '../../src/reactor/native-binding.ts';
import { nativeIt } from '../fixtures/native-case.ts';
import {
  awaitEvents,
  connectPair,
  errno,
  live,
  openDescriptors,
  openListener,
  openTcp,
  type Pair,
  pump,
  readAll,
} from '../fixtures/native-sockets.ts';

/** Every byte value, so that a conversion other than latin1 shows. */
const LATIN1 = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');

const BAD_ARGUMENT = expect.objectContaining({ code: 'ERR_REACTOR_BAD_ARGUMENT' });

describe('sockets of the binding', () => {
  nativeIt('answer a bind to a taken address with EADDRINUSE', (binding) => {
    const { listener, port } = openListener(binding);
    const second = openTcp(binding);
    expect(binding.bindInet(...second, '127.0.0.1', port)).toBe(-errno.EADDRINUSE);
    closeAll(binding, listener, second);
  });

  nativeIt('report a refused connect as ECONNREFUSED through SO_ERROR, once', (binding) => {
    const bound = openTcp(binding); // bound, not listening: nobody else can get the port
    binding.bindInet(...bound, '127.0.0.1', 0);
    const address = binding.localAddress(...bound) as readonly [string, number, number];
    const client = openTcp(binding);
    const { ERROR } = binding.constants.options;
    expect(binding.connectInet(...client, '127.0.0.1', address[1])).toBe(-errno.EINPROGRESS);
    expect(awaitEvents(binding, client, binding.constants.EPOLLOUT) & binding.constants.EPOLLERR).not.toBe(0);
    expect(binding.getOption(...client, ERROR)).toBe(errno.ECONNREFUSED);
    expect(binding.getOption(...client, ERROR)).toBe(0);
    closeAll(binding, bound, client);
  });

  nativeIt('read ECONNRESET when the peer closes with LINGER_ZERO', (binding) => {
    const { client, server } = connectPair(binding);
    const { LINGER_ZERO } = binding.constants.options;
    expect(binding.getOption(...server, LINGER_ZERO)).toBe(0);
    expect(binding.setOption(...server, LINGER_ZERO, 1)).toBe(0);
    expect(binding.getOption(...server, LINGER_ZERO)).toBe(1);
    binding.close(...server);
    awaitEvents(binding, client, binding.constants.EPOLLIN);
    expect(binding.recv(...client, Buffer.alloc(8), 0, 8)).toBe(-errno.ECONNRESET);
    binding.close(...client);
  });

  nativeIt('answer a send to a closed reader with EPIPE and raise no signal', (binding) => {
    const { client, server } = connectPair(binding);
    binding.shutdown(...client, 1);
    expect(binding.sendBytes(...client, Buffer.from('x'), 0, 1)).toBe(-errno.EPIPE);
    expect(readAll(binding, server, 1)).toHaveLength(0);
    expect(binding.sendLatin1(...server, 'still open', 0)).toBe(10);
    expect(readAll(binding, client, 10).toString()).toBe('still open');
    closeAll(binding, client, server);
  });

  nativeIt('answer EAGAIN when nothing has come', (binding) => {
    const { client, server } = connectPair(binding);
    expect(binding.recv(...client, Buffer.alloc(8), 0, 8)).toBe(-binding.constants.EAGAIN);
    closeAll(binding, client, server);
  });

  nativeIt('read into the middle of an array and nowhere else', (binding) => {
    const { client, server } = connectPair(binding);
    binding.sendLatin1(...client, 'abcdef', 0);
    awaitEvents(binding, server, binding.constants.EPOLLIN);
    const target = Buffer.from('..........');
    expect(binding.recv(...server, target, 3, 4)).toBe(4);
    expect(target.toString()).toBe('...abcd...');
    closeAll(binding, client, server);
  });

  nativeIt('send a latin1 string from every offset', (binding) => {
    const { client, server } = connectPair(binding);
    for (const offset of [0, 1, 128, 255, 256]) {
      expect(binding.sendLatin1(...client, LATIN1, offset)).toBe(256 - offset);
      expect(readAll(binding, server, 256 - offset)).toEqual(Buffer.from(LATIN1.slice(offset), 'latin1'));
    }
    expect(() => binding.sendLatin1(...client, LATIN1, 257)).toThrow(BAD_ARGUMENT);
    expect(() => binding.sendLatin1(...client, Buffer.alloc(1) as unknown as string, 0)).toThrow(
      BAD_ARGUMENT,
    );
    closeAll(binding, client, server);
  });

  nativeIt('send strings around the size of the stack buffer whole', (binding) => {
    const { client, server } = connectPair(binding);
    for (const length of [16_381, 16_382, 16_383, 16_384, 16_385, 100_000]) {
      const text = LATIN1.repeat(Math.ceil(length / 256)).slice(0, length);
      const { received } = pump(binding, client, server, length, (offset) =>
        binding.sendLatin1(...client, text, offset),
      );
      expect(received.equals(Buffer.from(text, 'latin1')), `${length} bytes`).toBe(true);
    }
    closeAll(binding, client, server);
  });

  nativeIt('send a huge string in several calls, each linear in what it takes', (binding) => {
    const { client, server } = connectPair(binding);
    const text = LATIN1.repeat(32 * 1024); // 8 MiB
    const { received, calls } = pump(binding, client, server, text.length, (offset) =>
      binding.sendLatin1(...client, text, offset),
    );
    expect(received.equals(Buffer.from(text, 'latin1'))).toBe(true);
    expect(calls).toBeGreaterThan(1);
    closeAll(binding, client, server);
  });

  nativeIt('send the pieces of a vector in order, through partial sends, with first and skip', (binding) => {
    const { client, server } = connectPair(binding);
    binding.setOption(...client, binding.constants.options.SNDBUF, 16 * 1024);
    const pieces: (string | Uint8Array)[] = [];
    for (let at = 0; at < 40; at += 1) {
      pieces.push(LATIN1, randomBytes(1 + at * 701), '', LATIN1.repeat(1 + at * 3), new Uint8Array(0));
    }
    pieces.push(LATIN1.repeat(2048), randomBytes(300_000), LATIN1.repeat(1024));
    const whole = Buffer.concat(pieces.map(bytesOf));
    const { received, calls } = pump(binding, client, server, whole.length, (offset) => {
      const { first, skip } = positionOf(pieces, offset);
      return binding.sendVector(...client, pieces, first, skip);
    });
    expect(received.equals(whole)).toBe(true);
    expect(calls).toBeGreaterThan(5);
    closeAll(binding, client, server);
  });

  nativeIt('refuse positions outside of the vector and pieces that are neither', (binding) => {
    const { client, server } = connectPair(binding);
    const pieces = ['abc', Buffer.from('def')];
    expect(binding.sendVector(...client, pieces, 2, 0)).toBe(0);
    expect(binding.sendVector(...client, pieces, 1, 3)).toBe(0);
    expect(binding.sendVector(...client, pieces, 0, 2)).toBe(4);
    for (const [first, skip] of [
      [3, 0],
      [-1, 0],
      [0, 4],
      [1, 4],
      [0, -1],
    ] as const) {
      expect(() => binding.sendVector(...client, pieces, first, skip)).toThrow(BAD_ARGUMENT);
    }
    for (const foreign of [7, null, {}, new Int32Array(1), new String('x')]) {
      const mixed = ['abc', foreign] as unknown as string[];
      expect(() => binding.sendVector(...client, mixed, 0, 0)).toThrow(BAD_ARGUMENT);
    }
    expect(readAll(binding, server, 4).toString()).toBe('cdef');
    closeAll(binding, client, server);
  });

  nativeIt('send the parts of one text to many, and answer for each', (binding) => {
    const pairs = Array.from({ length: 64 }, () => connectPair(binding));
    const texts = pairs.map((_, at) => LATIN1.slice(0, (at * 37) % 256));
    const triples = new Int32Array(pairs.length * 3);
    for (const [at, { client }] of pairs.entries()) triples.set([...client, texts[at]?.length ?? 0], at * 3);
    binding.sendBatch(triples, pairs.length, texts.join(''));
    for (const [at, { server }] of pairs.entries()) {
      const text = texts[at] as string;
      expect(triples[at * 3 + 2]).toBe(text.length);
      expect(readAll(binding, server, text.length)).toEqual(Buffer.from(text, 'latin1'));
    }
    for (const { client, server } of pairs) closeAll(binding, client, server);
  });

  nativeIt('answer for the dead, the full and the broken in a batch, and send to the others', (binding) => {
    const [dead, full, broken, well] = Array.from({ length: 4 }, () => connectPair(binding)) as [
      ReturnType<typeof connectPair>,
      ReturnType<typeof connectPair>,
      ReturnType<typeof connectPair>,
      ReturnType<typeof connectPair>,
    ];
    binding.close(...dead.client);
    const filling = Buffer.alloc(256 * 1024);
    while (binding.sendBytes(...full.client, filling, 0, filling.length) > 0);
    binding.shutdown(...broken.client, 1);
    const triples = Int32Array.of(
      ...dead.client,
      1,
      ...full.client,
      2,
      ...broken.client,
      1,
      ...well.client,
      3,
    );
    binding.sendBatch(triples, 4, 'abbcddd');
    const { EAGAIN } = binding.constants;
    expect([2, 5, 8, 11].map((at) => triples[at])).toEqual([-errno.EBADF, -EAGAIN, -errno.EPIPE, 3]);
    expect(readAll(binding, well.server, 3).toString()).toBe('ddd');
    closeAll(binding, dead.server, full.client, full.server, broken.client, broken.server);
    closeAll(binding, well.client, well.server);
  });

  nativeIt('refuse a batch whose parts are not all of its text, with nothing sent', (binding) => {
    const { client, server } = connectPair(binding);
    const send = (parts: readonly number[], text: string, count = parts.length) => {
      const triples = Int32Array.from(parts.flatMap((part) => [...client, part]));
      return () => binding.sendBatch(triples, count, text);
    };
    const long = 'x'.repeat(256 * 1024 + 1);
    expect(send([2, 2], 'abc')).toThrow(BAD_ARGUMENT);
    expect(send([1, 1], 'abc')).toThrow(BAD_ARGUMENT);
    expect(send([4, -1], 'abc')).toThrow(BAD_ARGUMENT);
    expect(send([3], 'abc', 2)).toThrow(BAD_ARGUMENT);
    expect(send([3], 'abc', -1)).toThrow(BAD_ARGUMENT);
    expect(send([long.length], long)).toThrow(BAD_ARGUMENT);
    expect(send([3], Buffer.from('abc') as unknown as string)).toThrow(BAD_ARGUMENT);
    expect(() => binding.sendBatch([...client, 3] as unknown as Int32Array, 1, 'abc')).toThrow(BAD_ARGUMENT);
    expect(binding.recv(...server, Buffer.alloc(8), 0, 8)).toBe(-binding.constants.EAGAIN);
    send([0, 3], 'end')();
    expect(readAll(binding, server, 3).toString()).toBe('end');
    closeAll(binding, client, server);
  });

  nativeIt('remember the address of an accepted peer', (binding) => {
    const { client, server } = connectPair(binding);
    expect(binding.peerAddress(...server)).toEqual(binding.localAddress(...client));
    expect(binding.peerAddress(...client)).toEqual(binding.localAddress(...server));
    expect(binding.localAddress(...server)).toEqual(['127.0.0.1', expect.any(Number), 4]);
    closeAll(binding, client, server);
    const lonely = openTcp(binding);
    expect(binding.peerAddress(...lonely)).toBe(-errno.ENOTCONN);
    binding.close(...lonely);
  });

  nativeIt('report an IPv4 peer of a dual-stack listener as IPv4', (binding) => {
    const { AF_INET6, SOCK_STREAM, EPOLLIN, options } = binding.constants;
    const listener = live(binding, binding.socket(AF_INET6, SOCK_STREAM));
    expect(binding.setOption(...listener, options.V6ONLY, 0)).toBe(0);
    expect(binding.bindInet(...listener, '::', 0)).toBe(0);
    binding.listen(...listener, 8);
    const [address, port, family] = binding.localAddress(...listener) as readonly [string, number, number];
    expect([address, family]).toEqual(['::', 6]);
    const client = openTcp(binding);
    binding.connectInet(...client, '127.0.0.1', port);
    awaitEvents(binding, listener, EPOLLIN);
    const server = live(binding, binding.accept(...listener));
    expect(binding.peerAddress(...server)).toEqual(['127.0.0.1', expect.any(Number), 4]);
    expect(binding.localAddress(...server)).toEqual(['127.0.0.1', port, 4]);
    closeAll(binding, listener, client, server);
  });

  nativeIt('take only numeric addresses of the family of the socket', (binding) => {
    const socket = openTcp(binding);
    const texts = [
      '',
      'localhost',
      '::1',
      '127.0.0.1\0',
      '127.0.0.1%lo',
      '1.2.3',
      `127.0.0.1${' '.repeat(200)}`,
    ];
    for (const text of texts) {
      expect(() => binding.bindInet(...socket, text, 0), text).toThrow(BAD_ARGUMENT);
      expect(() => binding.connectInet(...socket, text, 1), text).toThrow(BAD_ARGUMENT);
    }
    for (const port of [-1, 65_536, 1.5]) {
      expect(() => binding.bindInet(...socket, '127.0.0.1', port)).toThrow(BAD_ARGUMENT);
    }
    const inet6 = live(binding, binding.socket(binding.constants.AF_INET6, binding.constants.SOCK_STREAM));
    for (const text of ['127.0.0.1', 'fe80::1%', 'fe80::1%nosuchinterface', 'fe80::1%1x']) {
      expect(() => binding.bindInet(...inet6, text, 0), text).toThrow(BAD_ARGUMENT);
    }
    const local = live(binding, binding.socket(binding.constants.AF_UNIX, binding.constants.SOCK_STREAM));
    expect(binding.bindInet(...local, '127.0.0.1', 0)).toBe(-errno.EAFNOSUPPORT);
    closeAll(binding, socket, inet6, local);
  });

  nativeIt('connect over an abstract Unix name', (binding) => {
    const { AF_UNIX, SOCK_STREAM, EPOLLIN } = binding.constants;
    const name = `\0landspout-${randomBytes(8).toString('hex')}`;
    const listener = live(binding, binding.socket(AF_UNIX, SOCK_STREAM));
    expect(binding.localAddress(...listener)).toEqual(['']);
    expect(binding.bindUnix(...listener, name)).toBe(0);
    expect(binding.localAddress(...listener)).toEqual([name]);
    binding.listen(...listener, 8);
    const client = live(binding, binding.socket(AF_UNIX, SOCK_STREAM));
    expect(binding.connectUnix(...client, name)).toBe(0);
    awaitEvents(binding, listener, EPOLLIN);
    const server = live(binding, binding.accept(...listener));
    expect(binding.peerAddress(...client)).toEqual([name]);
    expect(binding.peerAddress(...server)).toEqual(['']);
    binding.sendLatin1(...client, 'hello', 0);
    expect(readAll(binding, server, 5).toString()).toBe('hello');
    closeAll(binding, listener, client, server);
  });

  nativeIt('refuse Unix paths that do not fit or hold NUL', (binding) => {
    const socket = live(binding, binding.socket(binding.constants.AF_UNIX, binding.constants.SOCK_STREAM));
    expect(binding.bindUnix(...socket, `/tmp/${'x'.repeat(103)}`)).toBe(-errno.ENAMETOOLONG);
    expect(binding.connectUnix(...socket, `/tmp/${randomBytes(8).toString('hex')}`)).toBe(-errno.ENOENT);
    expect(() => binding.bindUnix(...socket, '/tmp/a\0b')).toThrow(BAD_ARGUMENT);
    expect(() => binding.bindUnix(...socket, '')).toThrow(BAD_ARGUMENT);
    binding.close(...socket);
  });

  nativeIt('set and read every option', (binding) => {
    const { AF_INET6, SOCK_STREAM, options } = binding.constants;
    const socket = live(binding, binding.socket(AF_INET6, SOCK_STREAM));
    for (const name of ['NODELAY', 'REUSEADDR', 'REUSEPORT', 'V6ONLY', 'KEEPALIVE', 'LINGER_ZERO'] as const) {
      expect(binding.setOption(...socket, options[name], 1), name).toBe(0);
      expect(binding.getOption(...socket, options[name]), name).toBe(1);
    }
    for (const name of ['RCVBUF', 'SNDBUF'] as const) {
      expect(binding.setOption(...socket, options[name], 32_768), name).toBe(0);
      expect(binding.getOption(...socket, options[name]), name).toBeGreaterThanOrEqual(32_768);
    }
    expect(() => binding.setOption(...socket, options.ERROR, 1)).toThrow(BAD_ARGUMENT);
    expect(() => binding.getOption(...socket, 99)).toThrow(BAD_ARGUMENT);
    binding.close(...socket);
  });

  nativeIt('leave the process with the descriptors it had', (binding) => {
    const descriptors = openDescriptors();
    for (let round = 0; round < 50; round += 1) {
      const { client, server } = connectPair(binding);
      closeAll(binding, client, server);
    }
    expect(openDescriptors()).toBe(descriptors);
  });
});

function closeAll(binding: NativeBinding, ...sockets: Pair[]): void {
  for (const socket of sockets) binding.close(...socket);
}

function bytesOf(piece: string | Uint8Array): Uint8Array {
  return typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
}

function positionOf(
  pieces: readonly (string | Uint8Array)[],
  offset: number,
): { first: number; skip: number } {
  let skip = offset;
  for (const [first, piece] of pieces.entries()) {
    if (skip < piece.length) return { first, skip };
    skip -= piece.length;
  }
  return { first: pieces.length, skip };
}
