import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect } from 'vitest';
import { DefaultSelector, EVENT_READ, IOLoop, Socket } from '../../src/index.ts';
import { nativeIt } from '../fixtures/native-case.ts';
import { openDescriptors } from '../fixtures/native-sockets.ts';
import { closeOpened, open, openSelector } from './fixtures/wrong-use.ts';

const WORKER = fileURLToPath(new URL('fixtures/selecting-worker.mjs', import.meta.url));
const ROUNDS = 5;

/** Two ends of a connection. */
function connected(): { near: Socket; far: Socket } {
  const listener = open(Socket.unix());
  listener.bind({ path: `\0landspout-${process.pid}-${listener.descriptor.generation}-${Math.random()}` });
  listener.listen();
  const near = open(Socket.unix());
  near.connect(listener.localAddress);
  return { near, far: open(listener.accept() as Socket) };
}

describe('a selector beside a running loop', () => {
  afterEach(closeOpened);

  nativeIt(
    'hears its own sockets and the loop its own, also within a handler of the loop',
    async () => {
      const loop = new IOLoop();
      const selector = openSelector();
      const [ofLoop, ofSelector] = [connected(), connected()];
      const log: string[] = [];
      selector.register(ofSelector.near, EVENT_READ, 'selector');
      await new Promise<void>((resolve) => {
        loop.addHandler(ofLoop.near, IOLoop.READ, (socket) => {
          log.push(`loop: ${String(Buffer.from(socket.recv() as Uint8Array))}`);
          log.push(`selector: ${selector.select(0).length}`);
          ofSelector.far.send(Buffer.from('to the selector'));
          log.push(`selector: ${selector.select().map(([key]) => key.data)}`);
          resolve();
        });
        ofLoop.far.send(Buffer.from('to the loop'));
        // Nothing is there for the selector, whatever is there for the loop.
        log.push(`selector: ${selector.select(1).length}`);
      });
      loop.removeHandler(ofLoop.near);
      expect(log).toEqual(['selector: 0', 'loop: to the loop', 'selector: 0', 'selector: selector']);
    },
    () => new DefaultSelector(),
  );

  nativeIt(
    'leaves what became ready during its wait to the loop, none of it lost',
    async () => {
      const loop = new IOLoop();
      const selector = openSelector();
      const pairs = Array.from({ length: 20 }, connected);
      selector.register(connected().near, EVENT_READ, 0);
      const heard = new Set<Socket>();
      const all = new Promise<void>((resolve) => {
        for (const { near } of pairs) {
          loop.addHandler(near, IOLoop.READ, () => {
            near.recv();
            heard.add(near);
            if (heard.size === pairs.length) resolve();
          });
        }
      });
      for (const { far } of pairs) far.send(Buffer.from('x'));
      expect(selector.select(1)).toEqual([]);
      expect(heard.size).toBe(0);
      await all;
      for (const { near } of pairs) loop.removeHandler(near);
    },
    () => new DefaultSelector(),
  );

  for (const where of ['a callback', 'a handler']) {
    nativeIt(
      `ends with the worker that is terminated while it waits in ${where}, and gives every descriptor back`,
      async () => {
        await terminateWhileSelecting(where); // what Node itself opens with the first worker stays open
        const descriptors = openDescriptors();
        for (let round = 0; round < ROUNDS; round += 1) await terminateWhileSelecting(where);
        expect(openDescriptors()).toBe(descriptors);
      },
      () => new DefaultSelector(),
    );
  }
});

async function terminateWhileSelecting(where: string): Promise<void> {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(WORKER, { workerData: { flag, where }, execArgv: [] });
  const errors: unknown[] = [];
  worker.on('error', (error) => errors.push(error));
  const exited = new Promise<number>((resolve) => worker.on('exit', resolve));
  // The worker cannot tell: it is waiting, or about to.
  while (Atomics.load(flag, 0) === 0 && errors.length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  await worker.terminate();
  expect(await exited).toBe(1);
  expect(errors.map(String)).toEqual([]);
}
