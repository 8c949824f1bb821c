import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { SystemError } from '../../../src/errors.ts';
import { ProcessSupervisor } from '../../../src/processes/supervisor/process-supervisor.ts';
import { cpuCount } from '../../../src/processes/supervisor/supervisor-options.ts';
import { loadNative } from '../../../src/reactor/backend.ts';
import { openDescriptors } from '../../fixtures/native-sockets.ts';
import { ask, askOften, dial } from '../fixtures/ask.ts';
import { Supervised } from '../fixtures/supervised.ts';

const LOOPBACK = { host: '127.0.0.1' };
const isNative = 'binding' in loadNative();

describe('ProcessSupervisor', () => {
  it('starts the program once for each task, and ends when all have ended with 0 [PROC-01]', async () => {
    const supervised = new Supervised('finish', { count: 3 });
    const { supervisor, story } = supervised;
    expect(supervisor.children).toHaveLength(3);
    await supervisor.start();
    expect(supervisor.children.map(({ pid }) => typeof pid)).toEqual(['number', 'number', 'number']);
    await supervisor.wait();
    expect(supervisor.restarts).toBe(0);
    expect(supervisor.children.map(({ pid }) => pid)).toEqual([undefined, undefined, undefined]);
    const exits = story.filter(({ event }) => event === 'exited');
    expect(exits.map(({ taskId }) => taskId).sort()).toEqual([0, 1, 2]);
    for (const exit of exits) expect(exit).toMatchObject({ code: 0, signal: null });
  });

  it('means one child for each CPU unless told otherwise [PROC-01]', () => {
    for (const options of [{}, { count: 0 }, { count: null }])
      expect(new ProcessSupervisor({ program: 'a.js', ...options }).children).toHaveLength(cpuCount());
  });

  it('starts a child that was killed again, under the same task id, after the wait [PROC-01]', async () => {
    const supervised = new Supervised('idle', { count: 2 });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    await supervised.heard({ idle: true }, 2);
    const [first, second] = supervisor.children;
    process.kill(second?.pid as number, 'SIGKILL');
    const [exit] = await supervised.heard({ event: 'exited' });
    expect(exit).toMatchObject({ taskId: 1, pid: second?.pid, code: null, signal: 'SIGKILL' });
    expect(supervised.logged).toEqual([
      'the child of task 1 was killed by SIGKILL; it will be restarted in 100 ms',
    ]);

    await clock.advance(99);
    expect(supervisor.children[1]).toEqual({ taskId: 1, pid: undefined, restarts: 0 });
    await clock.advance(1);
    const [, again] = await supervised.heard({ event: 'message', taskId: 1, idle: true }, 2);
    expect(again?.pid).not.toBe(second?.pid);
    expect(supervisor.children).toEqual([first, { taskId: 1, pid: again?.pid, restarts: 1 }]);
    expect(supervisor.restarts).toBe(1);
  });

  it('waits longer with each death [PROC-01]', async () => {
    const supervised = new Supervised('fail', { count: 1 });
    const { supervisor, clock, story } = supervised;
    await supervisor.start();
    let exits = 0;
    for (const delayMs of [100, 200, 400]) {
      exits += 1;
      await supervised.heard({ event: 'exited', code: 3 }, exits);
      await clock.advance(delayMs - 1);
      expect(story.filter(({ event }) => event === 'started')).toHaveLength(exits);
      await clock.advance(1);
      expect(story.filter(({ event }) => event === 'started')).toHaveLength(exits + 1);
    }
  });

  it('stops all children when they died too often, and says so [PROC-01]', async () => {
    const supervised = new Supervised('idle', { count: 2, maxRestarts: 1 });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    await supervised.heard({ idle: true }, 2);
    process.kill(supervisor.children[0]?.pid as number, 'SIGKILL');
    await supervised.heard({ event: 'exited' });
    await clock.advance(100);
    await supervised.heard({ idle: true }, 3);
    process.kill(supervisor.children[0]?.pid as number, 'SIGKILL');
    await expect(supervisor.wait()).rejects.toMatchObject({
      name: 'ProcessLimitError',
      code: 'ERR_PROCESS_RESTARTS',
      message: expect.stringContaining('task 0 was killed by SIGKILL after 1 restarts'),
    });
    expect(supervised.story.filter(({ event }) => event === 'exited').at(-1)).toMatchObject({
      taskId: 1,
      signal: 'SIGTERM',
    });
    expect(supervisor.children.map(({ pid }) => pid)).toEqual([undefined, undefined]);
    expect(clock.pending).toBe(0);
  });

  it('counts a program that cannot be started as one that died', async () => {
    const supervised = new Supervised('idle', { count: 1, maxRestarts: 1, args: ['nul\0'] });
    await supervised.supervisor.start();
    await supervised.heard({ event: 'exited' });
    await supervised.clock.advance(100);
    await expect(supervised.supervisor.wait()).rejects.toMatchObject({
      code: 'ERR_PROCESS_RESTARTS',
      cause: expect.any(Error),
    });
    expect(supervised.story.map(({ event, pid }) => ({ event, pid }))).toEqual([
      { event: 'exited', pid: undefined },
      { event: 'exited', pid: undefined },
    ]);
  });

  it('counts a program whose start fails later as one that died', async () => {
    const supervised = new Supervised('idle', { count: 1, maxRestarts: 0 });
    const { execPath } = process;
    process.execPath = '/nowhere/node';
    try {
      await supervised.supervisor.start();
      await expect(supervised.supervisor.wait()).rejects.toMatchObject({
        code: 'ERR_PROCESS_RESTARTS',
        message: expect.stringContaining('could not be started'),
        cause: expect.objectContaining({ code: 'ENOENT' }),
      });
    } finally {
      process.execPath = execPath;
    }
    expect(supervised.story).toMatchObject([{ event: 'exited', pid: undefined, code: null }]);
  });

  it('stops by SIGTERM, and starts nothing again', async () => {
    const supervised = new Supervised('idle', { count: 2 });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    await supervised.heard({ idle: true }, 2);
    await supervisor.stop();
    expect(supervised.story.filter(({ event }) => event === 'exited')).toMatchObject([
      { signal: 'SIGTERM' },
      { signal: 'SIGTERM' },
    ]);
    await supervisor.wait();
    expect(clock.pending).toBe(0);
    await clock.advance(60_000);
    expect(supervisor.restarts).toBe(0);
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'ERR_PROCESS_USAGE' });
  });

  it('stops while a child waits to be started again', async () => {
    const supervised = new Supervised('fail', { count: 1 });
    await supervised.supervisor.start();
    await supervised.heard({ event: 'exited' });
    await supervised.supervisor.stop();
    expect(supervised.clock.pending).toBe(0);
  });

  it('stops while it starts, and before', async () => {
    const starting = new Supervised('idle', { count: 2, listen: [LOOPBACK] });
    const started = starting.supervisor.start();
    await starting.supervisor.stop();
    await started;
    expect(starting.story).toEqual([]);
    const fresh = new Supervised('idle');
    await fresh.supervisor.stop();
    await fresh.supervisor.wait();
  });

  it('kills what does not end in time', async () => {
    const supervised = new Supervised('stubborn', { count: 1, stopTimeoutMs: 5000 });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    await supervised.heard({ idle: true });
    const stopped = supervisor.stop();
    await supervised.heard({ ignored: 'SIGTERM' });
    await clock.advance(4999);
    expect(supervisor.children[0]?.pid).toBeTypeOf('number');
    await clock.advance(1);
    await stopped;
    await supervised.heard({ event: 'exited', signal: 'SIGKILL' });
    expect(supervised.logged).toEqual(['the child of task 0 did not end within 5000 ms; killing it']);
  });

  it('carries messages both ways', async () => {
    const supervised = new Supervised('serve', { count: 2, listen: [LOOPBACK] });
    const { supervisor } = supervised;
    expect(supervisor.send(0, 'too early')).toBe(false);
    await supervisor.start();
    await supervised.heard({ event: 'message', taskId: 1 }, 2);
    expect(supervisor.send(1, { hello: 'child' })).toBe(true);
    expect(await supervised.told('echo')).toEqual({ hello: 'child' });
    expect(supervisor.send(2, 'nobody')).toBe(false);
  });

  it('queues no messages without a limit', async () => {
    const supervised = new Supervised('idle', { count: 1 });
    const { supervisor } = supervised;
    await supervisor.start();
    await supervised.heard({ idle: true });
    process.kill(supervisor.children[0]?.pid as number, 'SIGSTOP');
    let sent = 0;
    while (supervisor.send(0, 'x'.repeat(100_000))) sent += 1;
    expect(sent).toBeLessThan(100);
    process.kill(supervisor.children[0]?.pid as number, 'SIGKILL');
    await supervised.heard({ event: 'exited' });
    await supervised.clock.advance(100);
    await supervised.heard({ idle: true }, 2);
    expect(supervisor.send(0, 'to its successor')).toBe(true);
  });

  it.each<[string, () => unknown]>([
    ['throw', () => raise(new Error('of a hook'))],
    ['reject', () => Promise.reject(new Error('of a hook'))],
  ])('logs the failures of hooks that %s, and goes on', async (_how, fail) => {
    const supervised = new Supervised('finish', {
      count: 1,
      onStarted: fail,
      onExited: fail,
      onMessage: fail,
    });
    await supervised.supervisor.start();
    await supervised.supervisor.wait();
    await new Promise((resolve) => setImmediate(resolve));
    const hooks = supervised.logged.filter((message) => message === 'a hook of the process supervisor threw');
    expect(hooks.length).toBeGreaterThanOrEqual(2);
  });

  it('tells each child what it is, and lets no program that the child starts take it for itself', async () => {
    const supervised = new Supervised('heritage', {
      count: 2,
      args: ['heritage', '{}', 'more'],
      execArgv: ['--inspect-port=0'],
      env: { EXTRA: 'value' },
      listen: [LOOPBACK, { ...LOOPBACK, backlog: 5 }],
    });
    await supervised.supervisor.start();
    const all = await supervised.heard({ event: 'message', extra: 'value' }, 2);
    for (const heard of all) {
      expect(heard).toMatchObject({
        task: { id: heard.taskId, count: 2, listeners: { length: 2 } },
        args: ['heritage', '{}', 'more'],
        debugPort: process.debugPort + 1 + heard.taskId,
        left: [],
        grandchild: { taskId: null },
      });
      const { listeners } = heard.task as { listeners: object[] };
      if (isNative) expect(listeners).toEqual([{ fd: [5] }, { fd: [6] }]);
      else for (const one of listeners) expect(one).toMatchObject({ host: '127.0.0.1', cluster: true });
      expect(heard.closeOnExec).toEqual(isNative ? [true, true] : []);
    }
  });
});

