import type { Clock, ClockTimer } from './clock.ts';
import { INSPECT, inspection } from './inspection.ts';
import { runInRootContext } from './node-async-context.ts';

/**
 * Receives the errors and events that a layer cannot report to a caller. Node's `console` and pino both implement it.
 * An error is passed as the property `error` of the details.
 */
export interface Logger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
  /** Optional: creates a logger that adds these details to all its records. */
  child?(bindings: object): Logger;
}

/** How long further records of a kind are counted instead of written. */
const QUIET_MS = 60_000;

/** The logger and clock of a {@link RateLimitedLog}. A loop has both. */
export interface LogTarget {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A kind of record. Further records are counted until a minute has passed since the last one was written. */
interface QuietKind {
  quietUntil: number;
  count: number;
  /** Writes the record counted last, together with the count. */
  report: ((count: number) => void) | undefined;
  timer: ClockTimer | undefined;
}

/**
 * Writes records about events that any peer can cause, such as refused requests, without letting peers fill the disk.
 * The first record of a kind is written at once. Later ones are counted, and one record per minute is written for them:
 * the latest, with the number of records as `count`. If that is more than one, the message includes it. Each kind has
 * its own minute, so that a flood of one kind does not hide another.
 *
 * A pending count does not keep the process alive: when the owner of this log stops, it must call {@link flush}.
 *
 * @example
 * const log = new RateLimitedLog(IOLoop.current());
 * log.warn('bad-login', { remoteAddress }, 'a login failed');
 */
export class RateLimitedLog {
  readonly #target: LogTarget;
  readonly #everyMs: number;
  readonly #kinds = new Map<string, QuietKind>();

  /**
   * @param everyMs - at most one record of each kind is written in this time. Default: 60 s. With 0, every record is
   *   written.
   */
  constructor(target: LogTarget, everyMs = QUIET_MS) {
    this.#target = target;
    this.#everyMs = everyMs;
  }

  /** @param kind - from a fixed set. It must not contain data from a peer, since every kind is kept in memory. */
  info(kind: string, details: object, message: string): void {
    this.#add(kind, (count) => {
      this.#target.logger.info({ ...details, count }, this.#counted(message, count));
    });
  }

  /** Like {@link info}, for events that someone should investigate. */
  warn(kind: string, details: object, message: string): void {
    this.#add(kind, (count) => {
      this.#target.logger.warn({ ...details, count }, this.#counted(message, count));
    });
  }

  [INSPECT](): object {
    const waiting = [...this.#kinds].map(([kind, { count }]) => [kind, count]);
    return inspection(this, [], () => ({ everyMs: this.#everyMs, waiting: Object.fromEntries(waiting) }));
  }

  /** Writes the counts that are still pending. */
  flush(): void {
    for (const kind of this.#kinds.values()) this.#writeCounted(kind);
  }

  #add(name: string, report: (count: number) => void): void {
    const { clock } = this.#target;
    const now = clock.now();
    const kind = this.#kinds.get(name);
    if (kind === undefined || (kind.count === 0 && now >= kind.quietUntil)) {
      const quietUntil = now + this.#everyMs;
      this.#kinds.set(name, { quietUntil, count: 0, report: undefined, timer: undefined });
      report(1);
      return;
    }
    kind.count += 1;
    kind.report = report;
    // In the root context, because the timer outlives the request that starts it.
    if (kind.timer === undefined) runInRootContext(() => this.#startTimer(kind, now), undefined);
  }

  #startTimer(kind: QuietKind, now: number): void {
    const { clock } = this.#target;
    kind.timer = clock.setTimeout(() => this.#writeCounted(kind), Math.max(0, kind.quietUntil - now));
    kind.timer.unref();
  }

  #writeCounted(kind: QuietKind): void {
    const { count, report } = kind;
    kind.timer?.cancel();
    kind.timer = undefined;
    kind.count = 0;
    kind.report = undefined;
    if (count === 0) return;
    kind.quietUntil = this.#target.clock.now() + this.#everyMs;
    report?.(count);
  }

  #counted(message: string, count: number): string {
    return count === 1 ? message : `${message} (${count} times within ${this.#everyMs / 1000} s)`;
  }
}
