import { Runs } from '@landspout/topics';
import { beforeAll, describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../src/index.ts';
import { BackplaneProcess } from '../support/backplane-process.ts';
import { type RedisCluster, startCluster } from '../support/redis-cluster.ts';
import { claim, recordsOf } from '../support/redis-trial.ts';
import { atTheEnd } from '../support/scratch.ts';
import { SILENT } from '../support/test-link.ts';

/** So many runs that each node has some. */
const IDS = Array.from({ length: 24 }, (_, index) => `run-${index}`);

describe('runs in a cluster', () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await startCluster();
  });

  const options = (prefix: string) => ({ cluster: { rootNodes: cluster.rootNodes }, prefix });

  const open = async (prefix: string): Promise<RedisBackplane> => {
    const backplane = await RedisBackplane.connect({ ...options(prefix), logger: SILENT });
    atTheEnd(() => backplane.close());
    return backplane;
  };

  it('interrupts the runs of a killed process, each once, whatever nodes they are on', async () => {
    const backplanes = [await open('kill'), await open('kill')] as const;
    const other = await BackplaneProcess.start(options('kill'));
    await other.call('openRuns', { leaseMs: 1000 });
    for (const id of IDS) await other.call('start', id);
    const all = backplanes.map((backplane) => new Runs({ backplane, leaseMs: 1000, logger: SILENT }));
    const readers = await Promise.all(IDS.map((id) => (all[0] as Runs).read(id)));
    await other.kill();
    for (const reader of readers) {
      const data: unknown[] = [];
      let how: string | undefined;
      for await (const event of reader) {
        if (event.kind === 'record') data.push(event.data);
        if (event.kind === 'end') how = event.how;
      }
      expect([how, data]).toEqual(['interrupted', Array.from(data, (_, index) => index)]);
    }
    const interrupted = all.map((runs) => runs.stats().interrupted);
    expect(interrupted.reduce((sum, count) => sum + count, 0)).toBe(IDS.length);
    for (const runs of all) await runs.close();
  });

  it('finds expired runs after the node of the index has lost its memory', async () => {
    const [backplane, other] = [await open('index'), await open('index')];
    const indexNode = await cluster.nodeOf('index:{runs}');
    const claims = [];
    for (const id of IDS) {
      if ((await cluster.nodeOf(`index:{r:${id}}`)) === indexNode) continue;
      claims.push(await claim(backplane, id));
    }
    expect(claims.length).toBeGreaterThan(0);
    await indexNode.command('FLUSHALL');
    expect(await backplane.claimExpiredRun()).toBeUndefined();
    for (const { run, token } of claims) await backplane.releaseRun(run.id, token);
    const found = new Set<string | undefined>();
    for (const _ of claims) found.add((await other.claimExpiredRun())?.run.id);
    expect(found).toEqual(new Set(claims.map(({ run }) => run.id)));
  });

  it('goes on writing a run whose slot moves to another node', async () => {
    const [backplane, other] = [await open('move'), await open('move')];
    const { token } = await claim(backplane, 'run');
    const from = await cluster.nodeOf('move:{r:run}');
    const to = cluster.nodes.find((node) => node !== from);
    const writes: Promise<string>[] = [];
    const write = () => writes.push(backplane.writeRun('run', token, String(writes.length)));
    const moving = cluster.moveSlotOf('move:{r:run}', to as NonNullable<typeof to>);
    let isMoved = false;
    void moving.then(() => {
      isMoved = true;
    });
    while (!isMoved) {
      write();
      await writes.at(-1);
    }
    await moving;
    write();
    await Promise.all(writes);
    await backplane.endRun('run', token, { how: 'finished' });
    expect(await recordsOf(other, 'run')).toEqual(Array.from(writes, (_, index) => index));
  });
});
