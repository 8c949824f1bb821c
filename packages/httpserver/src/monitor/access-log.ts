import type { Logger } from '@landspout/ioloop';
import { printable, printableLogValue } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import type { AccessRecord } from './access-record.ts';

/**
 * Hears of each request when its answer is complete, or cut. It is called in the middle of the work, in the async
 * context of what has ended the answer: hand the record on, and return.
 *
 * One that throws or rejects hurts no request: it is logged, once until it has worked again.
 */
export type AccessLogHook = (record: AccessRecord) => unknown;

/** Calls the hook, and keeps what it throws away from the connection. */
export class AccessLog {
  readonly #hook: AccessLogHook;
  readonly #logger: Logger;
  #failing = false;

  constructor(hook: AccessLogHook, logger: Logger) {
    this.#hook = hook;
    this.#logger = logger;
  }

  write(record: AccessRecord): void {
    try {
      const result: unknown = this.#hook(record);
      if (isThenable(result)) Promise.resolve(result).then(this.#worked, this.#failed);
      else this.#failing = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  readonly #worked = (): void => {
    this.#failing = false;
  };

  /** One log record for each request would be a flood, when there are many. */
  readonly #failed = (error: unknown): void => {
    if (this.#failing) return;
    this.#failing = true;
    this.#logger.error({ error }, 'the access log failed');
  };
}

/** Most characters of the peer's that one value of a line may have, escapes not counted. */
const MAX_TARGET_CHARS = 2048;
const MAX_VALUE_CHARS = 512;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * Writes a request as one line of the combined log format, without a line end:
 * `address - - [time] "method target version" status bytes "referer" "user agent"`.
 *
 * No value can end its quotation, begin another line or reach a terminal (ATT-40): quotation marks, backslashes and
 * all but visible ASCII are written as `\xHH`, as nginx does, and what is very long is clipped, with `\...` behind it.
 * A value that is not there is `-`. A user is never told: who it is, only the application knows.
 *
 * @param wallTime - milliseconds since the Unix epoch, such as `Date.now()`; written in UTC.
 *
 * @example
 * new HTTPServer(handler, {
 *   accessLog: (record) => void console.log(formatAccessRecord(record, Date.now())),
 * });
 */
export function formatAccessRecord(record: AccessRecord, wallTime: number): string {
  const { method, target, version, headers } = record;
  const request =
    method === undefined
      ? '-'
      : `${printableLogValue(method, MAX_VALUE_CHARS)} ${printableLogValue(target ?? '-', MAX_TARGET_CHARS)} ${version}`;
  const referer = printableLogValue(headers.get('Referer') ?? '-', MAX_VALUE_CHARS);
  const userAgent = printableLogValue(headers.get('User-Agent') ?? '-', MAX_VALUE_CHARS);
  return (
    `${printableLogValue(record.remoteIp, MAX_VALUE_CHARS)} - - [${commonLogTime(wallTime)}] "${request}" ` +
    `${record.status ?? '-'} ${record.bytesSent} "${referer}" "${userAgent}"`
  );
}

/** What the log line of a request says; an {@link AccessRecord} has it. */
export type LoggedRequest = Pick<AccessRecord, 'method' | 'target' | 'remoteIp' | 'status' | 'durationMs'>;

/**
 * Writes a request as one record like `200 GET /path (127.0.0.1) 1.25ms`: 4xx as warnings, 5xx as errors. A 499 is
 * information: the client ended its side, and the handler gave up because of that.
 *
 * @example
 * new HTTPServer(handler, { accessLog: (record) => logAccess(record, logger) });
 */
export function logAccess(request: LoggedRequest, logger: Logger): void {
  const { status, durationMs } = request;
  const line = `${status ?? '-'} ${requestSummary(request)} ${durationMs.toFixed(2)}ms`;
  if (status === undefined || status < 400 || status === 499) logger.info({ status }, line);
  else if (status < 500) logger.warn({ status }, line);
  else logger.error({ status }, line);
}

/** Names a request for a log line, such as `GET /path (127.0.0.1)`. The peer cannot forge a second line with it. */
export function requestSummary({
  method = '-',
  target = '-',
  remoteIp,
}: Pick<LoggedRequest, 'method' | 'target' | 'remoteIp'>): string {
  return `${printable(method)} ${printable(target)} (${printable(remoteIp)})`;
}

/** Such as `10/Oct/2000:13:55:36 +0000`. */
function commonLogTime(wallTime: number): string {
  const date = new Date(wallTime);
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
