import { beforeAll, describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../src/index.ts';
import { startProxy } from '../support/fault-proxy.ts';
import { follow, kept, publish, Recorder, run, topic, WHOLE } from '../support/recorder.ts';
import { newPrefix } from '../support/redis-nodes.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { atTheEnd, until } from '../support/scratch.ts';
import { SILENT } from '../support/test-link.ts';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis();
});

/** A reader behind a proxy, and a writer. */
async function start() {
  const [prefix, proxy] = [newPrefix(), await startProxy(redis)];
  const connect = async (url: string) => {
    const backplane = await RedisBackplane.connect({ url, prefix, logger: SILENT });
    atTheEnd(() => backplane.close());
    return backplane;
  };
  return { proxy, reader: await connect(proxy.url), writer: await connect(redis.url) };
}

describe('a topic that is deleted while its follower is cut off', () => {
  it('ends, also if it was used again meanwhile', async () => {
    const { proxy, reader, writer } = await start();
    const [unused, used] = [await follow(reader, topic('unused')), await follow(reader, topic('used'))];
    for (const name of ['unused', 'used']) await publish(writer, name, [1]);
    await until('both have it', () => unused.records.length + used.records.length === 2);
    await proxy.refuse();
    proxy.cut();
    for (const name of ['unused', 'used', 'used']) await writer.delete(name);
    await publish(writer, 'used', [2, 3]);
    await proxy.accept();
    await until('both have ended', () => unused.ends.length + used.ends.length === 2);
    expect([unused.notes, used.notes]).toEqual([
      ['1', 'end deleted'],
      ['1', 'end deleted'],
    ]);
    const again = await follow(reader, topic('used'));
    await publish(writer, 'used', [4]);
    await until('it is followed again', () => again.records.length === 1);
    expect(again.notes).toEqual(['4']);
    expect(await kept(reader, 'used')).toEqual([2, 3, 4]);
  });
});

describe('a topic that is deleted again and again while it is used', () => {
  it('ends each following once, without a record of the next topic', async () => {
    const { reader, writer } = await start();
    const recorders: Recorder[] = [];
    const started: Promise<unknown>[] = [];
    const followAnew = async (): Promise<void> => {
      const recorder = new Recorder();
      recorder.ended = (end) => {
        Recorder.prototype.ended.call(recorder, end);
        if (end.how === 'deleted') started.push(followAnew());
      };
      recorders.push(recorder);
      await reader.follow(topic('room'), recorder, { presence: false });
    };
    await followAnew();
    for (let round = 0; recorders.length < 20; round += 1) {
      await publish(writer, 'room', [round, round]);
      await writer.delete('room');
    }
    await until('the last one follows', async () => {
      await publish(writer, 'room', ['last']);
      return recorders.at(-1)?.notes.includes('"last"') === true;
    });
    await Promise.all(started);
    for (const { notes, records } of recorders.slice(0, -1)) {
      expect(notes.at(-1)).toBe('end deleted');
      expect(notes.filter((note) => note.startsWith('end'))).toHaveLength(1);
      // Of one round each: a topic is never continued by the next one.
      expect(new Set(records.map(({ data }) => data)).size).toBeLessThanOrEqual(1);
    }
  });
});

describe('a revocation', () => {
  it('is never missed by a following that is being made', async () => {
    const { proxy, reader, writer } = await start();
    for (let round = 0; round < 60; round += 1) {
      const name = `room ${round % 3}`;
      proxy.delay(round % 4, 'toClient');
      const before = reader.revocations;
      const recorder = new Recorder();
      const made = reader.follow(topic(name), recorder, { presence: round % 2 === 0 });
      for (let turns = 0; turns < round % 7; turns += 1)
        await new Promise((resolve) => setImmediate(resolve));
      const [following] = await Promise.all([made, writer.revoke(name, 'ada')]);
      // Either it is counted, or it comes; a door that has asked before the count asks again.
      await until('it is known', () => reader.revocations > before || recorder.notes.includes('revoked ada'));
      const [cursor] = await publish(writer, name, [round]);
      await until('what was before has come', () => recorder.records.at(-1)?.cursor === cursor);
      if (round % 2 === 0) following.close();
    }
    proxy.pass();
  });

  it('is counted when following is made after it, also of a topic that is followed already', async () => {
    const { reader, writer } = await start();
    const first = await follow(reader, topic('a'));
    const before = reader.revocations;
    await writer.revoke('b', 'ada');
    await follow(reader, topic('a'));
    expect(reader.revocations).toBe(before + 1);
    await writer.revoke('a', undefined);
    const late = await follow(reader, topic('a'));
    expect([first.notes, late.notes, reader.revocations]).toEqual([['revoked undefined'], [], before + 2]);
  });
});

