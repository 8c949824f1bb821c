import { Trial } from './backplane-trial.ts';
import type {
  BackplaneCapabilities,
  MakeCluster,
  StoreLimitsUnderTest,
  TestFramework,
} from './capabilities.ts';
import { SeededRandom } from './seeded-random.ts';

export type BackplaneTest = (trial: Trial) => Promise<void>;
export type RandomisedTest = (trial: Trial, random: SeededRandom) => Promise<void>;

/** Registers the cases of the suite. The name of a case is the behaviour that it checks. */
export class BackplaneSuite {
  readonly capabilities: Required<BackplaneCapabilities>;
  readonly #framework: TestFramework;
  readonly #makeCluster: MakeCluster;

  constructor(
    framework: TestFramework,
    makeCluster: MakeCluster,
    capabilities: Required<BackplaneCapabilities>,
  ) {
    this.#framework = framework;
    this.#makeCluster = makeCluster;
    this.capabilities = capabilities;
  }

  /** Groups cases under a name. */
  group(name: string, register: () => void): void {
    this.#framework.describe(name, register);
  }

  /** Registers a case that every backplane must pass. */
  check(behaviour: string, test: BackplaneTest, limits: StoreLimitsUnderTest = {}): void {
    this.#framework.it(behaviour, async () => {
      const cluster = await this.#makeCluster(limits);
      const trial = new Trial(cluster, this.capabilities);
      try {
        await test(trial);
      } finally {
        await cluster.close();
      }
      trial.assertRules();
    });
  }

  /** Registers a case for each seed. */
  checkRandomly(behaviour: string, test: RandomisedTest): void {
    for (const seed of this.capabilities.seeds) {
      this.check(`${behaviour} (seed ${seed})`, (trial) => test(trial, new SeededRandom(seed)));
    }
  }

  /** Registers a case in which the clock is advanced. */
  checkWithClock(behaviour: string, test: BackplaneTest, limits?: StoreLimitsUnderTest): void {
    if (this.capabilities.clock) this.check(behaviour, test, limits);
  }

  /** Registers a case of the limits of the store. */
  checkStoreLimits(behaviour: string, limits: StoreLimitsUnderTest, test: BackplaneTest): void {
    if (this.capabilities.storeLimits) this.check(behaviour, test, limits);
  }

  /** Registers a case in which a node is killed while others go on, and the clock is advanced. */
  checkKill(behaviour: string, test: BackplaneTest): void {
    if (this.capabilities.nodes === 'several') this.checkWithClock(behaviour, test);
  }

  /** Registers a case for each way of restarting after which the store is complete. */
  checkRestart(behaviour: string, test: (trial: Trial, how: 'close' | 'kill') => Promise<void>): void {
    const { durable } = this.capabilities;
    if (durable === 'no') return;
    this.check(`${behaviour}, after all nodes were closed`, (trial) => test(trial, 'close'));
    if (durable === 'killed')
      this.check(`${behaviour}, after all nodes were killed`, (trial) => test(trial, 'kill'));
  }
}
