import type { IOLoop } from '@landspout/ioloop';
import { StreamUsageError } from '@landspout/iostream';
import { serverChecks } from '../stopping/stop-options.ts';

/** Far more than a program has at a time; more are a leak. */
const MAX_PENDING = 100_000;

/** The promises that the close of a server waits for. */
export class ServeBackground {
  readonly #loop: () => IOLoop;
  readonly #pending = new Set<PromiseLike<unknown>>();
  readonly #waiting = new Set<() => void>();

  constructor(loop: () => IOLoop) {
    this.#loop = loop;
  }

  /** Keeps `promise` until it settles. A rejection is logged. @throws StreamUsageError `ERR_STREAM_USAGE`. */
  add(promise: PromiseLike<unknown>): void {
    serverChecks.withMethods('waitUntil', 'a promise', promise, 'then');
    if (this.#pending.size >= MAX_PENDING) {
      const problem = `waitUntil: at most ${MAX_PENDING} promises may be pending; some of them never settle`;
      throw new StreamUsageError('ERR_STREAM_USAGE', problem);
    }
    this.#pending.add(promise);
    promise.then(
      () => this.#settled(promise),
      (error: unknown) => {
        this.#loop().logger.error({ error }, 'a promise passed to waitUntil was rejected');
        this.#settled(promise);
      },
    );
  }

  /** Waits until nothing is pending, but at most `limitMs`; then logs how many promises are left. */
  async settle(limitMs: number): Promise<void> {
    if (this.#pending.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.#loop().clock.setTimeout(() => resumed(), limitMs);
      const resumed = (): void => {
        this.#waiting.delete(resumed);
        timer.cancel();
        resolve();
      };
      this.#waiting.add(resumed);
    });
    const { size } = this.#pending;
    if (size > 0)
      this.#loop().logger.warn({ pending: size }, 'promises passed to waitUntil are still pending');
  }

  #settled(promise: PromiseLike<unknown>): void {
    this.#pending.delete(promise);
    if (this.#pending.size > 0) return;
    for (const resumed of this.#waiting) resumed();
  }
}
