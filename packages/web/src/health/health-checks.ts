import type { Clock, Logger } from '@landspout/ioloop';
import { shownText, shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import { HealthCheckError } from './health-error.ts';

/**
 * Checks one thing that the program needs, such as its database. The check passes if the function returns, or its
 * promise resolves to, anything but `false`. It fails with `false`, or if the function throws or rejects.
 *
 * @param signal - aborts when the check has taken too long; the reason is a HealthCheckError.
 */
export type HealthCheck = (signal: AbortSignal) => unknown;

/** What checks need of an application. */
interface CheckHost {
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The checks of one route. All of them run at once, in the root async context; requests that arrive meanwhile share the
 * result, so any number of requests causes one run at a time.
 */
export class HealthChecks {
  readonly #checks: readonly BoundedCheck[];
  #run: Promise<readonly string[]> | undefined;

  /** @param timeoutMs - how long each check may take. */
  constructor(checks: Readonly<Record<string, HealthCheck>>, timeoutMs: number) {
    this.#checks = Object.entries(checks).map(([name, check]) => new BoundedCheck(name, check, timeoutMs));
  }

  get size(): number {
    return this.#checks.length;
  }

  /** Runs the checks. @returns the names of those that fail. Resolves when each has settled or has taken too long. */
  run(host: CheckHost): Promise<readonly string[]> {
    this.#run ??= this.#runAll(host).finally(() => {
      this.#run = undefined;
    });
    return this.#run;
  }

  [INSPECT](): object {
    return inspection(this, ['size'], () => ({ isRunning: this.#run !== undefined }));
  }

  async #runAll(host: CheckHost): Promise<readonly string[]> {
    const passing = await Promise.all(this.#checks.map((check) => check.isPassing(host)));
    return this.#checks.filter((_, i) => !passing[i]).map(({ name }) => name);
  }
}

interface Failure {
  readonly error: unknown;
}

/** One check, which is not called again before its last call has settled. */
class BoundedCheck {
  readonly name: string;
  readonly #check: HealthCheck;
  readonly #timeoutMs: number;
  #isRunning = false;
  /** Whether it failed the last time. A failure is logged once, not for each probe. */
  #isFailing = false;

  constructor(name: string, check: HealthCheck, timeoutMs: number) {
    this.name = name;
    this.#check = check;
    this.#timeoutMs = timeoutMs;
  }

  async isPassing({ clock, logger }: CheckHost): Promise<boolean> {
    const failure = await this.#outcome(clock);
    const { name: check } = this;
    if (failure !== undefined && !this.#isFailing)
      logger.warn({ check, error: failure.error }, 'a health check fails');
    if (failure === undefined && this.#isFailing) logger.info({ check }, 'the health check passes again');
    this.#isFailing = failure !== undefined;
    return failure === undefined;
  }

  async #outcome(clock: Clock): Promise<Failure | undefined> {
    if (this.#isRunning) return this.#failure('is still running since an earlier request');
    this.#isRunning = true;
    return new Promise((resolve) => {
      const controller = new AbortController();
      const timer = clock.setTimeout(() => {
        const failure = this.#failure(`took longer than ${this.#timeoutMs} ms`);
        resolve(failure);
        controller.abort(failure.error);
      }, this.#timeoutMs);
      timer.unref();
      runInRootContext(() => {
        void this.#call(controller.signal).then((failure) => {
          this.#isRunning = false;
          timer.cancel();
          resolve(failure);
        });
      }, undefined);
    });
  }

  /** Never rejects. */
  async #call(signal: AbortSignal): Promise<Failure | undefined> {
    try {
      const result = await this.#check(signal);
      return result === false ? this.#failure('resolved to false') : undefined;
    } catch (error) {
      return error instanceof Error ? { error } : this.#failure(`threw ${shownValue(error)}`);
    }
  }

  #failure(problem: string): Failure {
    return { error: new HealthCheckError(`the health check ${shownText(this.name)} ${problem}`) };
  }
}
