import { HTTPUsageError } from '@landspout/http1';
import type { Logger } from '@landspout/ioloop';
import { ArgumentChecks } from '@landspout/ioloop/errors';

/** Far more than a program has at a time; more are a leak. */
const MAX_PENDING = 100_000;

const checks = new ArgumentChecks((problem) => new HTTPUsageError(problem));

/** The promises of `waitUntil`: work that continues after its response. */
export class BackgroundWork {
  readonly #logger: () => Logger;
  #pending = 0;
  #waiting: (() => void)[] = [];

  constructor(logger: () => Logger) {
    this.#logger = logger;
  }

  /** The number of promises that have not settled. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Counts `promise` until it settles. A rejection is logged.
   *
   * @throws HTTPUsageError `ERR_HTTP_USAGE` if it is not a promise, or too many are pending.
   */
  add(promise: PromiseLike<unknown>): void {
    checks.withMethods('waitUntil', 'a promise', promise, 'then');
    if (this.#pending >= MAX_PENDING) {
      throw new HTTPUsageError(
        `waitUntil: at most ${MAX_PENDING} promises may be pending; some of them never settle`,
      );
    }
    this.#pending += 1;
    // A thenable may settle at once, several times, or throw.
    Promise.resolve(promise).then(
      () => this.#settled(),
      (error: unknown) => {
        this.#logger().error({ error }, 'a promise passed to waitUntil was rejected');
        this.#settled();
      },
    );
  }

  /** Resolves when nothing is pending. */
  settled(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #settled(): void {
    this.#pending -= 1;
    if (this.#pending > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
