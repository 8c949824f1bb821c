import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { type Run, Runs } from '../../src/index.ts';
import { aborted, deferred, MemoryLog, readAll, settled, World, withFaults } from './support.ts';

describe('Runs.start', () => {
  it('runs a producer whose records and result readers get in order, then the end', async () => {
    await using world = new World();
    const runs = world.process();
    const handle = await runs.start('a', { owner: 'ann' }, async (run) => {
      for (const token of ['one', 'two', 'three']) await run.write(token);
      return { tokens: 3 };
    });
    expect(handle).toMatchObject({ id: 'a', joined: false });
    expect(await handle.ended).toMatchObject({ how: 'finished', result: { tokens: 3 } });
    expect(await readAll(await runs.read('a'))).toEqual(['one', 'two', 'three', 'end: finished']);
    expect(runs.stats()).toMatchObject({ running: 0, started: 1, finished: 1, records: 3 });
  });

  it('joins a run with the same id and owner, while it goes on and after its end', async () => {
    await using world = new World();
    const [runs, other] = [world.process(), world.process()];
    const gate = deferred();
    const unused = () => {
      throw new Error('the second producer must not be called');
    };
    const first = await runs.start('a', { owner: 'ann' }, async (run) => {
      await run.write(1);
      await gate.promise;
      return 'done';
    });
    const second = await other.start('a', { owner: 'ann', input: 'ignored' }, unused);
    expect(second.joined).toBe(true);
    const ended = second.ended;
    const reading = readAll(await second.subscribe());
    gate.resolve();
    expect(await ended).toEqual(await first.ended);
    expect(await reading).toEqual([1, 'end: finished']);
    const third = await runs.start('a', { owner: 'ann' }, unused);
    expect(await third.ended).toMatchObject({ how: 'finished', result: 'done' });
    expect(await third.info()).toMatchObject({ owner: 'ann', input: undefined, attempt: 0 });
    expect(world.log.lines).toEqual([]);
  });

  it('calls one producer if an id is started many times at once', async () => {
    await using world = new World();
    const processes = [world.process(), world.process(), world.process()];
    let calls = 0;
    const starts = Array.from({ length: 30 }, (_, at) =>
      (processes[at % 3] as Runs).start('a', { owner: 'ann' }, () => {
        calls += 1;
        return calls;
      }),
    );
    const handles = await Promise.all(starts);
    expect(handles.filter(({ joined }) => !joined)).toHaveLength(1);
    for (const handle of handles) expect(await handle.ended).toMatchObject({ how: 'finished', result: 1 });
    expect(calls).toBe(1);
  });

  it('refuses to join the run of another owner, and names neither', async () => {
    await using world = new World();
    const runs = world.process();
    await runs.start('a', { owner: 'ann' }, () => 1);
    const joining = runs.start('a', { owner: 'bob' }, () => 2);
    await expect(joining).rejects.toMatchObject({ name: 'RunError', code: 'ERR_RUN_OWNER' });
    await expect(joining).rejects.toThrow(/^(?!.*(ann|bob))/);
  });

  it('gives the producer its id, owner, input and a cursor that grows', async () => {
    await using world = new World();
    const runs = world.process();
    const seen: unknown[] = [];
    const input = { question: 'why?' };
    const handle = await runs.start<string, void>('a', { owner: 'ann', input }, async (run) => {
      seen.push(run.id, run.owner, run.input, run.attempt, run.signal.aborted);
      const before = run.cursor;
      const cursor = await run.write('x');
      seen.push(before === cursor, run.cursor === cursor);
      expect(inspect(run)).toContain("id: 'a'");
    });
    expect(await handle.ended).toMatchObject({ how: 'finished' });
    expect(seen).toEqual(['a', 'ann', { question: 'why?' }, 0, false, false, true]);
    expectTypeOf(handle.ended).resolves.toHaveProperty('how');
    expectTypeOf<Run<string>['write']>().parameter(0).toEqualTypeOf<string | Uint8Array>();
  });

  it('infers the type of the result, and of the records of its readers', async () => {
    await using world = new World();
    const runs = world.process();
    const handle = await runs.start('a', { owner: 'ann' }, async (run: Run<string>) => {
      await run.write('x');
      return { count: 1 };
    });
    expectTypeOf((await handle.ended).result).toEqualTypeOf<{ count: number } | undefined>();
    for await (const event of await handle.subscribe()) {
      if (event.kind === 'record') expectTypeOf(event.data).toEqualTypeOf<string>();
    }
  });

  it('calls the producer and the listeners of its signal in the async context of the call', async () => {
    await using world = new World();
    const runs = world.process();
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const handle = await storage.run('request', () =>
      runs.start('a', { owner: 'ann' }, async (run) => {
        seen.push(storage.getStore());
        run.signal.addEventListener('abort', () => seen.push(storage.getStore()));
        await aborted(run.signal);
        seen.push(storage.getStore());
      }),
    );
    await storage.run('another request', () => runs.cancel('a'));
    await handle.ended;
    expect(seen).toEqual(['request', 'request', 'request']);
  });

  it('refuses invalid arguments by name, before anything is claimed', async () => {
    await using world = new World();
    const runs = world.process({ maxRecordBytes: 10 });
    const work = () => 1;
    const start = runs.start.bind(runs) as (...args: unknown[]) => Promise<unknown>;
    await expect(start('', { owner: 'ann' }, work)).rejects.toThrow(/id: 1 to 256 bytes/);
    await expect(start('a', {}, work)).rejects.toThrow(/owner: 1 to 256 bytes/);
    await expect(start('a', { owner: 'ann', ttl: 1 }, work)).rejects.toThrow(/did you mean "ttlMs"/);
    await expect(start('a', { owner: 'ann' }, 'work')).rejects.toThrow(/producer: a function/);
    await expect(start('a', { owner: 'ann', input: () => 1 }, work)).rejects.toThrow(
      /input: a value that JSON/,
    );
    await expect(start('a', { owner: 'ann', input: 'much too long' }, work)).rejects.toMatchObject({
      code: 'ERR_TOPICS_RECORD_TOO_LARGE',
    });
    expect(() => new Runs({ leaseMs: 0 })).toThrow(/leaseMs/);
    expect(() => new Runs({ lease: 1 } as object)).toThrow(/unknown option/);
    await expect(runs.info('a')).rejects.toMatchObject({ code: 'ERR_RUN_NOT_FOUND' });
  });

  it('starts at most maxRuns runs at once, but joins more', async () => {
    await using world = new World();
    const [runs, other] = [world.process({ maxRuns: 2 }), world.process()];
    const gate = deferred();
    const starts = ['a', 'b', 'c'].map((id) => runs.start(id, { owner: 'ann' }, () => gate.promise));
    const outcomes = await Promise.allSettled(starts);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    await expect(starts[2]).rejects.toMatchObject({ name: 'TopicsLimitError', code: 'ERR_RUN_LIMIT' });
    const foreign = await other.start('d', { owner: 'ann' }, () => gate.promise);
    expect((await runs.start('d', { owner: 'ann' }, () => 1)).joined).toBe(true);
    gate.resolve();
    await foreign.ended;
    await settled();
    expect((await runs.start('c', { owner: 'ann' }, () => 1)).joined).toBe(false);
  });

  it('ends the run of a backplane that cannot be followed, and rejects', async () => {
    await using world = new World();
    const backplane = withFaults(world.backplane, {
      follow: () => Promise.reject(new Error('no connection')),
    });
    const runs = world.process({ backplane });
    await expect(runs.start('a', { owner: 'ann' }, () => 1)).rejects.toThrow('no connection');
    expect(await world.process().info('a')).toMatchObject({ end: { how: 'interrupted' } });
  });

  it('has a memory backplane of its own by default, and closes it', async () => {
    const runs = new Runs({ logger: new MemoryLog() });
    const handle = await runs.start('a', { owner: 'ann' }, () => 'x');
    expect(await handle.ended).toMatchObject({ how: 'finished', result: 'x' });
    await runs.close();
    await expect(runs.read('a')).rejects.toMatchObject({ code: 'ERR_TOPICS_CLOSED' });
    await expect(runs.start('b', { owner: 'ann' }, () => 1)).rejects.toMatchObject({
      code: 'ERR_TOPICS_CLOSED',
    });
    expect(inspect(runs)).toContain('finished: 1');
  });
});
