import { loopChecks } from '../checks.ts';
import { type Clock, type ClockTimer, requireClock } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';
import type { Logger } from '../logger.ts';
import { runInRootContext } from '../node-async-context.ts';
import { reportRejection } from '../thenable.ts';

/** Something with one deadline at a time. */
export interface DeadlineEntry {
  /** Called once when the deadline has passed, up to one tick late. */
  deadlinePassed(): void;
}

/** Most ticks of one turn of the wheel; a deadline further away is looked at again when its slot comes round. */
const SLOTS = 512;
/** Most deadlines that pass in one turn of the loop: what thousands have missed must not hold up the others. */
const MOST_PASSED_PER_TURN = 16;
/** How many that were only moved or cleared, so that no handler is called, may come round in place of one that passes. */
const MOVED_FOR_PASSED = 16;
/** Then everybody else has a turn. */
const PAUSE_MS = 0;

/**
 * Deadlines of very many connections with one timer: coarse, and free to move later.
 *
 * Setting a later deadline only stores a number, and the entry is put where it belongs when its old slot comes
 * round. The timer runs while there are entries, and keeps no process alive.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  /** For {@link Deadline}: logs what a handler has failed with. */
  readonly report: (error: unknown) => void;
  readonly #tickMs: number;
  readonly #slots: (Set<Deadline> | undefined)[] = new Array(SLOTS).fill(undefined);
  #size = 0;
  #tick = 0;
  #startedAt = 0;
  #timer: ClockTimer | undefined;
  /** The slot of the present tick has more than one turn could deal with. */
  #unfinished = false;
  /** The hand is behind the clock: more came round than one turn could deal with. */
  #isBehind = false;

  /** @param tickMs - how late a deadline may be noticed; default 500. */
  constructor(clock: Clock, logger: Logger, tickMs = 500) {
    loopChecks.positiveNumber('DeadlineWheel', 'tickMs', tickMs);
    this.#clock = requireClock('DeadlineWheel', clock);
    loopChecks.withMethods('DeadlineWheel', 'a logger', logger, 'error', 'warn');
    this.report = (error) => logger.error({ error }, 'a deadline handler failed');
    this.#tickMs = tickMs;
    this.#startedAt = clock.now();
  }

  /** How many entries the wheel holds. */
  get size(): number {
    return this.#size;
  }

  /** The tick at which `delayMs` from now have passed for certain. */
  tickAfter(delayMs: number): number {
    // While the wheel is empty its timer rests, and its hand may have stood still.
    if (this.#size === 0) this.#tick = this.#tickOfClock();
    const now = this.#isBehind ? this.#tickOfClock() : this.#tick;
    return now + Math.ceil(delayMs / this.#tickMs) + 1;
  }

  /** For {@link Deadline}: puts it where it comes round at `tick`, or as late as one turn allows. */
  place(deadline: Deadline, tick: number): number {
    const placed = Math.min(tick, this.#tick + SLOTS - 1);
    const index = placed % SLOTS;
    let slot = this.#slots[index];
    if (slot === undefined) {
      slot = new Set();
      this.#slots[index] = slot;
    }
    slot.add(deadline);
    this.#size += 1;
    if (this.#timer === undefined) this.#startTimer();
    return placed;
  }

  /** For {@link Deadline}. */
  remove(deadline: Deadline, placed: number): void {
    if (this.#slots[placed % SLOTS]?.delete(deadline)) this.#size -= 1;
    if (this.#size === 0) this.#stopTimer();
  }

  [INSPECT](): object {
    return inspection(this, ['size'], () => ({ tickMs: this.#tickMs }));
  }

  /** Started by whichever request comes first, and kept going: it must not hold on to that one's async context. */
  #startTimer(delayMs = this.#tickMs): void {
    runInRootContext(() => {
      this.#timer = this.#clock.setTimeout(() => this.#turn(), delayMs);
    }, undefined);
    this.#timer?.unref();
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #tickOfClock(): number {
    return Math.floor((this.#clock.now() - this.#startedAt) / this.#tickMs);
  }

  #turn(): void {
    const target = this.#tickOfClock();
    let left = MOST_PASSED_PER_TURN * MOVED_FOR_PASSED;
    while (left > 0 && (this.#unfinished || this.#tick < target)) {
      if (!this.#unfinished) this.#tick += 1;
      left -= this.#empty(this.#tick % SLOTS, left);
    }
    this.#isBehind = this.#unfinished || this.#tick < target;
    // Until here it was the timer that has fired, or one that an entry started after the wheel had become empty.
    this.#stopTimer();
    if (this.#size > 0) this.#startTimer(this.#isBehind ? PAUSE_MS : this.#tickMs);
  }

  /** @param most - what the turn has left, with a deadline that was only moved as the unit. @returns what was used of it. */
  #empty(index: number, most: number): number {
    const slot = this.#slots[index];
    let used = 0;
    // One by one, so that those which are still to come can be moved and removed as before.
    for (const deadline of slot ?? []) {
      if (used >= most) break;
      slot?.delete(deadline);
      this.#size -= 1;
      used += deadline.isDue(this.#tick) ? MOVED_FOR_PASSED : 1;
      try {
        deadline.comeRound(this.#tick);
      } catch (error) {
        this.report(error);
      }
    }
    this.#unfinished = slot !== undefined && slot.size > 0;
    if (!this.#unfinished) this.#slots[index] = undefined;
    return used;
  }
}

/** One movable deadline on a {@link DeadlineWheel}. */
export class Deadline {
  readonly #wheel: DeadlineWheel;
  readonly #entry: DeadlineEntry;
  /** The tick that matters, and the tick of the slot that holds us; 0 for none. */
  #due = 0;
  #placed = 0;

  constructor(wheel: DeadlineWheel, entry: DeadlineEntry) {
    if (!(wheel instanceof DeadlineWheel)) throw loopChecks.wrong('Deadline', 'a DeadlineWheel', wheel);
    loopChecks.withMethods('Deadline', 'an entry', entry, 'deadlinePassed');
    this.#wheel = wheel;
    this.#entry = entry;
  }

  /** Replaces the deadline by one `delayMs` from now. */
  set(delayMs: number): void {
    loopChecks.durationMs('Deadline.set', 'delayMs', delayMs);
    this.#due = this.#wheel.tickAfter(delayMs);
    if (this.#placed !== 0 && this.#due < this.#placed) this.#unplace();
    if (this.#placed === 0) this.#placed = this.#wheel.place(this, this.#due);
  }

  /** Forgets the deadline. The wheel lets go of us when our slot comes round. */
  clear(): void {
    this.#due = 0;
  }

  /** Forgets the deadline and leaves the wheel at once. */
  close(): void {
    this.#due = 0;
    if (this.#placed !== 0) this.#unplace();
  }

  /** For {@link DeadlineWheel}: whether it passes when it comes round at `tick`. */
  isDue(tick: number): boolean {
    return this.#due !== 0 && this.#due <= tick;
  }

  /** For {@link DeadlineWheel}: our slot has come round. */
  comeRound(tick: number): void {
    this.#placed = 0;
    if (this.#due === 0) return;
    if (this.#due > tick) {
      this.#placed = this.#wheel.place(this, this.#due);
      return;
    }
    this.#due = 0;
    // What this one enters by `enterWith` must not reach the next one of the same turn.
    runInRootContext(passEntry, this);
  }

  /** For {@link passEntry}. */
  pass(): void {
    reportRejection(this.#entry.deadlinePassed(), this.#wheel.report);
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isSet: this.#due !== 0 }));
  }

  #unplace(): void {
    this.#wheel.remove(this, this.#placed);
    this.#placed = 0;
  }
}

function passEntry(this: Deadline): void {
  this.pass();
}
