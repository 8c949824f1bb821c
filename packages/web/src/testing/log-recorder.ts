import type { Logger } from '@landspout/ioloop';
import { shownText } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A record that was logged. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly details: object;
}

/**
 * A logger for tests: records what is logged, and fails the test for warnings and errors that were not expected. Pass it
 * as `logger` to the application.
 *
 * @example
 * using log = new LogRecorder();
 * await using client = new TestClient(new Application(routes, { logger: log }));
 * await client.request('/broken');
 * log.expect('error', /uncaught exception/);
 */
export class LogRecorder implements Logger {
  /** The records that were logged and that {@link expect} has not removed yet. */
  readonly records: LogRecord[] = [];

  debug = (details: object, message: string): void => this.#record('debug', details, message);
  info = (details: object, message: string): void => this.#record('info', details, message);
  warn = (details: object, message: string): void => this.#record('warn', details, message);
  error = (details: object, message: string): void => this.#record('error', details, message);

  /**
   * Finds the first record with this level and a matching message, removes it from {@link records}, and returns it.
   *
   * @param pattern - a part of the record's message or of the message of its `error`, or a regular expression for it.
   * @throws Error if there is no such record; its message lists what was logged.
   */
  expect(level: LogLevel, pattern: string | RegExp): LogRecord {
    const at = this.records.findIndex((record) => record.level === level && matches(record, pattern));
    const found = at === -1 ? undefined : this.records.splice(at, 1)[0];
    if (found !== undefined) return found;
    throw new Error(`expected a log record at level ${level} that matches ${pattern}, got ${this.#listed()}`);
  }

  /** @throws Error if there are warnings or errors that were not expected. */
  expectNothing(): void {
    if (!this.records.some(({ level }) => level === 'warn' || level === 'error')) return;
    throw new Error(`expected no warnings and errors in the log, got ${this.#listed()}`);
  }

  /** Like {@link expectNothing}, at the end of a block that began with `using`. */
  [Symbol.dispose](): void {
    this.expectNothing();
  }

  [INSPECT](): object {
    return inspection(this, ['records']);
  }

  #record(level: LogLevel, details: object, message: string): void {
    this.records.push({ level, message, details });
  }

  #listed(): string {
    if (this.records.length === 0) return 'none';
    return this.records.map((record) => `${record.level} ${shownText(textOf(record))}`).join(', ');
  }
}

function matches(record: LogRecord, pattern: string | RegExp): boolean {
  const text = textOf(record);
  return typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text);
}

function textOf({ message, details }: LogRecord): string {
  const { error } = details as { error?: { message?: unknown } };
  return error?.message === undefined ? message : `${message}: ${String(error.message)}`;
}
