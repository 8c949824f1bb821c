import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { RunTask } from './run-task.ts';

/** The runs whose lease this process has. */
export class RunTasks {
  readonly #clock: Clock;
  readonly #maxRuns: number;
  readonly #tasks = new Map<string, RunTask>();
  /** Claims that are on their way. */
  #claiming = 0;
  readonly #idleWaiters = new Set<() => void>();

  constructor(clock: Clock, maxRuns: number) {
    this.#clock = clock;
    this.#maxRuns = maxRuns;
  }

  get size(): number {
    return this.#tasks.size;
  }

  /** Whether one more run may be claimed. */
  get hasRoom(): boolean {
    return this.#tasks.size + this.#claiming < this.#maxRuns;
  }

  has(id: string): boolean {
    return this.#tasks.has(id);
  }

  /** The task that has the run so far; undefined if there is none. */
  get(id: string): RunTask | undefined {
    return this.#tasks.get(id);
  }

  /** Reserves the room of one run while it is claimed. */
  async claiming<Result>(claim: () => Promise<Result>): Promise<Result> {
    this.#claiming += 1;
    try {
      return await claim();
    } finally {
      this.#claiming -= 1;
      this.#checkIdle();
    }
  }

  add(task: RunTask): void {
    this.#tasks.set(task.id, task);
  }

  remove(task: RunTask): void {
    if (this.#tasks.get(task.id) === task) this.#tasks.delete(task.id);
    this.#checkIdle();
  }

  renew(): void {
    for (const task of this.#tasks.values()) task.renew();
  }

  /** @returns after the first attempt to write each end. */
  async interrupt(): Promise<void> {
    await Promise.all([...this.#tasks.values()].map((task) => task.interrupt()));
  }

  /** @returns after the lease of each run is given up. */
  async handOver(): Promise<void> {
    await Promise.all([...this.#tasks.values()].map((task) => task.handOver()));
  }

  lose(reason: Error): void {
    for (const task of this.#tasks.values()) task.lost(reason);
  }

  /** Waits until there are none, at most `mostMs`. Keeps the process alive. */
  waitIdle(mostMs: number): Promise<void> {
    if (mostMs === 0 || this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => {
      let timer: ClockTimer | undefined;
      const done = () => {
        timer?.cancel();
        this.#idleWaiters.delete(done);
        resolve();
      };
      this.#idleWaiters.add(done);
      runInRootContext(() => {
        timer = this.#clock.setTimeout(done, mostMs);
      }, undefined);
    });
  }

  [INSPECT](): object {
    return inspection(this, ['size', 'hasRoom']);
  }

  #isIdle(): boolean {
    return this.#tasks.size === 0 && this.#claiming === 0;
  }

  #checkIdle(): void {
    if (!this.#isIdle()) return;
    for (const done of this.#idleWaiters) done();
  }
}
