import { describe, expect, it } from 'vitest';
import { optionsProblem, shownValue } from '../src/errors.ts';
import { InlineExecutor, runOnExecutor, ThreadPoolExecutor } from '../src/executors/index.ts';
import {
  BoundedSemaphore,
  Condition,
  coroutine,
  Event,
  Future,
  IOLoop,
  LifoQueue,
  Lock,
  multi,
  PeriodicCallback,
  PriorityQueue,
  Queue,
  Semaphore,
  sleep,
  WaitIterator,
  withTimeout,
} from '../src/index.ts';
import { forkProcesses, ProcessSupervisor } from '../src/processes/index.ts';
import { portNumber, portProblem } from '../src/reactor/index.ts';

/** Unknown options, as from a caller that the compiler does not check. */
const wrong = { zzz: 1 } as object;

/** Every place of this package that takes options, by the words of its message. */
const DOORS: Readonly<Record<string, (options: object) => unknown>> = {
  IOLoop: (options) => new IOLoop(options),
  'IOLoop.run': (options) => IOLoop.current().run(() => 1, options),
  'IOLoop.stats': (options) => IOLoop.current().stats(options),
  'IOLoop.close': (options) => new IOLoop().close(options),
  'IOLoop.watch': (options) => IOLoop.current().watch(options),
  'IOLoop.runInExecutor': (options) =>
    IOLoop.current().runInExecutor({ module: 'node:path', export: 'basename' }, ['/a'], options),
  PeriodicCallback: (options) => new PeriodicCallback(() => {}, 1, options),
  sleep: (options) => sleep(0, options),
  withTimeout: (options) => withTimeout(Promise.resolve(1), options),
  multi: (options) => multi([1], options),
  WaitIterator: (options) => new WaitIterator([1], options),
  coroutine: (options) => coroutine(function* () {}, options),
  Future: (options) => new Future(options),
  Event: (options) => new Event(options),
  'Event.wait': (options) => new Event().wait(options),
  Condition: (options) => new Condition(options),
  'Condition.wait': (options) => new Condition().wait(options),
  Lock: (options) => new Lock(options),
  'Lock.acquire': (options) => new Lock().acquire(options),
  Semaphore: (options) => new Semaphore(1, options),
  BoundedSemaphore: (options) => new BoundedSemaphore(1, options),
  Queue: (options) => new Queue(0, options),
  'Queue.put': (options) => new Queue().put(1, options),
  'Queue.get': (options) => new Queue().get(options),
  LifoQueue: (options) => new LifoQueue(0, options),
  PriorityQueue: (options) => new PriorityQueue(0, options),
  InlineExecutor: (options) => new InlineExecutor(options),
  'InlineExecutor.run': (options) => new InlineExecutor().run({ module: 'node:path' }, [], options),
  ThreadPoolExecutor: (options) => new ThreadPoolExecutor(options),
  'ThreadPoolExecutor.run': (options) => new ThreadPoolExecutor().run({ module: 'node:path' }, [], options),
  runOnExecutor: (options) => runOnExecutor({ module: 'node:path' }, options),
  ProcessSupervisor: (options) => new ProcessSupervisor(options),
  'ProcessSupervisor.ask': (options) => new ProcessSupervisor().ask('topic', options),
  'ProcessSupervisor.askTask': (options) => new ProcessSupervisor().askTask(0, 'topic', options),
  'ProcessSupervisor.restart': (options) => new ProcessSupervisor().restart(options),
  forkProcesses: (options) => forkProcesses(2, options),
};

describe('options that are not known', () => {
  it.each(Object.keys(DOORS))('are refused by name by %s', async (door) => {
    const open = async (): Promise<unknown> => DOORS[door]?.(wrong);
    await expect(open()).rejects.toThrow(/^\w+: unknown option "zzz"/);
    await expect(open()).rejects.toHaveProperty('code', expect.stringMatching(/_(USAGE|OPTIONS)$/));
  });

  it('are refused for a listener of forkProcesses, and so is a list that is none', async () => {
    const start = (listen: unknown) =>
      new ProcessSupervisor({ program: 'x.js', listen: listen as [] }).start();
    await expect(start([{ prot: 80 }])).rejects.toThrow(
      'listen: unknown option "prot": did you mean "port"?',
    );
    await expect(start({ port: 80 })).rejects.toThrow(
      'listen: an array such as [{ port: 8888 }] was expected',
    );
  });

  it.each(['', 'http', '80.5', '99999', ' 80'])('and so is the port %j of such a listener', async (port) => {
    const start = new ProcessSupervisor({ program: 'x.js', listen: [{ port }] }).start();
    await expect(start).rejects.toThrow(`listen: a port of 0 to 65535 was expected, not "${port}"`);
  });

  it('count as absent when their value is undefined', async () => {
    await expect(sleep(0, { zzz: undefined } as object)).resolves.toBeUndefined();
  });
});

