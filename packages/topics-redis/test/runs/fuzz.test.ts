import { type Run, Runs } from '@landspout/topics';
import { describe, expect, it } from 'vitest';
import type { RedisBackplane } from '../../src/index.ts';
import { type ProxiedBackplane, RedisTrial, recordsOf } from '../support/redis-trial.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { SILENT } from '../support/test-link.ts';

const NODES = 3;
const RUNS = 12;
const STEPS = 150;

/** What a producer writes: its attempt, and a number. */
type Written = readonly [attempt: number, number: number];

/** A process with runs. Its producers write numbers, as fast as the steps of the test are. */
class Program {
  readonly node: ProxiedBackplane;
  readonly runs: Runs;
  /** Writes that have resolved, by run. */
  readonly #written: Map<string, Written[]>;

  constructor(node: ProxiedBackplane, trial: RedisTrial, written: Map<string, Written[]>) {
    this.node = node;
    this.#written = written;
    this.runs = new Runs({
      backplane: node.backplane,
      clock: trial.clock,
      logger: SILENT,
      leaseMs: 6000,
      maxAttempts: 2,
      onInterrupted: () => (run) => this.#produce(run, trial),
    });
  }

  start(id: string, trial: RedisTrial): Promise<unknown> {
    return this.runs.start(id, { owner: 'ada' }, (run) => this.#produce(run, trial)).catch(() => {});
  }

  /** Ends it as a kill does. */
  async kill(trial: RedisTrial): Promise<void> {
    await this.node.proxy.close();
    await this.node.backplane.close();
    let isClosed = false;
    const closing = this.runs.close().then(() => {
      isClosed = true;
    });
    // It waits for an end that could not be written, by the clock of the processes.
    while (!isClosed) await trial.clock.advance(100);
    await closing;
  }

  async #produce(run: Run, trial: RedisTrial): Promise<void> {
    for (let number = 0; number < 10; number += 1) {
      try {
        await run.write([run.attempt, number]);
        this.#written.get(run.id)?.push([run.attempt, number]);
      } catch (error) {
        // A write that fails for a while is not made up for.
        if (run.signal.aborted) throw error;
      }
      await new Promise<void>((resolve) => void trial.clock.setTimeout(resolve, 700));
    }
  }
}

/** Fails if the records are not those of one producer after the other, each in order and once. */
function checkOrder(records: readonly Written[]): void {
  for (const [index, [attempt, number]] of records.entries()) {
    const [attemptBefore, numberBefore] = records[index - 1] ?? [-1, -1];
    const isNext = attempt === attemptBefore ? number > numberBefore : attempt > attemptBefore;
    if (!isNext) throw new Error(`the records are out of order: ${JSON.stringify(records)}`);
  }
}

describe('runs of many processes', () => {
  it.each([1, 2, 3, 4])(
    'end once, with their records in order, whatever fails meanwhile (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed);
      const trial = await RedisTrial.start();
      const written = new Map<string, Written[]>();
      const programs: Program[] = [];
      const add = async () => programs.push(new Program(await trial.openProxied(), trial, written));
      for (let node = 0; node < NODES; node += 1) await add();
      const observer: RedisBackplane = await trial.open();

      const disturb = async (): Promise<void> => {
        const index = random.below(programs.length);
        const program = programs[index] as Program;
        const { proxy } = program.node;
        switch (random.below(6)) {
          case 0:
            return proxy.cut(random.below(2) === 0 ? 'end' : 'reset');
          case 1:
            return proxy.halt('toClient');
          case 2:
            return proxy.halt('toServer');
          case 3:
            proxy.cut();
            return proxy.pass();
          case 4:
            programs.splice(index, 1);
            await program.kill(trial);
            await add();
            return;
          default:
            return trial.advance(random.below(8000));
        }
      };

      const starts: Promise<unknown>[] = [];
      for (let step = 0; step < STEPS; step += 1) {
        if (step % 10 === 0 && written.size < RUNS) {
          const id = `run ${written.size}`;
          written.set(id, []);
          // Two processes: one of them gets it.
          for (const program of programs.slice(0, 2)) starts.push(program.start(id, trial));
        }
        await trial.advance(random.below(500));
        if (random.below(4) === 0) await disturb();
      }
      for (const { node } of programs) {
        node.proxy.cut();
        node.proxy.pass();
      }
      await trial.advance(200_000);
      await Promise.all(starts);

      for (const [id, resolved] of written) {
        const info = await observer.runInfo(id).catch(() => undefined);
        if (info === undefined) {
          expect(resolved, id).toEqual([]); // no start has reached Redis
          continue;
        }
        expect(info.end, id).toBeDefined();
        const records = (await recordsOf(observer, id)) as Written[];
        checkOrder(records);
        for (const each of resolved) expect(records, id).toContainEqual(each);
      }
      const running = programs.map(({ runs }) => runs.stats().running);
      expect(running).toEqual(programs.map(() => 0));
      expect(Number(await trial.link.send('x', ['ZCARD', 'landspout:{runs}']))).toBe(0);
      for (const { runs } of programs) await runs.close();
    },
  );
});
