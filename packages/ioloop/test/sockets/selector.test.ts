import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect } from 'vitest';
import { DefaultSelector, EVENT_READ, EVENT_WRITE, type SelectorKey } from '../../src/sockets/selector.ts';
import { Socket } from '../../src/sockets/socket.ts';
import { nativeIt } from '../fixtures/native-case.ts';
import { openDescriptors } from '../fixtures/native-sockets.ts';

const SERVER = fileURLToPath(new URL('../fixtures/http-server-worker.mjs', import.meta.url));

describe('DefaultSelector', () => {
  const opened: { close(): void }[] = [];
  afterEach(() => {
    for (const resource of opened.splice(0)) resource.close();
  });

  function selectorIt(name: string, run: () => void | Promise<void>): void {
    nativeIt(name, run, () => new DefaultSelector());
  }

  function track<Resource extends { close(): void }>(resource: Resource): Resource {
    opened.push(resource);
    return resource;
  }

  function connected(): { client: Socket; server: Socket } {
    const listener = track(Socket.tcp());
    listener.bind({ host: '127.0.0.1', port: 0 });
    listener.listen();
    const client = track(Socket.tcp());
    client.connect(listener.localAddress);
    using selector = new DefaultSelector();
    selector.register(listener, EVENT_READ, undefined);
    selector.select(10_000);
    const server = listener.accept();
    if (server === undefined) throw new Error('nobody connected');
    return { client, server: track(server) };
  }

  selectorIt('runs a hand-written event loop: connect, GET, read to the end', async () => {
    const bytes = 300_000;
    const worker = new Worker(SERVER, { workerData: { bytes } });
    const [port] = (await once(worker, 'message')) as [number];
    const printed: string[] = [];

    // The program of the manual, as a newcomer writes it. It blocks this thread; the server has its own.
    const selector = new DefaultSelector<(key: SelectorKey) => void>();
    const chunks: Uint8Array[] = [];
    let stopped = false;

    const socket = Socket.tcp();
    socket.connect({ host: '127.0.0.1', port });
    selector.register(socket, EVENT_WRITE, onConnected);

    function onConnected(key: SelectorKey): void {
      const error = key.socket.getError();
      if (error !== undefined) throw error;
      key.socket.send(Buffer.from('GET /page HTTP/1.0\r\n\r\n'));
      selector.unregister(key.socket);
      selector.register(key.socket, EVENT_READ, onReadable);
    }

    function onReadable(key: SelectorKey): void {
      const chunk = key.socket.recv(4096);
      if (chunk === undefined) return;
      if (chunk.length > 0) {
        chunks.push(chunk);
        return;
      }
      selector.unregister(key.socket);
      key.socket.close();
      printed.push(Buffer.concat(chunks).toString());
      stopped = true;
    }

    while (!stopped) {
      for (const [key] of selector.select()) key.data(key);
    }
    selector.close();

    await worker.terminate();
    expect(printed).toHaveLength(1);
    expect(printed[0]).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
    expect(printed[0]).toContain('X-Request: GET /page HTTP/1.0\r\n');
    expect(printed[0]?.endsWith('x'.repeat(bytes))).toBe(true);
  });

  selectorIt('reports what is ready, with the key of its registration', () => {
    const { client, server } = connected();
    const selector = track(new DefaultSelector<string>());
    const key = selector.register(client, EVENT_READ | EVENT_WRITE, 'the client');
    expect(key).toEqual({ socket: client, events: EVENT_READ | EVENT_WRITE, data: 'the client' });
    expect(selector.getKey(client)).toBe(key);
    expect(selector.select()).toEqual([[key, EVENT_WRITE]]);
    server.send(Buffer.from('x'));
    const reader = selector.modify(client, EVENT_READ, 'reading');
    expect(selector.select(10_000)).toEqual([[reader, EVENT_READ]]);
    expect(selector.select(), 'what is not read is reported again').toEqual([[reader, EVENT_READ]]);
    expect(selector.unregister(client)).toBe(reader);
    expect(selector.select(0)).toEqual([]);
  });

  selectorIt('wakes a reader for the end and for a reset', () => {
    const { client, server } = connected();
    const selector = track(new DefaultSelector());
    const key = selector.register(client, EVENT_READ, undefined);
    server.close();
    expect(selector.select(10_000)).toEqual([[key, EVENT_READ]]);
    expect(client.recv()).toHaveLength(0);
  });

  selectorIt('returns nothing after the timeout, whole slices and parts of one', () => {
    const { client } = connected();
    const selector = track(new DefaultSelector());
    selector.register(client, EVENT_READ, undefined);
    for (const timeoutMs of [0, 5, 120]) {
      const started = performance.now();
      expect(selector.select(timeoutMs)).toEqual([]);
      expect(performance.now() - started).toBeGreaterThanOrEqual(timeoutMs - 1);
    }
    track(new DefaultSelector()).select(1); // empty, but it ends
  });

  selectorIt('refuses to wait for ever on nothing, or on nothing but closed sockets', () => {
    const selector = track(new DefaultSelector());
    const refusal = expect.objectContaining({ name: 'LoopUsageError', code: 'ERR_SELECTOR_EMPTY' });
    expect(() => selector.select()).toThrow(refusal);
    expect(() => selector.select(Number.POSITIVE_INFINITY)).toThrow(refusal);
    const { client } = connected();
    selector.register(client, EVENT_WRITE, undefined);
    client.close();
    expect(() => selector.select()).toThrow(refusal);
  });

  selectorIt('refuses what is registered twice, not at all, elsewhere, closed, or for nothing', () => {
    const { client, server } = connected();
    const selector = track(new DefaultSelector());
    const other = track(new DefaultSelector());
    const twice = expect.objectContaining({ code: 'ERR_LOOP_ALREADY_REGISTERED' });
    const unknown = expect.objectContaining({ code: 'ERR_LOOP_NOT_REGISTERED' });
    const misuse = expect.objectContaining({ code: 'ERR_LOOP_USAGE' });
    selector.register(client, EVENT_READ, 1);
    expect(() => selector.register(client, EVENT_READ, 2)).toThrow(twice);
    expect(() => other.register(client, EVENT_READ, 2)).toThrow(twice);
    expect(selector.getKey(client).data, 'the first registration stands').toBe(1);
    for (const use of [
      () => selector.modify(server, EVENT_READ, 0),
      () => selector.unregister(server),
      () => selector.getKey(server),
    ]) {
      expect(use).toThrow(unknown);
    }
    for (const events of [0, 4, -1, 1.5, Number.NaN]) {
      expect(() => selector.register(server, events, 0)).toThrow(misuse);
      expect(() => selector.modify(client, events, 0)).toThrow(misuse);
    }
    for (const timeoutMs of [-1, Number.NaN]) expect(() => selector.select(timeoutMs)).toThrow(misuse);
    server.close();
    expect(() => selector.register(server, EVENT_READ, 0)).toThrow(
      expect.objectContaining({ name: 'LoopClosedError', code: 'ERR_LOOP_CLOSED' }),
    );
  });

  selectorIt('forgets a socket that was closed while registered, and serves the heir of its slot', () => {
    const selector = track(new DefaultSelector<string>());
    const { client, server } = connected();
    selector.register(client, EVENT_WRITE, 'old');
    client.close();
    const heir = track(Socket.tcp());
    expect(heir.descriptor.slot).toBe(client.descriptor.slot);
    heir.bind({ host: '127.0.0.1', port: 0 });
    const key = selector.register(heir, EVENT_READ | EVENT_WRITE, 'new');
    expect(selector.unregister(client).data).toBe('old');
    expect(selector.select().map(([ready]) => ready)).toEqual([key]);
    server.close();
  });

  selectorIt('leaves the sockets open and gives its descriptor back when it is closed', () => {
    const { client } = connected();
    const descriptors = openDescriptors();
    const selector = new DefaultSelector();
    selector.register(client, EVENT_WRITE, undefined);
    selector.close();
    selector.close();
    expect(openDescriptors()).toBe(descriptors);
    expect(client.closed).toBe(false);
    const refusal = expect.objectContaining({ name: 'LoopClosedError', code: 'ERR_LOOP_CLOSED' });
    expect(() => selector.select(0)).toThrow(refusal);
    expect(() => selector.register(client, EVENT_READ, undefined)).toThrow(refusal);
    expect(() => selector.getKey(client)).toThrow(refusal);
    const second = track(new DefaultSelector());
    second.register(client, EVENT_WRITE, undefined);
    expect(second.select()).toHaveLength(1);
  });
});
