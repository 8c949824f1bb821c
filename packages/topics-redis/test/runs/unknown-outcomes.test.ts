import { Runs } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import { claim, type ProxiedBackplane, RedisTrial, RUN, recordsOf } from '../support/redis-trial.ts';
import { SILENT } from '../support/test-link.ts';

const UNKNOWN = { name: 'BackplaneError', code: 'ERR_TOPICS_OUTCOME_UNKNOWN' };
const LEASE_LOST = { name: 'RunError', code: 'ERR_RUN_LEASE_LOST' };

/** In what is sent for a run. */
const RUN_KEY = '{r:run}';
/** In what is sent for the end of a run. */
const END = '{"how":';

/** Lets the reply to a claim be lost. */
function loseClaim(trial: RedisTrial, node: ProxiedBackplane, call: () => Promise<unknown>) {
  return trial.loseReply(
    node,
    '\r\nclaim\r\n',
    call,
    async () => (await trial.runField('run', 'owner')) !== undefined,
  );
}

function runsOver(trial: RedisTrial, { backplane }: ProxiedBackplane): Runs {
  return new Runs({ backplane, clock: trial.clock, logger: SILENT });
}

describe('a claim whose reply is lost', () => {
  it('gives the run to the same process and owner when it is repeated, and to no other', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    const other = await trial.open();
    expect(await loseClaim(trial, node, () => claim(node.backplane, 'run'))).toMatchObject(UNKNOWN);
    const request = { id: 'run', owner: 'ada', input: undefined, settings: RUN };
    expect((await other.claimRun(request)).token).toBeUndefined();
    const { token } = await node.backplane.claimRun(request);
    await node.backplane.writeRun('run', token as number, '1');
    // That was the repetition; this is another call.
    expect((await node.backplane.claimRun(request)).token).toBeUndefined();
    expect(await recordsOf(other, 'run')).toEqual([1]);
  });

  it('gives the run to its owner although another one has asked for it meanwhile', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    await loseClaim(trial, node, () => claim(node.backplane, 'run'));
    const request = { id: 'run', owner: 'ada', input: undefined, settings: RUN };
    expect((await node.backplane.claimRun({ ...request, owner: 'bob' })).token).toBeUndefined();
    const { token } = await node.backplane.claimRun(request);
    await node.backplane.writeRun('run', token as number, '1');
  });

  it('gives the run to one of several repetitions at once', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    await loseClaim(trial, node, () => claim(node.backplane, 'run'));
    const request = { id: 'run', owner: 'ada', input: undefined, settings: RUN };
    const claims = await Promise.all([1, 2, 3].map(() => node.backplane.claimRun(request)));
    expect(claims.filter(({ token }) => token !== undefined)).toHaveLength(1);
  });

  it('does not give the run to another owner', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    await loseClaim(trial, node, () => claim(node.backplane, 'run'));
    const { token, run } = await node.backplane.claimRun({
      id: 'run',
      owner: 'bob',
      input: undefined,
      settings: RUN,
    });
    expect([token, run.owner]).toEqual([undefined, 'ada']);
  });

  it('does not give the run back after another process has continued it', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    const other = await trial.open();
    await loseClaim(trial, node, () => claim(node.backplane, 'run'));
    await trial.advance(20_000);
    expect(await other.claimExpiredRun('run')).toMatchObject({ run: { attempt: 1 } });
    await expect(claim(node.backplane, 'run')).rejects.toThrow('is taken');
  });

  it('lets a program start the run again', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    const runs = runsOver(trial, node);
    const start = () => runs.start('run', { owner: 'ada' }, (run) => run.write('hello'));
    expect(await loseClaim(trial, node, start)).toMatchObject(UNKNOWN);
    const handle = await start();
    expect(handle.joined).toBe(false);
    expect((await handle.ended).how).toBe('finished');
    expect(await recordsOf(node.backplane, 'run')).toEqual(['hello']);
    await runs.close();
  });

  it('does not use up an attempt of a run that is continued', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    const other = await trial.open();
    const { token } = await claim(other, 'run');
    await other.releaseRun('run', token);
    const isContinued = async () => (await trial.runField('run', 'attempt')) === '1';
    const claiming = () => node.backplane.claimExpiredRun();
    expect(await trial.loseReply(node, RUN_KEY, claiming, isContinued)).toMatchObject(UNKNOWN);
    expect(await other.claimExpiredRun()).toBeUndefined();
    const claimed = await claiming();
    expect(claimed).toMatchObject({ run: { id: 'run', attempt: 1 } });
    await node.backplane.endRun('run', claimed?.token as number, { how: 'interrupted' });
  });
});

