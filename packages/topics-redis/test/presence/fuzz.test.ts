import { describe, expect, it } from 'vitest';
import { PRESENCE, type ProxiedBackplane, RedisTrial, WatchedMembers } from '../support/redis-trial.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const TOPICS = ['a', 'b', 'c'];
const MEMBERS = ['ada', 'bob', 'eve'];
const NODES = 3;
const STEPS = 120;

/** One process: what its program wants to be there, as `Topics` sees to it. */
class Program {
  node: ProxiedBackplane;
  readonly joined = new Set<string>();
  /** Whether the backplane has a member; undefined if a call has failed in a way that does not say. */
  readonly #present = new Map<string, boolean | undefined>();
  readonly #work = new Map<string, Promise<void>>();

  constructor(node: ProxiedBackplane) {
    this.node = node;
  }

  /** Joins or leaves a member, at once or after the network is back. */
  toggle(topic: string, member: string): void {
    const key = `${topic} ${member}`;
    if (!this.joined.delete(key)) this.joined.add(key);
    this.#start(key);
  }

  /** Repeats what has failed, until it does not. */
  async settle(trial: RedisTrial): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      await Promise.all(this.#work.values());
      const failed = [...this.#present.keys()].filter((key) => !this.#isSettled(key));
      if (failed.length === 0) return;
      if (tries > 100) throw new Error('calls fail although the network is back');
      await trial.advance(200);
      for (const key of failed) this.#start(key);
    }
  }

  #start(key: string): void {
    if (this.#work.has(key)) return;
    const work = this.#settle(key).finally(() => this.#work.delete(key));
    this.#work.set(key, work);
  }

  /** Calls until the member is as it should be, or a call fails. */
  async #settle(key: string): Promise<void> {
    const [topic = '', member = ''] = key.split(' ');
    const { backplane } = this.node;
    while (!this.#isSettled(key)) {
      const isJoin = this.joined.has(key);
      try {
        if (isJoin) await backplane.join(topic, { member }, PRESENCE);
        else await backplane.leave(topic, member, PRESENCE);
        this.#present.set(key, isJoin);
      } catch (error) {
        const isUnknown = (error as { readonly code?: string }).code === 'ERR_TOPICS_OUTCOME_UNKNOWN';
        this.#present.set(key, isUnknown ? undefined : this.#wasPresent(key));
        return;
      }
    }
  }

  #isSettled(key: string): boolean {
    return this.#wasPresent(key) === this.joined.has(key);
  }

  #wasPresent(key: string): boolean | undefined {
    return this.#present.has(key) ? this.#present.get(key) : false;
  }
}

describe('members of many processes', () => {
  it.each([1, 2, 3, 4])(
    'are in the end as their programs want, whatever fails meanwhile (seed %i)',
    async (seed) => {
      const random = new SeededRandom(seed);
      const trial = await RedisTrial.start();
      const options = { leaseMs: 6000 };
      const programs: Program[] = [];
      const add = async () => programs.push(new Program(await trial.openProxied(options)));
      for (let node = 0; node < NODES; node += 1) await add();
      const observer = await trial.open(options);
      const watched = new Map<string, WatchedMembers>();
      for (const topic of TOPICS) watched.set(topic, await WatchedMembers.of(observer, topic));

      const disturb = async (): Promise<void> => {
        const index = random.below(programs.length);
        const { proxy, backplane } = (programs[index] as Program).node;
        switch (random.below(8)) {
          case 0:
            return proxy.cut(random.below(2) === 0 ? 'end' : 'reset');
          case 1:
            return proxy.halt('toClient');
          case 2:
            return proxy.halt('toServer');
          case 3:
            proxy.cut();
            return proxy.pass();
          case 4: // killed
            programs.splice(index, 1);
            await proxy.close();
            await backplane.close(); // it cannot tell Redis any more
            await add();
            return;
          case 5: // closed in order
            programs.splice(index, 1);
            proxy.pass();
            await backplane.close();
            await add();
            return;
          case 6:
            if (random.below(4) === 0) await trial.link.send('x', ['FLUSHALL']);
            return;
          default:
            return trial.advance(random.below(9000));
        }
      };

      for (let step = 0; step < STEPS; step += 1) {
        const program = programs[random.below(programs.length)] as Program;
        program.toggle(
          TOPICS[random.below(TOPICS.length)] as string,
          MEMBERS[random.below(MEMBERS.length)] as string,
        );
        if (random.below(3) === 0) await disturb();
        if (random.below(3) === 0) await trial.advance(random.below(2000));
      }
      for (const { node } of programs) {
        node.proxy.cut();
        node.proxy.pass();
      }
      for (const program of programs) await program.settle(trial);
      // What is left of processes that ended before they noticed that Redis had lost its memory.
      await trial.advance(650_000);
      for (const topic of TOPICS) (await WatchedMembers.of(observer, topic)).close();
      await trial.advance(10_000);

      for (const topic of TOPICS) {
        const wanted = MEMBERS.filter((member) =>
          programs.some(({ joined }) => joined.has(`${topic} ${member}`)),
        );
        expect((await WatchedMembers.of(observer, topic)).present, `listed in ${topic}`).toEqual(wanted);
        await expect
          .poll(() => watched.get(topic)?.present, { message: `watched in ${topic}` })
          .toEqual(wanted);
      }
      // Counted by process: each member goes with its last one.
      for (const program of programs) {
        for (const key of [...program.joined]) program.toggle(...(key.split(' ') as [string, string]));
        await program.settle(trial);
      }
      await trial.advance(20_000);
      for (const topic of TOPICS) await expect.poll(() => watched.get(topic)?.present).toEqual([]);
      const keys = await trial.keys();
      expect(keys.filter((key) => key.includes(':members') || key.includes(':leaving'))).toEqual([]);
    },
  );
});