describe('the listeners of a ProcessSupervisor', () => {
  it('have one port, whose connections the children share', async () => {
    const supervised = new Supervised('serve', { count: 2, listen: [LOOPBACK] });
    await supervised.supervisor.start();
    const ports = (await supervised.heard({ event: 'message' }, 4)).flatMap(({ port }) => port ?? []);
    expect(new Set(ports).size).toBe(1);
    const answers = await askOften(ports[0] as number, 200);
    const pids = supervised.supervisor.children.map(({ pid }) => pid);
    for (const { taskId, pid } of answers) expect(pid).toBe(pids[taskId]);
    // The native listeners are one for each child; the portable one goes to whoever is there first.
    if (isNative) expect(new Set(answers.map(({ taskId }) => taskId))).toEqual(new Set([0, 1]));
  });

  it('stay where they were when a child is started again, and lose no connection where the parent holds them', async () => {
    const supervised = new Supervised('serve', { count: 1, listen: [LOOPBACK] });
    const { supervisor, clock } = supervised;
    await supervisor.start();
    const port = (await supervised.told('port')) as number;
    const first = await ask(port);
    process.kill(first.pid, 'SIGKILL');
    await supervised.heard({ event: 'exited' });

    // Nobody lives who could accept, and nobody will before the clock says so.
    const waiting = Array.from({ length: 20 }, () => dial(port));
    if (isNative) await Promise.all(waiting.map(({ connected }) => connected));
    else
      for (const { connected } of waiting)
        await expect(connected).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await clock.advance(100);
    await supervised.heard({ event: 'message', port }, 2);
    const pid = supervisor.children[0]?.pid;
    expect(pid).not.toBe(first.pid);
    if (isNative) {
      for (const { answer } of waiting) expect(await answer).toEqual({ taskId: 0, pid });
    }
    expect(await ask(port)).toEqual({ taskId: 0, pid });
  });

  it('lose no connection to a child that lives on', async () => {
    const supervised = new Supervised('serve', { count: 2, listen: [LOOPBACK] });
    const { supervisor } = supervised;
    await supervisor.start();
    await supervised.heard({ event: 'message' }, 4);
    const port = (await supervised.told('port')) as number;
    supervisor.send(0, 'leave');
    await supervised.heard({ event: 'exited', taskId: 0, code: 0 });
    // The share of the child that has ended is nobody's queue.
    const answers = await askOften(port, 100);
    expect(new Set(answers.map(({ taskId }) => taskId))).toEqual(new Set([1]));
  });

  it('are closed before the children have drained', async () => {
    const supervised = new Supervised('slow', { count: 1, listen: [LOOPBACK] });
    await supervised.supervisor.start();
    const port = (await supervised.told('port')) as number;
    void supervised.supervisor.stop();
    await supervised.told('closed');
    await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('are closed when the supervisor stops', async () => {
    const supervised = new Supervised('serve', { count: 2, listen: [LOOPBACK] });
    await supervised.supervisor.start();
    await supervised.heard({ event: 'message' }, 4);
    const port = (await supervised.told('port')) as number;
    await supervised.supervisor.stop();
    await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    for (const exit of await supervised.heard({ event: 'exited' }, 2)) expect(exit.code).toBe(0);
  });

  it('cannot be had where somebody listens, not even with SO_REUSEPORT, and then no child is started', async () => {
    const other = new Supervised('serve', { count: 2, listen: [LOOPBACK] });
    await other.supervisor.start();
    await other.heard({ event: 'message' }, 4);
    const port = (await other.told('port')) as number;
    const before = openDescriptors();
    const supervised = new Supervised('serve', {
      count: 2,
      listen: [LOOPBACK, { ...LOOPBACK, port }],
    });
    const error = await supervised.supervisor.start().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: `127.0.0.1:${port}` });
    expect(supervised.story).toEqual([]);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
    await supervised.supervisor.wait();
  });

  it('are refused when two of them are the same', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => free.once('listening', resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    const supervised = new Supervised('serve', {
      count: 1,
      listen: [
        { ...LOOPBACK, port },
        { ...LOOPBACK, port },
      ],
    });
    await expect(supervised.supervisor.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it.each([
    { port: -1 },
    { port: 65_536 },
    { port: 1.5 },
    { port: 'http' },
    { backlog: 0 },
    { host: 'a\0b' },
    { path: '/tmp/landspout.sock' },
    'localhost:80' as unknown as object,
  ])('are refused for %j', async (wish) => {
    const supervised = new Supervised('serve', { count: 1, listen: [wish] });
    await expect(supervised.supervisor.start()).rejects.toMatchObject({
      name: 'ProcessUsageError',
      code: 'ERR_PROCESS_USAGE',
    });
    expect(supervised.story).toEqual([]);
  });

  it('say that a name has no address', async () => {
    const supervised = new Supervised('serve', { count: 1, listen: [{ host: 'a..b' }] });
    const error = await supervised.supervisor.start().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ syscall: 'getaddrinfo' });
  });

  it('are at every address of localhost and of no host at all', async () => {
    for (const wish of [{}, { host: 'localhost' }, { host: 'localhost', port: '0' }]) {
      const supervised = new Supervised('serve', { count: 1, listen: [wish] });
      await supervised.supervisor.start();
      const port = (await supervised.told('port')) as number;
      expect(new Set((await supervised.told('ports')) as number[])).toEqual(new Set([port]));
      expect(await ask(port)).toMatchObject({ taskId: 0 });
    }
  });
});

describe('the options of a ProcessSupervisor', () => {
  it.each([{ count: 1.5 }, { stopTimeoutMs: -1 }, { stopTimeoutMs: Number.NaN }, { maxRestarts: -1 }])(
    'are refused: %j',
    (options) => {
      expect(() => new ProcessSupervisor({ program: 'a.js', ...options })).toThrow(
        expect.objectContaining({ code: 'ERR_PROCESS_USAGE' }),
      );
    },
  );
});

function raise(error: Error): never {
  throw error;
}