describe('a write whose reply is lost', () => {
  it('is not repeated, and those after it are written', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    const { token } = await claim(node.backplane, 'run');
    const write = (data: string) => node.backplane.writeRun('run', token, data);
    await write('0');
    const isWritten = async () => (await trial.runField('run', 'n')) === '2';
    expect(await trial.loseReply(node, RUN_KEY, () => write('1'), isWritten)).toMatchObject(UNKNOWN);
    await write('2');
    await node.backplane.endRun('run', token, { how: 'finished' });
    expect(await recordsOf(node.backplane, 'run')).toEqual([0, 1, 2]);
  });

  it.each(['handles', 'does not handle'])('lets a run end whose producer %s it', async (what) => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    const runs = runsOver(trial, node);
    const isWritten = async () => (await trial.runField('run', 'n')) === '1';
    let outcome: unknown;
    const handle = await runs.start('run', { owner: 'ada' }, async (run) => {
      const writing = () => run.write('first');
      if (what === 'handles') {
        outcome = await trial.loseReply(node, RUN_KEY, writing, isWritten);
        await run.write('second');
      } else {
        let failing: Promise<unknown> | undefined;
        const failingWrite = () => {
          failing = writing();
          return failing;
        };
        outcome = await trial.loseReply(node, RUN_KEY, failingWrite, isWritten);
        await failing;
      }
    });
    const { how } = await handle.ended;
    expect(outcome).toMatchObject(UNKNOWN);
    const records = await recordsOf(node.backplane, 'run');
    expect([how, records]).toEqual(
      what === 'handles' ? ['finished', ['first', 'second']] : ['failed', ['first']],
    );
    await runs.close();
  });
});

describe('an end whose reply is lost', () => {
  const hasEnded = (trial: RedisTrial) => async () => (await trial.runField('run', 'end')) !== undefined;

  it('is found when it is repeated, and refused after that', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    const { token } = await claim(node.backplane, 'run');
    const end = () => node.backplane.endRun('run', token, { how: 'finished', result: '1' });
    expect(await trial.loseReply(node, END, end, hasEnded(trial))).toMatchObject(UNKNOWN);
    expect(await end()).toMatchObject({ how: 'finished', result: 1 });
    await expect(end()).rejects.toMatchObject(LEASE_LOST);
    expect((await node.backplane.runInfo('run')).end?.how).toBe('finished');
  });

  it('is written by its repetition if Redis has not got it', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    const { token } = await claim(node.backplane, 'run');
    const end = () => node.backplane.endRun('run', token, { how: 'finished' });
    node.proxy.halt('toServer');
    const sent = node.proxy.seen(END);
    const isSent = async () => {
      await sent;
      return true;
    };
    expect(await trial.loseReply(node, END, end, isSent)).toMatchObject(UNKNOWN);
    expect(await end()).toMatchObject({ how: 'finished' });
  });

  it('is refused if another process has ended the run meanwhile', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    const other = await trial.open();
    const { token } = await claim(node.backplane, 'run');
    await node.proxy.refuse();
    node.proxy.cut();
    await expect(node.backplane.endRun('run', token, { how: 'finished' })).rejects.toMatchObject({
      name: 'BackplaneError',
    });
    await trial.advance(20_000);
    const claimed = await other.claimExpiredRun('run');
    await other.endRun('run', claimed?.token as number, { how: 'interrupted' });
    await node.proxy.accept();
    await expect
      .poll(async () => {
        await trial.advance(500);
        return node.backplane.endRun('run', token, { how: 'finished' }).catch((error) => error.code);
      })
      .toBe('ERR_RUN_LEASE_LOST');
    expect((await other.runInfo('run')).end?.how).toBe('interrupted');
  });

  it('ends the run once, as its producer decided', async () => {
    const trial = await RedisTrial.start();
    const node = await trial.openProxied();
    const runs = runsOver(trial, node);
    let settle = (_result: string): void => {};
    const handle = await runs.start('run', { owner: 'ada' }, () => {
      return new Promise<string>((resolve) => {
        settle = resolve;
      });
    });
    // What `ended` gives is not awaited here: the end is repeated after a time, which the test has to let pass.
    const ending = async () => settle('done');
    await trial.loseReply(node, END, ending, hasEnded(trial));
    await expect
      .poll(async () => {
        await trial.advance(1000);
        return runs.stats();
      })
      .toMatchObject({ running: 0, finished: 1, lost: 0 });
    expect(await handle.ended).toMatchObject({ how: 'finished', result: 'done' });
    await runs.close();
  });
});
