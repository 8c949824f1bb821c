import { IOLoop, type Logger } from '@landspout/ioloop';

export interface LogRecord {
  readonly level: keyof Logger;
  readonly message: string;
  readonly error: unknown;
}

/** A loop whose records are kept for the test, and the records. */
export function recordingLoop(): {
  loop: IOLoop;
  records: LogRecord[];
  of(level: keyof Logger): LogRecord[];
} {
  const records: LogRecord[] = [];
  const record = (level: keyof Logger) => (details: object, message: string) =>
    void records.push({ level, message, error: (details as { error?: unknown }).error });
  const logger: Logger = {
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
  };
  return {
    loop: new IOLoop({ logger }),
    records,
    of: (level) => records.filter((each) => each.level === level),
  };
}
