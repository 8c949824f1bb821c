import type { ClockTimer } from '../clock.ts';
import { SystemError } from '../errors.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { RateLimitedLog } from '../logger.ts';
import { runInRootContext } from '../node-async-context.ts';
import { AppendFile, NotAFileError } from './append-file.ts';
import { rotateNumbers, rotateStamp } from './backups.ts';
import { type ExitWriter, forgetAtExit, writeAtExit } from './exit-writers.ts';
import { LineQueue } from './line-queue.ts';
import { LogFileError, LogFileUsageError } from './log-file-errors.ts';
import type { LogFileSettings } from './log-file-options.ts';
import { RotationLock } from './rotation-lock.ts';
import { periodAt, stampOf } from './rotation-times.ts';

/** Bytes of one write. Larger ones would only delay the records after them. */
const BATCH_BYTES = 256 * 1024;
/** How often a file that is being written is looked for at its path, where logrotate may have put a new one. */
const CHECK_MS = 1_000;
/** After a failed rotation, the file grows until the next attempt. */
const ROTATION_RETRY_MS = 10_000;
/** After a failed write, the next attempt; doubled each time up to the maximum. */
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

/** The paths of the files that are open in this thread. */
const openPaths = new Set<string>();

/** What a caller of `flush` waits for. */
interface Waiter {
  /** The number of lines that have to be written. */
  readonly count: number;
  readonly settle: (isWritten: boolean) => void;
}

/**
 * Writes the lines of one log file: those of one turn of the loop in one write, by a thread. Nothing that fails throws
 * into the program: the lines wait, and are tried again.
 */
export class LogFileWriter implements ExitWriter {
  readonly #settings: LogFileSettings;
  readonly #queue: LineQueue;
  readonly #reports: RateLimitedLog;
  readonly #lock: RotationLock;
  #file: AppendFile;
  /** The period of the file, with `rotate: 'time'`. */
  #period: { readonly start: number; readonly end: number };
  /** `scheduled`: at the end of the turn; `running`: a write is in progress; `failed`: until the next attempt. */
  #state: 'idle' | 'scheduled' | 'running' | 'failed' | 'closed' = 'idle';
  /** The latest run; settled unless the state is `running`. */
  #latestRun: Promise<void> = Promise.resolve();
  #pushed = 0;
  #mustReopen = false;
  /** Whether the file is no longer at its path, and none could be opened there. */
  #isAstray = false;
  #isClosing = false;
  #checkedAt: number;
  #rotateAfter = -Infinity;
  #retryMs = RETRY_MS;
  #retry: ClockTimer | undefined;
  #waiters: Waiter[] = [];

  private constructor(settings: LogFileSettings, file: AppendFile, dropLine: (count: number) => string) {
    const { clock, fallback, maxBufferedBytes, path } = settings;
    this.#settings = settings;
    this.#file = file;
    this.#queue = new LineQueue(maxBufferedBytes, dropLine);
    this.#reports = new RateLimitedLog({ logger: fallback, clock });
    this.#lock = new RotationLock(path);
    this.#checkedAt = clock.now();
    this.#period = periodAt(file.size > 0 ? file.modifiedMs : clock.wallTime(), settings);
  }

  /** @param dropLine - formats the line for dropped records. @throws LogFileError `ERR_LOG_FILE_OPEN` */
  static async open(settings: LogFileSettings, dropLine: (count: number) => string): Promise<LogFileWriter> {
    const { path, mode } = settings;
    if (openPaths.has(path)) {
      const remedy = 'share its logger, or a child of it';
      throw new LogFileUsageError(`openLogFile: ${path} is open already in this process; ${remedy}`);
    }
    openPaths.add(path);
    try {
      const writer = new LogFileWriter(settings, await AppendFile.open(path, mode), dropLine);
      writeAtExit(writer);
      return writer;
    } catch (error) {
      openPaths.delete(path);
      const cause = SystemError.from(error, 'open', path);
      throw new LogFileError(`openLogFile: ${cause.message}${remedyOf(error)}`, { cause });
    }
  }

