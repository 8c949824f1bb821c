import { type ConsoleLogger, createConsoleLogger } from '../console-logger.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { checkLogFileOptions, type LogFileOptions, type LogFileSettings } from './log-file-options.ts';
import { LogFileWriter } from './log-file-writer.ts';

/**
 * A logger that writes to a file; made by {@link openLogFile}. Its methods for records do not depend on `this`, and
 * never throw.
 */
export class LogFile implements ConsoleLogger {
  readonly debug: ConsoleLogger['debug'];
  readonly info: ConsoleLogger['info'];
  readonly warn: ConsoleLogger['warn'];
  readonly error: ConsoleLogger['error'];
  /** Creates a logger that adds these details to all its records, and writes them to this file. */
  readonly child: ConsoleLogger['child'];
  /** The absolute path of the file. */
  readonly path: string;
  readonly #writer: LogFileWriter;

  /** Use {@link openLogFile}. */
  constructor({ path }: LogFileSettings, logger: ConsoleLogger, writer: LogFileWriter) {
    this.path = path;
    this.#writer = writer;
    ({ debug: this.debug, info: this.info, warn: this.warn, error: this.error, child: this.child } = logger);
  }

  /** The number of bytes of records that are not in the file yet. */
  get bufferedBytes(): number {
    return this.#writer.bufferedBytes;
  }

  /** The number of records that were dropped because too many waited. */
  get droppedCount(): number {
    return this.#writer.droppedCount;
  }

  /**
   * Waits until the records that were logged before the call are written, without syncing them to the disk.
   *
   * @returns false if they cannot be written now: they are kept, and tried again. Never rejects.
   */
  flush(): Promise<boolean> {
    return this.#writer.flush();
  }

  /**
   * Opens the file at its path again, after a program such as logrotate has moved it. Not required: a file that was
   * moved is noticed within a second of writing.
   *
   * @returns false if that failed: records go on to the old file, and the path is tried again. Never rejects.
   */
  reopen(): Promise<boolean> {
    return this.#writer.reopen();
  }

  /**
   * Writes the records that wait and closes the file. Those that cannot be written, and later ones, are lost, and the
   * `fallback` logger says so. Never rejects.
   */
  close(): Promise<void> {
    return this.#writer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [INSPECT](): object {
    const { size, isClosed } = this.#writer;
    // The methods of the logger are properties, which would be shown.
    const methods = {
      debug: undefined,
      info: undefined,
      warn: undefined,
      error: undefined,
      child: undefined,
    };
    return inspection(this, ['path', 'bufferedBytes', 'droppedCount'], () => ({
      ...methods,
      size,
      isClosed,
    }));
  }
}

/**
 * Opens a file for the records of a logger: a line of JSON for each, or text. The file is created if it does not exist,
 * and appended to otherwise.
 *
 * Records are written by a thread, those of one turn of the event loop at once, and when the process exits; a process
 * that is killed by a signal loses those of its last turn. Nothing that goes wrong with the open file throws: it is
 * reported to `fallback` once a minute, records wait in memory, and writing is tried again after 1 s, then 2 s, up to
 * 30 s.
 *
 * Backups are `path.1` (the newest) to `path.N` with `rotate: 'size'`, and `path.2026-07-31` with `rotate: 'time'`. The
 * children of `forkProcesses` or `server.start` each need a file of their own: put `{task}` into the path. Other
 * processes may append to the same file, as in a rolling restart; only one at a time rotates it. Symbolic links at the
 * path are not followed.
 *
 * @throws LogFileUsageError `ERR_LOG_FILE_USAGE` if an option is invalid, this process has the file open, or it is a
 *   child of `forkProcesses` and the path has no `{task}`.
 * @throws LogFileError `ERR_LOG_FILE_OPEN` if the file cannot be opened.
 *
 * @example
 * await using logger = await openLogFile({ path: 'app.log', maxBytes: 10_000_000, backups: 5 });
 * process.on('SIGHUP', () => void logger.reopen()); // for logrotate, with rotate: 'none'
 */
export async function openLogFile(options: LogFileOptions): Promise<LogFile> {
  const settings = checkLogFileOptions(options);
  const { format, level } = settings;
  let dropLine = '';
  const forDrops = createConsoleLogger({
    ...{ format, colors: false },
    write: (line) => {
      dropLine = line;
    },
  });
  const writer = await LogFileWriter.open(settings, (dropped) => {
    forDrops.warn({ dropped }, 'records were dropped, because the log file could not be written fast enough');
    return dropLine;
  });
  const write = (line: string): void => writer.push(line);
  return new LogFile(settings, createConsoleLogger({ format, level, colors: false, write }), writer);
}
