import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { VirtualClock } from '@landspout/ioloop/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  MemoryBackplane,
  type RunEndMessage,
  RunFailure,
  type RunStartMessage,
  Runs,
} from '../../src/index.ts';
import { aborted, deferred, settled, World } from './support.ts';

const owner = 'ann';
const storage = new AsyncLocalStorage<string>();
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function on<Message>(name: 'start' | 'end', subscriber: (message: Message) => void): void {
  const listener = (message: unknown): void => subscriber(message as Message);
  subscribe(`landspout.topics.run.${name}`, listener);
  ends.push(() => unsubscribe(`landspout.topics.run.${name}`, listener));
}

function heard(): { readonly started: RunStartMessage[]; readonly ended: RunEndMessage[] } {
  const started: RunStartMessage[] = [];
  const ended: RunEndMessage[] = [];
  on<RunStartMessage>('start', (message) => void started.push(message));
  on<RunEndMessage>('end', (message) => void ended.push(message));
  return { started, ended };
}

describe('landspout.topics.run.start and end', () => {
  it('have one record, which is completed at the end', async () => {
    const { started, ended } = heard();
    await using world = new World();
    const runs = world.process();
    const gate = deferred();
    const handle = await runs.start('a', { owner }, () => gate.promise);
    expect(started).toMatchObject([{ record: { id: 'a', attempt: 0, how: undefined, durationMs: 0 } }]);
    expect(started[0]?.record.runs).toBe(runs);
    await world.advance(1_000);
    expect(ended).toEqual([]);
    gate.resolve();
    await handle.ended;
    await settled();
    expect(ended).toMatchObject([{ record: { how: 'finished', error: undefined, durationMs: 1_000 } }]);
    expect(ended[0]?.record).toBe(started[0]?.record);
  });

  it('have the error of a failed producer, also of one that decided to fail', async () => {
    const { ended } = heard();
    await using world = new World();
    const runs = world.process();
    const failures = [new Error('the producer failed'), new RunFailure('no_tokens', 'no tokens are left')];
    for (const [at, failure] of failures.entries()) {
      const handle = await runs.start(String(at), { owner }, () => {
        throw failure;
      });
      await handle.ended;
    }
    await settled();
    expect(ended.map(({ record }) => record.how)).toEqual(['failed', 'failed']);
    expect(ended.map(({ record }) => record.error)).toEqual(failures);
  });

  it('have no error for a cancelled run', async () => {
    const { ended } = heard();
    await using world = new World();
    const runs = world.process();
    const handle = await runs.start('a', { owner }, async (run) => {
      throw await aborted(run.signal);
    });
    await handle.cancel();
    await handle.ended;
    await settled();
    expect(ended).toMatchObject([{ record: { how: 'cancelled', error: undefined } }]);
  });

  it('are not published for a start that joins a run', async () => {
    const { started, ended } = heard();
    await using world = new World();
    const runs = world.process();
    for (let count = 0; count < 2; count += 1) await (await runs.start('a', { owner }, () => 1)).ended;
    await settled();
    expect([started.length, ended.length]).toEqual([1, 1]);
  });

  it('tell of a run that is lost, and of its end in another process, which has no start', async () => {
    const { started, ended } = heard();
    await using world = new World();
    const [runs, other] = [world.process(), world.process()];
    const handle = await runs.start('a', { owner }, (run) => aborted(run.signal));
    world.kill(runs);
    await world.advance(20_000);
    await handle.ended;
    await settled();
    expect(started).toHaveLength(1);
    const records = ended.map(({ record }) => record);
    expect(records.map(({ runs: at, how }) => [at === other ? 'other' : 'first', how]).sort()).toEqual([
      ['first', 'lost'],
      ['other', 'interrupted'],
    ]);
    const lost = records.find(({ how }) => how === 'lost');
    expect(lost).toBe(started[0]?.record);
    expect(lost?.error).toMatchObject({ code: 'ERR_RUN_LEASE_LOST' });
    expect(records.find(({ how }) => how === 'interrupted')).toMatchObject({ attempt: 1, durationMs: 0 });
  });

  it('tell of the attempt that continues a run which was handed over', async () => {
    const { started, ended } = heard();
    await using world = new World();
    const runs = world.process({ onInterrupted: () => undefined });
    await runs.start('a', { owner }, (run) => aborted(run.signal));
    await runs.drain({ drainMs: 0 });
    expect(ended).toMatchObject([{ record: { how: 'handedOver', attempt: 0, error: undefined } }]);
    world.process({ onInterrupted: () => () => 'continued' });
    await world.advance(20_000);
    expect(started).toMatchObject([{ record: { attempt: 0 } }, { record: { attempt: 1 } }]);
    expect(ended[1]).toMatchObject({ record: { how: 'finished', attempt: 1 } });
    expect(ended[1]?.record).toBe(started[1]?.record);
  });

  it('tell of the runs that a closing process interrupts', async () => {
    const { ended } = heard();
    const runs = new Runs();
    await runs.start('a', { owner }, (run) => aborted(run.signal));
    await runs.close();
    expect(ended).toMatchObject([{ record: { how: 'interrupted' } }]);
  });

  it('leave a run to its end whose start had no subscriber', async () => {
    await using world = new World();
    const runs = world.process();
    const gate = deferred();
    const handle = await runs.start('a', { owner }, () => gate.promise);
    const { ended } = heard();
    gate.resolve();
    await handle.ended;
    await settled();
    expect(ended).toEqual([]);
  });
});

