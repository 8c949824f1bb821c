import type { Clock } from '@landspout/ioloop';
import { Deadline, type DeadlineEntry } from '@landspout/ioloop/reactor';
import { wheelOf } from './deadline-wheels.ts';

/** Who is pinged. */
export interface PingTarget {
  /** Whether we do not read at present, so that an answer could not be noticed. */
  readonly isPaused: boolean;
  sendPing(): void;
  pingTimedOut(): void;
}

/** Sends pings from start to start, the first after one interval, and notices that nothing comes back. */
export class PingSchedule implements DeadlineEntry {
  readonly #target: PingTarget;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #deadline: Deadline;
  #nextPingAt: number;
  /** When a sign of life is due; Infinity while none is. */
  #answerDueAt = Number.POSITIVE_INFINITY;

  /** @param timeoutMs - 0 never gives up. */
  constructor(target: PingTarget, clock: Clock, intervalMs: number, timeoutMs: number) {
    this.#target = target;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
    this.#deadline = new Deadline(wheelOf(clock), this);
    this.#nextPingAt = clock.now() + intervalMs;
    this.#deadline.set(intervalMs);
  }

  /** The peer is alive. Cheap: called for everything that comes. */
  heard(): void {
    this.#answerDueAt = Number.POSITIVE_INFINITY;
  }

  stop(): void {
    this.#deadline.close();
  }

  deadlinePassed(): void {
    const now = this.#clock.now();
    if (now >= this.#answerDueAt) {
      if (!this.#target.isPaused) {
        this.#target.pingTimedOut();
        return;
      }
      this.#answerDueAt = now + this.#timeoutMs;
    }
    if (now >= this.#nextPingAt) {
      this.#target.sendPing();
      // Slots that were missed, as after a suspended machine, are skipped.
      const missed = Math.floor((now - this.#nextPingAt) / this.#intervalMs);
      this.#nextPingAt += (missed + 1) * this.#intervalMs;
      // The oldest ping that is unanswered counts.
      if (this.#timeoutMs > 0) this.#answerDueAt = Math.min(this.#answerDueAt, now + this.#timeoutMs);
    }
    this.#deadline.set(Math.max(0, Math.min(this.#nextPingAt, this.#answerDueAt) - now));
  }
}
