import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { LogState } from './log-state.ts';
import type { WaitingCalls } from './waiting-calls.ts';

/** How much longer an announcement may take than a reply: they come over different connections. */
const GRACE_MS = 100;

/** What is still missing after the time of grace. */
export interface Overdue {
  /** What the log had at the beginning, if the followers did not know it. */
  readonly state: LogState | undefined;
  /** Whether calls have waited for records since the beginning. */
  readonly records: boolean;
  /** Whether calls have waited for changes of presence since the beginning. */
  readonly presence: boolean;
}

/** Gives announcements a short time to arrive when a reply shows that they must be on their way. */
export class OverdueNotice {
  readonly #clock: Clock;
  readonly #records: WaitingCalls<unknown>;
  readonly #presence: WaitingCalls<unknown>;
  readonly #onOverdue: (overdue: Overdue) => void;
  #timer: ClockTimer | undefined;
  #state: LogState | undefined;

  /** @param onOverdue - called when the time is over. */
  constructor(
    clock: Clock,
    calls: { readonly records: WaitingCalls<unknown>; readonly presence: WaitingCalls<unknown> },
    onOverdue: (overdue: Overdue) => void,
  ) {
    this.#clock = clock;
    this.#records = calls.records;
    this.#presence = calls.presence;
    this.#onOverdue = onOverdue;
  }

  /** Expects that the followers will soon know what the log has. */
  expect(state: LogState): void {
    this.#state ??= state;
    this.start();
  }

  /** Starts the time of grace for the calls that wait. */
  start(): void {
    if (this.#timer !== undefined) return;
    const [records, presence] = [this.#records.lastNumber, this.#presence.lastNumber];
    runInRootContext(() => {
      this.#timer = this.#clock.setTimeout(() => this.#end(records, presence), GRACE_MS);
      this.#timer.unref();
    }, undefined);
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#state = undefined;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isWaiting: this.#timer !== undefined }));
  }

  #end(records: number, presence: number): void {
    const state = this.#state;
    this.cancel();
    this.#onOverdue({
      state,
      records: this.#records.hasUpTo(records),
      presence: this.#presence.hasUpTo(presence),
    });
    if (this.#records.size + this.#presence.size > 0) this.start();
  }
}
