// ioloop alone: a hand-written event loop, readiness with callbacks, timers, and what the portable backend refuses.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type Clock,
  DefaultSelector,
  EVENT_READ,
  EVENT_WRITE,
  IOLoop,
  LoopUsageError,
  PeriodicCallback,
  type SelectorKey,
  Socket,
} from '@landspout/ioloop';
import { CodedError } from '@landspout/ioloop/errors';
import { logToAll, openLogFile } from '@landspout/ioloop/logging';
import { VirtualClock } from '@landspout/ioloop/testing';

const loop = IOLoop.current();

if (loop.backend === 'native') {
  assert.equal(selectHello(), 'hello');
  assert.equal(await handleHello(), 'hello');
} else {
  const refusal = { name: 'LoopUsageError', code: 'ERR_LOOP_NOT_SUPPORTED' };
  assert.throws(() => new DefaultSelector(), refusal);
  assert.throws(() => Socket.tcp(), refusal);
  assert.throws(() => loop.addHandler(0, IOLoop.READ, () => undefined), refusal);
}

const logs = mkdtempSync(path.join(tmpdir(), 'landspout-log-'));
const log = await openLogFile({ path: path.join(logs, 'app.log'), rotate: 'time', when: 'midnight' });
logToAll(log).info({ a: 1 }, 'hello');
await log.close();
assert.match(readFileSync(log.path, 'utf8'), /"msg":"hello","a":1}\n$/);
rmSync(logs, { recursive: true });

const answer: number = await loop.run(() => new Promise<number>((resolve) => loop.callLater(1, resolve, 42)));
assert.equal(answer, 42);
const late: unknown = await loop.run(() => new Promise(() => undefined), { timeoutMs: 5 }).catch((e) => e);
assert.ok(late instanceof CodedError && !(late instanceof LoopUsageError));
assert.equal(late.code, 'ERR_LOOP_TIMEOUT');

const clock: Clock & VirtualClock = new VirtualClock();
let rings = 0;
const bell = new PeriodicCallback(() => rings++, 100, { loop: new IOLoop({ clock }) });
bell.start();
await clock.advance(350);
bell.stop();
assert.equal(rings, 3);

console.log(`${loop.backend} backend`);

/** A server and a client in one thread, with nothing but a selector and callbacks. */
function selectHello(): string {
  const selector = new DefaultSelector<(key: SelectorKey) => void>();
  const [listener, client] = connecting();
  let greeted = false;
  let heard = '';
  selector.register(listener, EVENT_READ, () => {
    const accepted = listener.accept();
    if (accepted !== undefined) selector.register(accepted, EVENT_READ, echo);
  });
  selector.register(client, EVENT_WRITE, () => {
    assert.equal(client.getError(), undefined);
    client.send(Buffer.from('hello'));
    selector.modify(client, EVENT_READ, () => {
      heard = text(client.recv());
      greeted = true;
    });
  });
  while (!greeted) {
    const ready = selector.select(5_000);
    assert.ok(ready.length > 0, 'nothing became ready');
    for (const [key] of ready) key.data(key);
  }
  for (const socket of [listener, client]) {
    selector.unregister(socket);
    socket.close();
  }
  selector.close();
  return heard;

  function echo({ socket }: SelectorKey): void {
    const bytes = socket.recv();
    if (bytes !== undefined) socket.send(bytes);
    selector.unregister(socket);
    socket.close();
  }
}

/** The same inside Node's loop, where other work goes on meanwhile. */
function handleHello(): Promise<string> {
  const [listener, client] = connecting();
  loop.addHandler(listener, IOLoop.READ, () => {
    const accepted = listener.accept();
    if (accepted === undefined) return;
    loop.removeHandler(listener);
    listener.close();
    loop.addHandler(accepted, IOLoop.READ, (socket) => {
      socket.send(socket.recv() ?? Buffer.alloc(0));
      loop.removeHandler(socket);
      socket.close();
    });
  });
  return loop.run(
    () =>
      new Promise((resolve) => {
        loop.addHandler(client, IOLoop.WRITE, () => {
          client.send(Buffer.from('hello'));
          loop.removeHandler(client);
          loop.addHandler(client, IOLoop.READ, () => {
            resolve(text(client.recv()));
            loop.removeHandler(client);
            client.close();
          });
        });
      }),
    { timeoutMs: 5_000 },
  );
}

function connecting(): [Socket, Socket] {
  const listener = Socket.tcp();
  listener.bind({ host: '127.0.0.1', port: 0 });
  listener.listen();
  const client = Socket.tcp();
  client.connect(listener.localAddress);
  return [listener, client];
}

function text(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}
