import type { Clock, ClockTimer } from './clock.ts';
import { INSPECT, inspection } from './inspection.ts';
import { runInRootContext } from './node-async-context.ts';
import { escaped } from './printable.ts';

/** Where a layer reports what no caller can be told. The console and pino both satisfy it. */
export interface Logger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** Writes each record to standard error as one line, continuation lines indented, controls escaped. */
export const consoleLogger: Logger = {
  debug() {},
  info: (details, message) => writeRecord('I', details, message),
  warn: (details, message) => writeRecord('W', details, message),
  error: (details, message) => writeRecord('E', details, message),
};

function writeRecord(level: string, details: object, message: string): void {
  const error = (details as { error?: unknown }).error;
  let text = message;
  if (error instanceof Error)
    text += level === 'E' ? `\n${error.stack ?? error.message}` : `: ${error.message}`;
  else if (error !== undefined) text += `: ${String(error)}`;
  // Node opens standard error at its first use, and a pipe or socket would keep the context of that moment for good.
  runInRootContext(writeText, `[${level} ${new Date().toISOString()}] ${oneRecord(text)}\n`);
}

function writeText(this: string): void {
  process.stderr.write(this);
}

/** Keeps peer-controlled text from forging a second record or moving the terminal's cursor. */
function oneRecord(text: string): string {
  let safe = '';
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (character === '\n') safe += '\n    ';
    else if (isControl(code)) safe += escaped(character);
    else safe += character;
  }
  return safe;
}

/** C0 and C1 controls, DEL, and the separators that some viewers take for line ends. */
function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2028 || code === 0x2029;
}

/** As long as the records of a flood are counted in place of being written. */
const QUIET_MS = 60_000;

/** Where a {@link RateLimitedLog} writes, and whose time it goes by: a loop is one. */
export interface LogTarget {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The records of one kind that are counted until the end of the minute that the last written one began. */
interface QuietKind {
  quietUntil: number;
  count: number;
  /** Writes a record like the last one that was counted, with the count. */
  report: ((count: number) => void) | undefined;
  timer: ClockTimer | undefined;
}

/**
 * Writes what strangers can cause at will, such as a refused request, without letting them fill a disk: the first record
 * of a kind is written at once, and those of the minute after it are counted and then written as one, the last of
 * them. `count` in its details says how many it stands for, and so does the message if they are several. Each kind has
 * a minute of its own, so that a flood of one does not hide another.
 *
 * A pending count does not keep the process alive: the owner calls {@link flush} when it stops.
 *
 * @example
 * const log = new RateLimitedLog(IOLoop.current());
 * log.warn('bad-login', { remoteAddress }, 'a login failed');
 */
export class RateLimitedLog {
  readonly #target: LogTarget;
  readonly #everyMs: number;
  readonly #kinds = new Map<string, QuietKind>();

  /** @param everyMs - at most one record of a kind in this time; default 60 s. With 0 each record is written. */
  constructor(target: LogTarget, everyMs = QUIET_MS) {
    this.#target = target;
    this.#everyMs = everyMs;
  }

  /** @param kind - of a fixed set: what a peer sends must not be in it, as each kind is remembered. */
  info(kind: string, details: object, message: string): void {
    this.#add(kind, (count) => {
      this.#target.logger.info({ ...details, count }, this.#counted(message, count));
    });
  }

  /** As {@link info}, for what somebody should look at. */
  warn(kind: string, details: object, message: string): void {
    this.#add(kind, (count) => {
      this.#target.logger.warn({ ...details, count }, this.#counted(message, count));
    });
  }

  [INSPECT](): object {
    const waiting = [...this.#kinds].map(([kind, { count }]) => [kind, count]);
    return inspection(this, [], () => ({ everyMs: this.#everyMs, waiting: Object.fromEntries(waiting) }));
  }

  /** Writes what was counted and not written yet. */
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
    // In nobody's context: it outlives the request that set it off.
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
