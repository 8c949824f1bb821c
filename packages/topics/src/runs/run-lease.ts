import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import type { Backplane } from '../backplane/backplane.ts';
import { RunError } from '../errors.ts';

export interface LeaseHost {
  readonly backplane: Backplane;
  readonly clock: Clock;
  /** Renewals fail for all runs at once. */
  readonly quietLog: RateLimitedLog;
}

/**
 * The right of this process to write to one run. Any renewal that the backplane confirms is valid, also a late one: only
 * the backplane knows whether another process has the run meanwhile. If it confirms none for `leaseMs`, the lease counts
 * as lost.
 */
export class RunLease {
  readonly #host: LeaseHost;
  readonly #leaseMs: number;
  readonly #id: string;
  readonly #token: number;
  readonly #onLost: (error: Error) => void;
  #confirmedAt: number;
  #isRenewing = false;

  /** @param onLost - called at most once for each renewal. */
  constructor(host: LeaseHost, leaseMs: number, id: string, token: number, onLost: (error: Error) => void) {
    this.#host = host;
    this.#leaseMs = leaseMs;
    this.#id = id;
    this.#token = token;
    this.#onLost = onLost;
    this.#confirmedAt = host.clock.now();
  }

  /** Asks for a renewal unless one is pending. */
  renew(): void {
    const now = this.#host.clock.now();
    if (this.#isRenewing) {
      this.#checkAge(now, undefined);
      return;
    }
    void this.#renew(now);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ id: this.#id, isRenewing: this.#isRenewing }));
  }

  async #renew(now: number): Promise<void> {
    this.#isRenewing = true;
    try {
      await this.#host.backplane.renewRun(this.#id, this.#token);
      this.#confirmedAt = now;
    } catch (error) {
      if (error instanceof RunError)
        this.#onLost(lostLease(this.#id, 'it was ended or continued elsewhere', error));
      else this.#failed(error);
    } finally {
      this.#isRenewing = false;
    }
  }

  #failed(error: unknown): void {
    this.#host.quietLog.warn('renew', { error, runId: this.#id }, 'the lease of a run could not be renewed');
    this.#checkAge(this.#host.clock.now(), error);
  }

  #checkAge(now: number, cause: unknown): void {
    if (now - this.#confirmedAt < this.#leaseMs) return;
    this.#onLost(lostLease(this.#id, `no renewal was confirmed for leaseMs (${this.#leaseMs})`, cause));
  }
}

/** The error of a producer that has lost its run. */
export function lostLease(id: string, why: string, cause: unknown): RunError {
  return new RunError('ERR_RUN_LEASE_LOST', `the lease of the run ${id} is lost: ${why}`, { cause });
}
