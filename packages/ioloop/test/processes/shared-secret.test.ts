import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { IOLoop } from '../../src/loop/io-loop.ts';
import { RENEWAL_MS } from '../../src/processes/messages/renewed-secret.ts';
import { sharedSecret } from '../../src/processes/messages/shared-secret.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { type Line, RunningProgram } from './fixtures/running-program.ts';
import { Supervised } from './fixtures/supervised.ts';

/** Two supervised children, and the keys that both have when `forkProcesses` returns. */
async function twoChildren(): Promise<{
  supervised: Supervised;
  keys: unknown;
  keysOf(): Promise<unknown[]>;
}> {
  const supervised = new Supervised('secrets', { count: 2 });
  await supervised.supervisor.start();
  const [first, second] = await supervised.heard({ event: 'message', above: undefined }, 2);
  expect(second?.keys).toEqual(first?.keys);
  return {
    supervised,
    keys: first?.keys,
    keysOf: async () => [...(await supervised.supervisor.ask('keys')).values()],
  };
}

describe('sharedSecret', () => {
  it('is the same in all children when forkProcesses returns [PROC-01]', async () => {
    const { keys, keysOf } = await twoChildren();
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(await keysOf()).toEqual([keys, keys]);
  });

  it('is renewed in all children at once [PROC-01]', async () => {
    const { supervised, keys, keysOf } = await twoChildren();
    const [first] = keys as [string];
    await supervised.clock.advance(RENEWAL_MS);
    const [renewed, other] = (await keysOf()) as [string[], string[]];
    expect(other).toEqual(renewed);
    expect(renewed).toHaveLength(2);
    expect(renewed[1]).toBe(first);
    await supervised.clock.advance(RENEWAL_MS);
    expect((await keysOf()).map((each) => (each as string[])[1])).toEqual([renewed[0], renewed[0]]);
    // The program hears nothing of it.
    expect(supervised.story.filter((entry) => 'heard' in entry)).toEqual([]);
  });

  it('is the current one in a child that is started again, and in successors [PROC-01]', async () => {
    const { supervised, keysOf } = await twoChildren();
    await supervised.clock.advance(RENEWAL_MS);
    const [renewed] = await keysOf();
    process.kill(supervised.supervisor.children[0]?.pid as number, 'SIGKILL');
    await supervised.heard({ event: 'exited' });
    await supervised.clock.advance(1_000);
    await supervised.heard({ event: 'message', taskId: 0, above: undefined }, 2);
    expect(await keysOf()).toEqual([renewed, renewed]);
    await supervised.supervisor.restart();
    expect(await keysOf()).toEqual([renewed, renewed]);
  });

  it('stays in children whose parent has ended', async () => {
    const program = new RunningProgram('secrets', { count: 2 });
    const [told] = await program.heard((line: Line) => 'keys' in line, 2);
    program.process.kill('SIGKILL');
    await program.ended;
    const orphans = program.lines.filter((line) => 'orphan' in line);
    expect(orphans.map(({ keys }) => keys)).toEqual([told?.keys, told?.keys]);
  });

  it('ends its renewals when all children have ended', async () => {
    const { supervised } = await twoChildren();
    await supervised.supervisor.stop();
    expect(supervised.clock.pending).toBe(0);
  });

  it('belongs to the loop in a process without a parent', async () => {
    const clock = new VirtualClock();
    const loop = new IOLoop({ clock });
    const [first] = sharedSecret(loop).derive('a test', 16);
    expect(sharedSecret(loop).derive('a test', 16)).toEqual([first]);
    expect(sharedSecret().derive('a test', 16)).not.toEqual([first]);
    await clock.advance(RENEWAL_MS);
    expect(sharedSecret(loop).derive('a test', 16)[1]).toEqual(first);
    expect(inspect(sharedSecret(loop))).toBe('RenewedSecret { version: 2 }');
  });
});