describe('optionsProblem', () => {
  const known = { timeoutMs: true, maxReadBufferBytes: true, host: true, signal: true };

  it.each([
    ['timeout', 'timeoutMs'],
    ['timeoutms', 'timeoutMs'],
    ['max_read_buffer_bytes', 'maxReadBufferBytes'],
    ['maxReadBuffer', 'maxReadBufferBytes'],
    ['hostname', 'host'],
    ['singal', 'signal'],
  ])('suggests for %s the name %s', (given, meant) => {
    expect(optionsProblem({ [given]: 1 }, known)).toBe(`unknown option "${given}": did you mean "${meant}"?`);
  });

  it('lists a few known names where none is near', () => {
    const names = 'timeoutMs, maxReadBufferBytes, host, signal';
    expect(optionsProblem({ colour: 1 }, known)).toBe(`unknown option "colour" (known: ${names})`);
  });

  it('finds names that an object has inherited, and takes none of those that all objects have', () => {
    expect(optionsProblem(Object.create({ hots: 1 }), known)).toContain('did you mean "host"?');
    expect(optionsProblem({ toString: 1 }, known)).toContain('unknown option "toString"');
    expect(optionsProblem(Object.create(null), known)).toBeUndefined();
  });

  it.each([null, 8888, 'text'])('refuses %j, which is no object', (options) => {
    expect(optionsProblem(options, known)).toMatch(/^an object of options was expected, not /);
  });

  it('escapes and clips a name', () => {
    const problem = optionsProblem({ [`a\n${'b'.repeat(200)}`]: 1 }, {});
    expect(problem).toMatch(/^unknown option "a\\nb+…"$/);
    expect(problem?.length).toBeLessThan(100);
  });
});

describe('shownValue', () => {
  class Order {}
  const secret = { password: 'secret' };

  it.each([
    ['8080', '"8080" (a string)'],
    ['', '"" (an empty string)'],
    ['a"\n\u2028\u202e', String.raw`"a\"\n\u2028\u202e" (a string)`],
    [8080, '8080'],
    [Number.NaN, 'NaN'],
    [5n, '5n (a bigint)'],
    [null, 'null'],
    [undefined, 'undefined'],
    [Symbol('s'), 'a symbol'],
    [Promise.resolve(1), 'a Promise (await it?)'],
    [new Future(), 'a Future (await it?)'],
    [[1, 2], 'an array'],
    [new Map(), 'an object of Map'],
    [new Order(), 'an object of Order'],
    [secret, 'an object of Object'],
    [Object.create(null), 'an object'],
    [Order, 'the class Order'],
    [class {}, 'a class'],
    [() => 1, 'a function'],
    [shownValue, 'the function shownValue'],
  ])('describes %o', (value, shown) => {
    expect(shownValue(value)).toBe(shown);
  });

  it('clips long text, and stays calm at an object that throws', () => {
    expect(shownValue('x'.repeat(1e6)).length).toBeLessThan(100);
    const hostile = new Proxy({}, { get: () => assertNever() });
    expect(shownValue(hostile)).toBe('an object');
  });

  function assertNever(): never {
    throw new Error('not this');
  }
});

describe('portNumber', () => {
  it.each([
    [0, 0],
    [65_535, 65_535],
    ['0', 0],
    ['8080', 8080],
  ])('takes %j', (value, port) => {
    expect(portNumber(value)).toBe(port);
  });

  it.each([
    '',
    'http',
    '80.5',
    '99999',
    ' 80',
    '80 ',
    '+80',
    '-1',
    '080',
    '0x50',
    '8e3',
    80.5,
    -1,
    65_536,
    null,
    true,
  ])('takes %j for no port, and names it', (value) => {
    expect(portNumber(value)).toBeUndefined();
    expect(portProblem('port', value)).toMatch(/^a port of 0 to 65535 was expected, not /);
  });

  it('has a remedy for a variable that is set to nothing', () => {
    expect(portProblem('port', '')).toContain('leave it unset, or write PORT || 8080');
  });
});
