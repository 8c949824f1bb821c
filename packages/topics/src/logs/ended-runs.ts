import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { RunState } from './run-state.ts';

/** Ended runs, in the order in which their time is over: a binary heap. */
export class EndedRuns {
  readonly #runs: RunState[] = [];

  get size(): number {
    return this.#runs.length;
  }

  /** The one whose time is over first. */
  get first(): RunState | undefined {
    return this.#runs[0];
  }

  add(run: RunState): void {
    let at = this.#runs.length;
    for (; at > 0; ) {
      const above = (at - 1) >> 1;
      const parent = this.#runs[above] as RunState;
      if (parent.forgetAt <= run.forgetAt) break;
      this.#runs[at] = parent;
      at = above;
    }
    this.#runs[at] = run;
  }

  /** Takes out the first. */
  take(): RunState | undefined {
    const [first] = this.#runs;
    const last = this.#runs.pop();
    if (last === undefined || this.#runs.length === 0) return first;
    let at = 0;
    for (;;) {
      const below = this.#smallerBelow(at);
      const child = this.#runs[below];
      if (child === undefined || last.forgetAt <= child.forgetAt) break;
      this.#runs[at] = child;
      at = below;
    }
    this.#runs[at] = last;
    return first;
  }

  clear(): void {
    this.#runs.length = 0;
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }

  #smallerBelow(at: number): number {
    const left = 2 * at + 1;
    const [a, b] = [this.#runs[left], this.#runs[left + 1]];
    return a !== undefined && b !== undefined && b.forgetAt < a.forgetAt ? left + 1 : left;
  }
}
