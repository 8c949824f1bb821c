import { loopChecks } from '../checks.ts';
import { type Clock, type ClockTimer, requireClock } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';
import type { Logger } from '../logger.ts';
import { runInRootContext } from '../node-async-context.ts';
import { reportRejection } from '../thenable.ts';

/** An object that has one deadline at a time. */
export interface DeadlineEntry {
  /**
   * Called once after the deadline has passed, up to two ticks late, or up to one tick late if the delay is a multiple
   * of the tick.
   */
  deadlinePassed(): void;
}

/**
 * Ticks in one turn of the wheel. A deadline that is further away is examined and placed again when its slot is
 * reached.
 */
const SLOTS = 512;
/**
 * Maximum number of deadlines handled in one loop iteration. If thousands pass at once, other work must not wait for
 * all of them.
 */
const MOST_PASSED_PER_TURN = 16;
/**
 * A deadline that passes counts as this many moved or cleared entries towards MOST_PASSED_PER_TURN, because only a
 * passed deadline calls a handler.
 */
const MOVED_FOR_PASSED = 16;
/** Delay before the wheel continues after reaching the limit, so that the rest of the loop runs in between. */
const PAUSE_MS = 0;

/**
 * Tracks the deadlines of very many connections with a single timer. Its resolution is coarse, but moving a deadline to
 * a later time is almost free.
 *
 * Setting a later deadline only stores a number; the entry moves to its new slot when its old slot is reached. The
 * timer runs only while there are entries, and does not keep the process alive.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  /** For {@link Deadline}: logs the error that a handler threw or rejected with. */
  readonly report: (error: unknown) => void;
  readonly #tickMs: number;
  readonly #slots: (Set<Deadline> | undefined)[] = new Array(SLOTS).fill(undefined);
  #size = 0;
  #tick = 0;
  #startedAt = 0;
  #timer: ClockTimer | undefined;
  /** The slot of the current tick holds more entries than one loop iteration could process. */
  #unfinished = false;
  /** The wheel lags behind the clock, because there was more to process than fits in one loop iteration. */
  #isBehind = false;

  /** @param tickMs - resolution of the wheel: a deadline is noticed up to two ticks late. Default: 500. */
  constructor(clock: Clock, logger: Logger, tickMs = 500) {
    loopChecks.positiveNumber('DeadlineWheel', 'tickMs', tickMs);
    this.#clock = requireClock('DeadlineWheel', clock);
    loopChecks.withMethods('DeadlineWheel', 'a logger', logger, 'error', 'warn');
    this.report = (error) => logger.error({ error }, 'a deadlinePassed handler threw or rejected');
    this.#tickMs = tickMs;
    this.#startedAt = clock.now();
  }

  /** Entries in the wheel. */
  get size(): number {
    return this.#size;
  }

  /** Returns the first tick that is certain to be at least `delayMs` from now. */
  tickAfter(delayMs: number): number {
    // While the wheel is empty its timer is stopped, so `#tick` may be out of date.
    if (this.#size === 0) this.#tick = this.#tickOfClock();
    const now = this.#isBehind ? this.#tickOfClock() : this.#tick;
    return now + Math.ceil(delayMs / this.#tickMs) + 1;
  }

  /**
   * For {@link Deadline}: puts `deadline` into the slot for `tick`, or into the last slot of this turn if `tick` is
   * further away. @returns the tick of that slot.
   */
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

  /** For {@link Deadline}: takes `deadline` out of the slot for the tick `placed`. */
  remove(deadline: Deadline, placed: number): void {
    if (this.#slots[placed % SLOTS]?.delete(deadline)) this.#size -= 1;
    if (this.#size === 0) this.#stopTimer();
  }

  [INSPECT](): object {
    return inspection(this, ['size'], () => ({ tickMs: this.#tickMs }));
  }

  /** The timer outlives the call that happens to start it, and must not retain the async context of that call. */
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
    // The current timer is either the one that just fired, or one started by an entry after the wheel had become empty.
    this.#stopTimer();
    if (this.#size > 0) this.#startTimer(this.#isBehind ? PAUSE_MS : this.#tickMs);
  }

  /**
   * @param most - the remaining quota of this iteration; handling a moved or cleared deadline uses 1.
   * @returns how much of the quota was used.
   */
  #empty(index: number, most: number): number {
    const slot = this.#slots[index];
    let used = 0;
    // One at a time, so that handlers can still move and remove the remaining entries.
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

/** A movable deadline on a {@link DeadlineWheel}. */
export class Deadline {
  readonly #wheel: DeadlineWheel;
  readonly #entry: DeadlineEntry;
  /** The tick at which the deadline passes, and the tick of the slot that holds this object; 0 for none. */
  #due = 0;
  #placed = 0;

  constructor(wheel: DeadlineWheel, entry: DeadlineEntry) {
    if (!(wheel instanceof DeadlineWheel)) throw loopChecks.wrong('Deadline', 'a DeadlineWheel', wheel);
    loopChecks.withMethods('Deadline', 'an entry', entry, 'deadlinePassed');
    this.#wheel = wheel;
    this.#entry = entry;
  }

  /** Sets the deadline to `delayMs` from now, replacing any earlier one. */
  set(delayMs: number): void {
    loopChecks.durationMs('Deadline.set', 'delayMs', delayMs);
    this.#due = this.#wheel.tickAfter(delayMs);
    if (this.#placed !== 0 && this.#due < this.#placed) this.#unplace();
    if (this.#placed === 0) this.#placed = this.#wheel.place(this, this.#due);
  }

  /** Cancels the deadline. The wheel drops its reference to this object when the slot is next reached. */
  clear(): void {
    this.#due = 0;
  }

  /** Cancels the deadline and removes this object from the wheel immediately. */
  close(): void {
    this.#due = 0;
    if (this.#placed !== 0) this.#unplace();
  }

  /** For {@link DeadlineWheel}: whether the deadline has passed at `tick`. */
  isDue(tick: number): boolean {
    return this.#due !== 0 && this.#due <= tick;
  }

  /** For {@link DeadlineWheel}: called when the slot that holds this object is reached. */
  comeRound(tick: number): void {
    this.#placed = 0;
    if (this.#due === 0) return;
    if (this.#due > tick) {
      this.#placed = this.#wheel.place(this, this.#due);
      return;
    }
    this.#due = 0;
    // A context that this handler enters with `enterWith` must not leak into the next handler of the same iteration.
    runInRootContext(passEntry, this);
  }

  /** For {@link passEntry}: calls the handler. */
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