describe('following a topic that is followed already', () => {
  it('starts after everything that was published before, by any process', async () => {
    const { proxy, reader, writer } = await start();
    const first = await follow(reader, topic('news'));
    proxy.delay(20, 'toClient');
    for (const round of [1, 2, 3]) {
      const [cursor] = await publish(writer, 'news', [round]);
      const late = await follow(reader, topic('news'));
      expect([late.following.cursor, first.records.at(-1)?.cursor, late.notes]).toEqual([cursor, cursor, []]);
    }
    proxy.pass();
  });

  it('finds the new topic after a deletion by any process', async () => {
    const { proxy, reader, writer } = await start();
    const first = await follow(reader, topic('news'));
    proxy.delay(20, 'toClient');
    await publish(writer, 'news', [1]);
    await writer.delete('news');
    const late = await follow(reader, topic('news'));
    proxy.pass();
    await publish(writer, 'news', [2]);
    await until('it has come', () => late.records.length === 1);
    expect([first.notes, late.notes]).toEqual([['1', 'end deleted'], ['2']]);
  });
});

describe('a run that has ended and is forgotten while its followers are cut off', () => {
  const SETTINGS = { maxRecords: 9, maxBytes: 9999, leaseMs: 60_000, ttlMs: 1, maxDurationMs: 60_000 };

  async function forgotten({
    lastWords,
    isAgain,
  }: {
    readonly lastWords: boolean;
    readonly isAgain: boolean;
  }) {
    const { proxy, reader, writer } = await start();
    const claim = async () => {
      const claimed = await writer.claimRun({
        id: 'run',
        owner: 'ada',
        input: undefined,
        settings: SETTINGS,
      });
      return claimed.token as number;
    };
    const token = await claim();
    const follower = await follow(reader, run('run'));
    await writer.writeRun('run', token, '1');
    await until('it has come', () => follower.records.length === 1);
    await proxy.refuse();
    proxy.cut();
    if (lastWords) await writer.writeRun('run', token, '2');
    const end = await writer.endRun('run', token, { how: 'finished', result: '"done"' });
    await until('it is forgotten', async () => {
      const isThere = await writer.runInfo('run').catch(() => undefined);
      return isThere === undefined;
    });
    if (isAgain) await writer.writeRun('run', await claim(), '"of another run"');
    await proxy.accept();
    await until('it has ended', () => follower.ends.length === 1);
    expect(follower.ends).toEqual([end]);
    return follower.notes;
  }

  it('ends as it has ended', async () => {
    expect(await forgotten({ lastWords: false, isAgain: false })).toEqual(['1', 'end finished']);
  });

  it('has a gap before its end if it had gone on', async () => {
    expect(await forgotten({ lastWords: true, isAgain: false })).toEqual([
      '1',
      'gap trimmed',
      'end finished',
    ]);
  });

  it('ends so, too, if there is another run with its id', async () => {
    expect(await forgotten({ lastWords: false, isAgain: true })).toEqual(['1', 'end finished']);
  });
});

describe('a run that Redis has lost', () => {
  it('ends as interrupted', async () => {
    const server = await startRedis();
    const backplane = await RedisBackplane.connect({ url: server.url, logger: SILENT });
    atTheEnd(() => backplane.close());
    const settings = { maxRecords: 9, maxBytes: 9999, leaseMs: 60_000, ttlMs: 60_000, maxDurationMs: 60_000 };
    const { token } = await backplane.claimRun({ id: 'run', owner: 'ada', input: undefined, settings });
    const follower = await follow(backplane, run('run'));
    await backplane.writeRun('run', token as number, '1');
    await server.command('FLUSHALL');
    await until('it has ended', () => follower.ends.length === 1);
    // Whether something is missing is not known.
    expect(follower.notes).toEqual(['1', 'gap trimmed', 'end interrupted']);
    await expect(backplane.read(run('run'), { start: true }, WHOLE)).rejects.toMatchObject({
      code: 'ERR_RUN_NOT_FOUND',
    });
  });
});
