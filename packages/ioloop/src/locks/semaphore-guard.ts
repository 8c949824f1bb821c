import { INSPECT, inspection } from '../inspection.ts';
/** One permit, held. Given back by {@link release}, or at the end of a `using` scope. */
export class SemaphoreGuard {
  #release: (() => void) | undefined;

  constructor(release: () => void) {
    this.#release = release;
  }

  /** Gives the permit back. A second call does nothing. */
  release(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isHeld: this.#release !== undefined }));
  }
}
