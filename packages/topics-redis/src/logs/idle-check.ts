import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { FollowedLog } from './followed-log.ts';
import type { FollowedLogs } from './followed-logs.ts';

/** How often each log is checked, if there are not too many: the time within which a lost announcement is noticed. */
const ROUND_MS = 2000;
const BATCH_MS = 200;
/** 500 a second: about 1 % of what one Redis can do, for each process. */
const MAX_BATCH = 100;

/** How long a topic lives at least that is followed but not used. */
const KEPT_MS = 10 * 60_000;
/** In so many rounds, at least one check reaches Redis. A check makes a topic live longer when half of the time is over. */
const KEPT_ROUNDS = 8;

/** How long all checks take, in milliseconds. @param logs - the number of logs that are followed. */
export function roundMs(logs: number): number {
  return Math.max(ROUND_MS, Math.ceil(logs / MAX_BATCH) * BATCH_MS);
}

/** How long a check makes a topic live, in milliseconds. @param logs - the number of logs that are followed. */
export function keptMs(logs: number): number {
  return Math.max(KEPT_MS, KEPT_ROUNDS * roundMs(logs));
}

/**
 * Checks all followed logs in turn, because the loss of an announcement is noticed by the next one only if there is one.
 * The checks of a batch are sent together. The next batch waits for the replies of the one before it.
 */
export class IdleCheck {
  readonly #clock: Clock;
  readonly #logs: FollowedLogs;
  readonly #isConnected: () => boolean;
  #turn: Iterator<FollowedLog> | undefined;
  #timer: ClockTimer | undefined;
  #isStopped = false;

  /** @param isConnected - while it is false, nothing is checked. */
  constructor(clock: Clock, logs: FollowedLogs, isConnected: () => boolean) {
    this.#clock = clock;
    this.#logs = logs;
    this.#isConnected = isConnected;
  }

  start(): void {
    if (this.#isStopped) return;
    runInRootContext(() => {
      this.#timer = this.#clock.setTimeout(() => void this.#checkBatch(), BATCH_MS);
      this.#timer.unref();
    }, undefined);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isStopped: this.#isStopped }));
  }

  /** Never rejects. */
  async #checkBatch(): Promise<void> {
    if (this.#isConnected()) {
      // If one fails, its next turn comes.
      await Promise.all(this.#nextBatch().map((log) => log.check().catch(() => {})));
    }
    this.start();
  }

  #nextBatch(): FollowedLog[] {
    const count = Math.min(Math.ceil((this.#logs.size * BATCH_MS) / ROUND_MS), MAX_BATCH);
    const batch: FollowedLog[] = [];
    while (batch.length < count) {
      this.#turn ??= this.#logs.logs();
      const { value, done } = this.#turn.next();
      if (done === true) {
        this.#turn = undefined;
        break;
      }
      batch.push(value);
    }
    return batch;
  }
}
