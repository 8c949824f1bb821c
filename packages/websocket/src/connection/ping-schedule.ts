import type { Clock } from '@landspout/ioloop';
import { Deadline, type DeadlineEntry } from '@landspout/ioloop/reactor';
import { wheelOf } from './deadline-wheels.ts';

/** The connection that a {@link PingSchedule} sends pings on. */
export interface PingTarget {
  /** Whether the connection is not reading at the moment, so that a pong would not be noticed. */
  readonly isPaused: boolean;
  sendPing(): void;
  pingTimedOut(): void;
}

/** Sends a ping every interval, the first one after one interval, and reports if nothing is received in response. */
export class PingSchedule implements DeadlineEntry {
  readonly #target: PingTarget;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #deadline: Deadline;
  #nextPingAt: number;
  /** The time by which the peer must send something; Infinity if no ping is outstanding. */
  #answerDueAt = Number.POSITIVE_INFINITY;

  /** @param timeoutMs - 0: no timeout. */
  constructor(target: PingTarget, clock: Clock, intervalMs: number, timeoutMs: number) {
    this.#target = target;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
    this.#deadline = new Deadline(wheelOf(clock), this);
    this.#nextPingAt = clock.now() + intervalMs;
    this.#deadline.set(intervalMs);
  }

  /** Called whenever bytes are received, which shows that the peer is alive. Costs very little. */
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
      // Pings that were missed, for example while the machine was suspended, are skipped.
      const missed = Math.floor((now - this.#nextPingAt) / this.#intervalMs);
      this.#nextPingAt += (missed + 1) * this.#intervalMs;
      // The timeout starts at the oldest ping without a response.
      if (this.#timeoutMs > 0) this.#answerDueAt = Math.min(this.#answerDueAt, now + this.#timeoutMs);
    }
    this.#deadline.set(Math.max(0, Math.min(this.#nextPingAt, this.#answerDueAt) - now));
  }
}
