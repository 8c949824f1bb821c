import { AsyncLocalStorage } from 'node:async_hooks';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect } from 'vitest';
import type { NativeBinding } from '../../src/reactor/native-binding.ts';
import { bindingPath, nativeIt } from '../fixtures/native-case.ts';
import { connectPair, live, openListener, type Pair } from '../fixtures/native-sockets.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/watch-program.mjs', import.meta.url));
const ADD = 1;

describe('a watched poller', () => {
  const opened: (() => void)[] = [];
  afterEach(() => {
    for (const close of opened.splice(0)) close();
  });

  function openPoller(binding: NativeBinding): Pair {
    const poller = live(binding, binding.pollerOpen());
    opened.push(() => binding.close(...poller));
    return poller;
  }

  function openReadyPair(binding: NativeBinding, poller: Pair): Pair {
    const { client, server } = connectPair(binding);
    binding.pollerControl(...poller, ADD, ...client, binding.constants.EPOLLOUT);
    opened.push(() => binding.close(...client));
    opened.push(() => binding.close(...server));
    return client;
  }

  nativeIt('calls back in the root context, whoever began to watch', async (binding) => {
    const storage = new AsyncLocalStorage<string>();
    const poller = openPoller(binding);
    const client = openReadyPair(binding, poller);
    const stores: unknown[] = [];
    const done = deferred();
    storage.run('the creator', () => {
      binding.watch(...poller, new Int32Array(48), () => {
        stores.push(storage.getStore());
        storage.enterWith('an earlier batch'); // must not be seen by the next one
        if (stores.length === 3) {
          binding.pollerControl(...poller, 2, ...client, 0);
          done.resolve();
        }
      });
    });
    await done.promise;
    expect(stores).toEqual([undefined, undefined, undefined]);
  });

  nativeIt('runs ticks and microtasks right after the whole batch', async (binding) => {
    const poller = openPoller(binding);
    const clients = [openReadyPair(binding, poller), openReadyPair(binding, poller)];
    const events = new Int32Array(48);
    const log: string[] = [];
    const done = deferred();
    binding.watch(...poller, events, (count) => {
      for (let at = 0; at < count; at += 1) {
        log.push('event');
        process.nextTick(() => log.push('tick'));
        void Promise.resolve().then(() => log.push('microtask'));
      }
      setImmediate(() => {
        log.push('immediate');
        done.resolve();
      });
      for (const client of clients) binding.pollerControl(...poller, 2, ...client, 0);
    });
    await done.promise;
    expect(log).toEqual(['event', 'event', 'tick', 'tick', 'microtask', 'microtask', 'immediate']);
  });

  nativeIt('survives that a batch closes another slot that is ready in the same batch', async (binding) => {
    const poller = openPoller(binding);
    const pairs = [connectPair(binding), connectPair(binding)];
    for (const { client } of pairs)
      binding.pollerControl(...poller, ADD, ...client, binding.constants.EPOLLOUT);
    const before = binding.liveSlots();
    const events = new Int32Array(48);
    const done = deferred<unknown>();
    let batches = 0;
    binding.watch(...poller, events, (count) => {
      batches += 1;
      const victim: Pair = [events[3] as number, events[4] as number];
      binding.close(...victim);
      const survivor: Pair = [events[0] as number, events[1] as number];
      expect(() => binding.sendLatin1(...victim, 'late', 0)).toThrow('not live');
      expect(binding.sendLatin1(...survivor, 'fine', 0)).toBe(4);
      binding.pollerControl(...poller, 2, ...survivor, 0);
      done.resolve({ count, batches, live: binding.liveSlots() });
    });
    expect(await done.promise).toEqual({ count: 2, batches: 1, live: before - 1 });
    for (const slot of pairs.flatMap(({ client, server }) => [client, server])) {
      opened.push(() => {
        if (isLive(binding, slot)) binding.close(...slot);
      });
    }
  });

  nativeIt('is one per thread until it is closed, also by its own callback', async (binding) => {
    const { EPOLLIN } = binding.constants;
    for (let round = 0; round < 3; round += 1) {
      const poller = live(binding, binding.pollerOpen());
      const { listener, port } = openListener(binding);
      binding.pollerControl(...poller, ADD, ...listener, EPOLLIN);
      const done = deferred<number>();
      binding.watch(...poller, new Int32Array(48), (count) => {
        binding.close(...poller);
        done.resolve(count);
      });
      const again = expect.objectContaining({ code: 'ERR_REACTOR_BAD_ARGUMENT' });
      expect(() => binding.watch(...poller, new Int32Array(48), () => undefined)).toThrow(again);
      const client = connect(port, '127.0.0.1');
      expect(await done.promise).toBe(1);
      binding.close(...listener);
      client.destroy();
    }
  });

  for (const scenario of ['ref', 'reref']) {
    nativeIt(`keeps the process alive: ${scenario}`, async () => {
      const program = run(scenario);
      const [word] = await once(program.lines, 'line');
      const port = Number(String(word).slice('port '.length));
      connect(port, '127.0.0.1')
        .on('error', () => undefined)
        .resume();
      expect((await program.output).slice(1)).toEqual(['served', 'idle', 'exit 0']);
    });
  }

  for (const scenario of ['unref', 'close']) {
    nativeIt(`lets the process end: ${scenario}`, async () => {
      expect(await run(scenario).output).toEqual(['idle', 'exit 0']);
    });
  }

  nativeIt('passes an exception of the callback to Node, which ends the process', async () => {
    const program = run('uncaught');
    expect(await program.output).toEqual(['exit 1']);
    expect(program.errors()).toContain('thrown in a batch');
  });

  nativeIt('runs the ticks and microtasks of a batch before the next batch, in an idle process', async () => {
    const batches = [1, 2, 3].flatMap((batch) => [`tick ${batch}`, `microtask ${batch}`]);
    expect(await run('order').output).toEqual([...batches, 'idle', 'exit 0']);
  });

  nativeIt('goes on after an exception that a listener takes', async () => {
    const expected = ['caught thrown in a batch', 'tick', 'served', 'idle', 'exit 0'];
    expect(await run('caught').output).toEqual(expected);
  });

  nativeIt('passes an exception of a tick to Node and loses no other tick', async () => {
    expect(await run('tick').output).toEqual(['caught thrown in a tick', 'tick', 'idle', 'exit 0']);
  });

  nativeIt('stops with an error when its array was transferred away', async () => {
    expect(await run('detached').output).toEqual(['caught ERR_REACTOR_BAD_ARGUMENT', 'idle', 'exit 0']);
  });
});

function run(scenario: string): {
  lines: NodeJS.EventEmitter;
  output: Promise<string[]>;
  errors: () => string;
} {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, bindingPath(), scenario]);
  if (child.stdout === null || child.stderr === null) throw new Error('the child has no pipes');
  const lines = createInterface({ input: child.stdout });
  const words: string[] = [];
  let errors = '';
  lines.on('line', (line) => words.push(line));
  child.stderr.on('data', (chunk) => {
    errors += String(chunk);
  });
  const output = Promise.all([once(child, 'close'), once(lines, 'close')]).then(() => words);
  return { lines, output, errors: () => errors };
}

function deferred<Value = void>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function isLive(binding: NativeBinding, [slot, generation]: Pair): boolean {
  try {
    return binding.generation(slot) === generation;
  } catch {
    return false;
  }
}