  /** The bytes of the file, as far as this process knows. */
  get size(): number {
    return this.#file.size;
  }

  get bufferedBytes(): number {
    return this.#queue.byteLength;
  }

  get droppedCount(): number {
    return this.#queue.droppedCount;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Adds a line that ends with a line break. Never throws. */
  push(line: string): void {
    if (this.#isClosing) {
      this.#report('closed', {}, 'a record came after the log file was closed; it is lost');
      return;
    }
    this.#queue.push(line);
    this.#pushed += 1;
    if (this.#state === 'idle') this.#schedule();
  }

  /** Waits until all lines that are there now are written. @returns false if that failed; they are kept. */
  flush(): Promise<boolean> {
    if (this.#state === 'closed') return Promise.resolve(this.#queue.isEmpty);
    if (this.#state === 'idle' && this.#isDone()) return Promise.resolve(true);
    return new Promise((settle) => {
      this.#waiters.push({ count: this.#pushed, settle });
      this.#attemptNow();
    });
  }

  /** Opens the file at the path again. @returns false if that failed. */
  async reopen(): Promise<boolean> {
    if (this.#state === 'closed') return false;
    this.#mustReopen = true;
    await this.flush();
    return !this.#mustReopen && !this.#isAstray;
  }

  /** Writes what is left, and closes the file. What cannot be written is lost, which is reported. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.flush();
    await this.#latestRun;
    if (this.isClosed) return; // by another call
    this.#state = 'closed';
    this.#retry?.cancel();
    forgetAtExit(this);
    openPaths.delete(this.#settings.path);
    const lost = this.#queue.length;
    if (lost > 0)
      this.#report('lost', { lost }, 'the log file was closed before all records could be written');
    this.#queue.clear();
    this.#reports.flush();
    this.#file.close();
  }

  writeAtExit(): void {
    try {
      this.#lock.releaseSync();
      this.#file.appendSync(this.#queue.take(Infinity));
    } catch (error) {
      this.#failed('write', error, 'the last records of the log file are lost');
    }
    this.#reports.flush();
  }

  [INSPECT](): object {
    const { path } = this.#settings;
    const state = this.#state;
    return inspection(this, ['size', 'bufferedBytes', 'droppedCount'], () => ({ path, state }));
  }

  #isDone(): boolean {
    return this.#queue.isEmpty && !this.#file.hasRest && !this.#mustReopen;
  }

  #schedule(): void {
    this.#state = 'scheduled';
    // In the root context: the write outlives the request whose record comes first.
    const run = (): void => {
      this.#latestRun = this.#run();
    };
    runInRootContext(() => setImmediate(run), undefined);
  }

  #attemptNow(): void {
    if (this.#state !== 'idle' && this.#state !== 'failed') return;
    this.#retry?.cancel();
    this.#schedule();
  }

  /** Writes until nothing is left or a write fails. */
  async #run(): Promise<void> {
    if (this.#state !== 'scheduled') return;
    this.#state = 'running';
    try {
      do {
        await this.#checkPath();
        await this.#file.finish();
        await this.#writeBatch();
        this.#settleWaiters();
      } while (!this.#isDone());
      this.#succeeded();
    } catch (error) {
      this.#failed(
        'write',
        error,
        `the log file cannot be written; up to ${this.#limitText()} wait in memory`,
      );
      this.#state = 'failed';
      this.#waitForRetry();
      for (const { settle } of this.#waiters.splice(0)) settle(false);
    }
  }

  async #writeBatch(): Promise<void> {
    if (this.#queue.isEmpty) return;
    if (this.#file.size === 0) this.#period = periodAt(this.#settings.clock.wallTime(), this.#settings);
    else await this.#rotateIfDue();
    const { rotate, maxBytes } = this.#settings;
    const room = rotate === 'size' ? maxBytes - this.#file.size : Infinity;
    // A record that is larger than the limit, or a file that could not be rotated, must not stop the log.
    const least = Math.min(room, BATCH_BYTES) < this.#queue.firstLength ? this.#queue.firstLength : 0;
    const batch = this.#queue.take(Math.max(Math.min(room, BATCH_BYTES), least));
    if (batch.length > 0) await this.#file.append(batch);
  }

  /** Follows the path to a new file: on request, or if another program has moved the old one. */
  async #checkPath(): Promise<void> {
    const { clock, path, mode } = this.#settings;
    const now = clock.now();
    if (!this.#mustReopen && now - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now;
    try {
      if (!(await this.#file.isAt(path))) await this.#openNew(path, mode);
      this.#isAstray = false;
    } catch (error) {
      this.#isAstray = true; // looked for again with the next check
      this.#failed('reopen', error, 'the log file is not at its path, and cannot be opened there');
    }
    this.#mustReopen = false;
  }

  async #openNew(path: string, mode: number): Promise<void> {
    const file = await AppendFile.open(path, mode);
    file.takeRest(this.#file);
    this.#file.close();
    this.#file = file;
    this.#period = periodAt(this.#settings.clock.wallTime(), this.#settings);
  }

  async #rotateIfDue(): Promise<void> {
    const { clock, path, mode } = this.#settings;
    if (!this.#isRotationDue() || clock.now() < this.#rotateAfter) return;
    try {
      const isRotated = await this.#lock.hold(async () => {
        // Another process may have rotated the file, or another program may have moved or cut it.
        const isThere = await this.#file.isAt(path);
        if (isThere && !this.#isRotationDue()) return;
        if (isThere) await this.#rename(path);
        await this.#openNew(path, mode);
      });
      if (!isRotated) this.#rotateAfter = clock.now() + CHECK_MS;
    } catch (error) {
      this.#rotateAfter = clock.now() + ROTATION_RETRY_MS;
      this.#failed('rotate', error, 'the log file cannot be rotated; it grows until the next attempt');
    }
  }

  #isRotationDue(): boolean {
    const { rotate, maxBytes, clock } = this.#settings;
    if (rotate === 'size') return this.#file.size + this.#queue.firstLength > maxBytes;
    return rotate === 'time' && clock.wallTime() >= this.#period.end;
  }

  #rename(path: string): Promise<void> {
    const { rotate, backups } = this.#settings;
    if (rotate === 'size') return rotateNumbers(path, backups);
    return rotateStamp(path, stampOf(this.#period.start, this.#settings), backups);
  }

  #succeeded(): void {
    if (this.#retryMs > RETRY_MS) this.#report('recovered', {}, 'the log file is written again', 'info');
    this.#retryMs = RETRY_MS;
    this.#state = 'idle';
  }

  #waitForRetry(): void {
    const { clock } = this.#settings;
    const attempt = (): void => this.#attemptNow();
    runInRootContext(() => {
      this.#retry = clock.setTimeout(attempt, this.#retryMs);
      this.#retry.unref();
    }, undefined);
    this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2);
  }

  #settleWaiters(): void {
    const written = this.#pushed - this.#queue.length;
    const isDone = ({ count }: Waiter): boolean => count <= written;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => !isDone(waiter));
    for (const waiter of waiters) if (isDone(waiter)) waiter.settle(true);
  }

  #limitText(): string {
    return `${this.#settings.maxBufferedBytes} bytes`;
  }

  #failed(kind: string, thrown: unknown, message: string): void {
    const error = SystemError.from(thrown, kind, this.#settings.path);
    this.#report(kind, { error }, message);
  }

  #report(kind: string, details: object, message: string, level: 'info' | 'warn' = 'warn'): void {
    try {
      this.#reports[level](kind, { ...details, path: this.#settings.path }, message);
    } catch {
      // The fallback logger threw: there is nowhere left to report it.
    }
  }
}

function remedyOf(error: unknown): string {
  const code = error instanceof NotAFileError ? 'ENXIO' : (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return '; create its folder first';
  if (code === 'ELOOP') return '; symbolic links are not followed, so use the path that it leads to';
  return code === 'ENXIO' ? '; for a pipe or a terminal, use createConsoleLogger' : '';
}
