import { Runs, type RunsOptions } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import { claim, RedisTrial, RUN, recordsOf } from '../support/redis-trial.ts';
import { SILENT } from '../support/test-link.ts';

const LEASE_LOST = { name: 'RunError', code: 'ERR_RUN_LEASE_LOST' };

/** Runs over a backplane of their own, in this process. */
async function openRuns(trial: RedisTrial, options: RunsOptions = {}): Promise<Runs> {
  return new Runs({ backplane: await trial.open(), clock: trial.clock, logger: SILENT, ...options });
}

/** Starts a process whose producer writes 0, 1, 2 … to a run, and waits for the first records. */
async function startWriter(trial: RedisTrial) {
  const other = await trial.startProcess();
  const reader = await trial.open();
  await other.call('openRuns', { leaseMs: 15_000 });
  await other.call('start', 'run');
  await expect.poll(async () => (await recordsOf(reader, 'run')).length).toBeGreaterThan(3);
  return { other, reader };
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('runs of processes that end', () => {
  it('interrupts the run of a killed process once, in one of several processes', async () => {
    const trial = await RedisTrial.start();
    const { other, reader } = await startWriter(trial);
    const all = [await openRuns(trial), await openRuns(trial), await openRuns(trial)];
    const subscription = await (all[0] as Runs).read('run');
    await other.kill();
    await trial.advance(40_000);
    const seen: unknown[] = [];
    for await (const event of subscription) seen.push(event.kind === 'record' ? event.data : event);
    const records = await recordsOf(reader, 'run');
    expect(records).toEqual(numbers(records.length));
    expect(seen).toEqual([...records, expect.objectContaining({ kind: 'end', how: 'interrupted' })]);
    expect(all.map((runs) => runs.stats().interrupted).sort()).toEqual([0, 0, 1]);
    for (const runs of all) await runs.close();
  });

  it('continues the run of a killed process in one of several processes', async () => {
    const trial = await RedisTrial.start();
    const { other, reader } = await startWriter(trial);
    const continued: unknown[] = [];
    const onInterrupted: RunsOptions['onInterrupted'] = ({ attempt, records }) => {
      continued.push({ attempt, records });
      return async (run) => {
        await run.write('continued');
        return 'done';
      };
    };
    const all = [await openRuns(trial, { onInterrupted }), await openRuns(trial, { onInterrupted })];
    await other.kill();
    const count = (await recordsOf(reader, 'run')).length;
    await trial.advance(40_000);
    expect(continued).toEqual([{ attempt: 1, records: count }]);
    expect(await recordsOf(reader, 'run')).toEqual([...numbers(count), 'continued']);
    expect((await reader.runInfo('run')).end).toMatchObject({ how: 'finished', result: 'done' });
    for (const runs of all) await runs.close();
  });

  it('refuses the writes of a process that was stopped while another one ended its run', async () => {
    const trial = await RedisTrial.start();
    const { other, reader } = await startWriter(trial);
    const runs = await openRuns(trial);
    other.pause();
    await trial.advance(40_000);
    expect((await reader.runInfo('run')).end?.how).toBe('interrupted');
    const records = await recordsOf(reader, 'run');
    other.resume();
    await expect.poll(() => other.call('stats')).toMatchObject({ running: 0, lost: 1 });
    expect(await recordsOf(reader, 'run')).toEqual(records);
    expect((await reader.runInfo('run')).end?.how).toBe('interrupted');
    await runs.close();
  });

  it('refuses the writes of a process that was stopped while another one continued its run', async () => {
    const trial = await RedisTrial.start();
    const { other, reader } = await startWriter(trial);
    other.pause();
    await trial.advance(20_000);
    const claimed = await reader.claimExpiredRun();
    const before = (await recordsOf(reader, 'run')).length;
    const write = (data: string) => reader.writeRun('run', claimed?.token as number, data);
    await write('"continued"');
    other.resume();
    await expect.poll(() => other.call('stats')).toMatchObject({ running: 0, lost: 1 });
    await write('"more"');
    await reader.endRun('run', claimed?.token as number, { how: 'finished' });
    expect(await recordsOf(reader, 'run')).toEqual([...numbers(before), 'continued', 'more']);
  });

  it('refuses what arrives late from a producer whose run was claimed by another', async () => {
    const trial = await RedisTrial.start();
    const { backplane, proxy } = await trial.openProxied();
    const other = await trial.open();
    const { token } = await claim(backplane, 'run');
    proxy.halt('toServer');
    const late = [
      backplane.writeRun('run', token, '"late"'),
      backplane.renewRun('run', token),
      backplane.endRun('run', token, { how: 'finished' }),
      backplane.releaseRun('run', token),
    ];
    await trial.advance(20_000);
    const claimed = await other.claimExpiredRun();
    proxy.pass();
    for (const call of late) await expect(call).rejects.toMatchObject(LEASE_LOST);
    await other.endRun('run', claimed?.token as number, { how: 'finished' });
    expect(await recordsOf(other, 'run')).toEqual([]);
  });

  it('judges leases by Redis alone, whatever the clocks of the processes are', async () => {
    const trial = await RedisTrial.start();
    // Otherwise the connections count as dead when the clock goes on.
    const patient = { pingTimeoutMs: 7_200_000 };
    const [first, second] = [await trial.open(patient), await trial.open(patient)];
    const { token, run } = await claim(first, 'run');
    expect(run.startedAt).toBe(trial.redisClock.nowMs);
    // The clock of this process goes on, that of Redis does not.
    await trial.clock.advance(3_600_000);
    expect(await second.claimExpiredRun()).toBeUndefined();
    await first.renewRun('run', token);
    trial.redisClock.advance(RUN.leaseMs + 1);
    expect(await second.claimExpiredRun()).toMatchObject({ run: { id: 'run', attempt: 1 } });
  });
});
