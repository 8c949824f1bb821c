import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect } from 'vitest';
import { DefaultSelector, EVENT_READ, EVENT_WRITE } from '../../src/sockets/selector.ts';
import { Socket } from '../../src/sockets/socket.ts';
import { nativeIt } from '../fixtures/native-case.ts';
import { openDescriptors } from '../fixtures/native-sockets.ts';

describe('Socket', () => {
  const opened: Socket[] = [];
  afterEach(() => {
    for (const socket of opened.splice(0)) socket.close();
  });

  function socketIt(name: string, run: () => void): void {
    nativeIt(name, run, () => Socket.tcp());
  }

  function track(socket: Socket | undefined): Socket {
    if (socket === undefined) throw new Error('there is no socket');
    opened.push(socket);
    return socket;
  }

  function listenTcp(): { listener: Socket; host: string; port: number } {
    const listener = track(Socket.tcp());
    listener.bind({ host: '127.0.0.1', port: 0 });
    listener.listen();
    return { listener, ...(listener.localAddress as { host: string; port: number }) };
  }

  function connectTcp(): { client: Socket; server: Socket } {
    const { listener, host, port } = listenTcp();
    const client = track(Socket.tcp());
    client.connect({ host, port });
    awaitReady(listener, EVENT_READ);
    awaitReady(client, EVENT_WRITE);
    return { client, server: track(listener.accept()) };
  }

  socketIt('connects in progress and has no error when it is writable', () => {
    const { listener, host, port } = listenTcp();
    const client = track(Socket.tcp());
    expect(client.remoteAddress).toBeUndefined();
    expect(client.connect({ host, port })).toBe(false);
    awaitReady(client, EVENT_WRITE);
    expect(client.getError()).toBeUndefined();
    expect(client.remoteAddress).toEqual({ host, port });
    awaitReady(listener, EVENT_READ);
    const server = track(listener.accept());
    expect(server.remoteAddress).toEqual(client.localAddress);
    expect(listener.accept(), 'when nobody waits').toBeUndefined();
  });

  socketIt('carries bytes both ways, to the end', () => {
    const { client, server } = connectTcp();
    client.setNoDelay();
    expect(server.recv()).toBeUndefined();
    expect(client.send(Buffer.from('hello'))).toBe(5);
    client.shutdownWrite();
    expect(Buffer.from(receive(server, 3)).toString()).toBe('hel');
    expect(Buffer.from(receive(server, 100)).toString()).toBe('lo');
    expect(receive(server, 100)).toHaveLength(0);
    expect(server.send(Buffer.from('still here'))).toBe(10);
    expect(Buffer.from(receive(client, 100)).toString()).toBe('still here');
  });

  socketIt('takes 0 bytes when the system takes no more', () => {
    const { client, server } = connectTcp();
    const bytes = randomBytes(1 << 20);
    let sent = 0;
    for (let taken = -1; taken !== 0; sent += taken) taken = client.send(bytes);
    expect(sent).toBeGreaterThan(0);
    expect(client.send(bytes)).toBe(0);
    server.close();
  });

  socketIt('speaks IPv6', () => {
    const listener = track(Socket.tcp(6));
    listener.bind({ host: '::1', port: 0 });
    listener.listen(1);
    const { port } = listener.localAddress as { port: number };
    const client = track(Socket.tcp(6));
    client.connect({ host: '::1', port });
    awaitReady(client, EVENT_WRITE);
    expect(client.remoteAddress).toEqual({ host: '::1', port });
  });

  socketIt('speaks Unix sockets, and is connected at once', () => {
    const path = `\0landspout-${randomBytes(8).toString('hex')}`;
    const listener = track(Socket.unix());
    listener.bind({ path });
    listener.listen();
    expect(listener.localAddress).toEqual({ path });
    const client = track(Socket.unix());
    expect(client.connect({ path })).toBe(true);
    const server = track(listener.accept());
    client.send(Buffer.from('x'));
    expect(receive(server, 9)).toHaveLength(1);
  });

  socketIt('tells a refused connect through getError, with the address', () => {
    const bound = track(Socket.tcp());
    bound.bind({ host: '127.0.0.1', port: 0 });
    const { host, port } = bound.localAddress as { host: string; port: number };
    const client = track(Socket.tcp());
    expect(client.connect({ host, port })).toBe(false);
    awaitReady(client, EVENT_WRITE);
    expect(client.getError()).toMatchObject({
      name: 'SystemError',
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: `${host}:${port}`,
    });
    expect(client.getError()).toBeUndefined();
  });

  socketIt('throws what the system refuses as SystemError', () => {
    const { host, port } = listenTcp();
    const taken = { name: 'SystemError', code: 'EADDRINUSE', syscall: 'bind', address: `${host}:${port}` };
    expect(() => track(Socket.tcp()).bind({ host, port })).toThrow(expect.objectContaining(taken));
    const missing = { code: 'ENOENT', syscall: 'connect' };
    expect(() => track(Socket.unix()).connect({ path: `/nowhere/${port}` })).toThrow(
      expect.objectContaining(missing),
    );
    const { client, server } = connectTcp();
    client.shutdownWrite();
    expect(() => client.send(Buffer.from('x'))).toThrow(
      expect.objectContaining({ code: 'EPIPE', syscall: 'send' }),
    );
    server.close();
  });

  socketIt('refuses invalid addresses and amounts', () => {
    const socket = track(Socket.tcp());
    const misuse = expect.objectContaining({ name: 'LoopUsageError', code: 'ERR_LOOP_USAGE' });
    for (const host of ['localhost', '::1', '', '127.0.0.1\0']) {
      expect(() => socket.connect({ host, port: 1 }), host).toThrow(misuse);
      expect(() => socket.bind({ host, port: 1 }), host).toThrow(misuse);
    }
    for (const port of [-1, 65_536, 1.5, Number.NaN]) {
      expect(() => socket.connect({ host: '127.0.0.1', port }), String(port)).toThrow(misuse);
    }
    expect(() => socket.connect({ path: '/tmp/x' })).toThrow(misuse);
    expect(() => track(Socket.unix()).connect({ host: '127.0.0.1', port: 1 })).toThrow(misuse);
    for (const amount of [0, -1, 1.5, Number.NaN, 2 ** 40]) expect(() => socket.recv(amount)).toThrow(misuse);
    expect(() => socket.listen(-1)).toThrow(misuse);
    expect(() => socket.send('text' as unknown as Uint8Array)).toThrow(misuse);
  });

  socketIt('refuses every use after close, and closes once', () => {
    const descriptors = openDescriptors();
    const socket = Socket.tcp();
    expect(openDescriptors()).toBe(descriptors + 1);
    expect(socket.closed).toBe(false);
    socket.close();
    socket.close();
    socket[Symbol.dispose]();
    expect(socket.closed).toBe(true);
    expect(openDescriptors()).toBe(descriptors);
    const uses: (() => unknown)[] = [
      () => socket.connect({ host: '127.0.0.1', port: 1 }),
      () => socket.bind({ host: '127.0.0.1', port: 0 }),
      () => socket.listen(),
      () => socket.accept(),
      () => socket.recv(),
      () => socket.send(new Uint8Array(1)),
      () => socket.getError(),
      () => socket.shutdownWrite(),
      () => socket.setNoDelay(),
      () => socket.localAddress,
      () => socket.remoteAddress,
    ];
    const refusal = { name: 'LoopClosedError', code: 'ERR_LOOP_CLOSED' };
    for (const use of uses) expect(use, String(use)).toThrow(expect.objectContaining(refusal));
  });
});

function awaitReady(socket: Socket, events: number): void {
  using selector = new DefaultSelector();
  selector.register(socket, events, undefined);
  if (selector.select(10_000).length === 0) throw new Error('the socket did not get ready');
}

function receive(socket: Socket, maxBytes: number): Uint8Array {
  awaitReady(socket, EVENT_READ);
  return socket.recv(maxBytes) ?? new Uint8Array(0);
}