describe('the context that a subscriber chooses for a run', () => {
  it('is that of the producer and of the listeners of its signal, and starts in that of the caller', async () => {
    const seen: string[] = [];
    const note = (what: string): void => void seen.push(`${what}: ${storage.getStore()}`);
    on<RunStartMessage>('start', ({ record, runWithin }) => {
      note('start');
      runWithin((run) => storage.run(`run ${record.id}`, run));
    });
    await using world = new World();
    const runs = world.process();
    await storage.run('the caller', async () => {
      const handle = await runs.start('a', { owner }, async (run) => {
        note('producer');
        await run.write('1');
        note('after a write');
        run.signal.addEventListener('abort', () => note('abort'));
        await aborted(run.signal);
        note('after the abort');
      });
      note('started');
      await settled();
      await handle.cancel();
      await handle.ended;
      note('ended');
    });
    expect(seen).toEqual([
      ...['start: the caller', 'producer: run a', 'started: the caller', 'after a write: run a'],
      ...['abort: run a', 'after the abort: run a', 'ended: the caller'],
    ]);
  });

  it('is chosen outside of all contexts for a run that is continued', async () => {
    const seen: unknown[] = [];
    await using world = new World();
    const runs = world.process({ onInterrupted: () => undefined });
    await storage.run('the caller', () => runs.start('a', { owner }, (run) => aborted(run.signal)));
    await runs.drain({ drainMs: 0 });
    on<RunStartMessage>('start', () => void seen.push(storage.getStore()));
    world.process({
      onInterrupted: () => () => {
        seen.push(storage.getStore());
      },
    });
    await storage.run('the reader', () => world.advance(20_000));
    expect(seen).toEqual([undefined, undefined]);
  });

  it('is kept apart for each run of a process', async () => {
    on<RunStartMessage>('start', ({ record, runWithin }) =>
      runWithin((run) => storage.run(`run ${record.id}`, run)),
    );
    const seen: unknown[] = [];
    const runs = new Runs({ backplane: new MemoryBackplane(), clock: new VirtualClock() });
    const handles = await Promise.all(
      ['a', 'b'].map((id) =>
        runs.start(id, { owner }, async () => {
          await settled();
          seen.push(storage.getStore());
        }),
      ),
    );
    await Promise.all(handles.map((handle) => handle.ended));
    expect(seen).toEqual(['run a', 'run b']);
    await runs.close();
    await runs.backplane.close();
  });
});
