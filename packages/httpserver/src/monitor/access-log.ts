import type { Logger } from '@landspout/ioloop';
import { printable, printableLogValue } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { AccessDetails, type LoggedRequest, MAX_TARGET_CHARS } from './access-details.ts';
import type { AccessRecord } from './access-record.ts';

/**
 * Called with each request when its response is complete or was cut off. The call is synchronous, while the server
 * processes the connection, and runs in the async context of the code that ended the response. The hook should
 * therefore return quickly.
 *
 * If the hook throws or rejects, the request is not affected. The first error is logged; further errors are not logged
 * until a call has succeeded.
 */
export type AccessLogHook = (record: AccessRecord) => unknown;

/** Calls the hook and catches its errors. */
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

  /** Logs only the first failure, because one record per request would flood the log under load. */
  readonly #failed = (error: unknown): void => {
    if (this.#failing) return;
    this.#failing = true;
    this.#logger.error(
      { error },
      'the access log callback failed; further failures are not logged until it succeeds',
    );
  };
}

/** Maximum number of characters of a value from the peer in a line, counted before escaping. */
const MAX_VALUE_CHARS = 512;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * Formats a request as one line of the combined log format, without a line end:
 * `address - - [time] "method target version" status bytes "referer" "user agent"`.
 *
 * A value cannot close its quotation marks, start another line or control a terminal (ATT-40): quotation marks,
 * backslashes and all characters except visible ASCII are written as `\xHH`, as in nginx. A very long value is
 * truncated and ends with `\...`. A missing value is `-`. The user name is always `-`, because only the application
 * knows the user.
 *
 * @param wallTime - milliseconds since the Unix epoch, such as `Date.now()`; formatted in UTC.
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

/**
 * Logs a request as one record with the message `200 GET /path (127.0.0.1) 1.25ms` and the details `method`, `target`,
 * `status`, `durationMs`, `bytes`, `remote`, `requestId`, `aborted` and `error`, if they are known. On a terminal,
 * `consoleLogger` writes aligned columns instead of the message.
 *
 * A 4xx is a warning and a 5xx an error. A 499 is logged at info level: the client ended its side and the handler gave
 * up because of that.
 *
 * @example
 * new HTTPServer(handler, { accessLog: (record) => logAccess(record, logger) });
 */
export function logAccess(request: LoggedRequest, logger: Logger): void {
  const { status, durationMs } = request;
  const details = new AccessDetails(request);
  const line = `${status ?? '-'} ${requestSummary(request)} ${durationMs.toFixed(2)}ms`;
  if (status === undefined || status < 400 || status === 499) logger.info(details, line);
  else if (status < 500) logger.warn(details, line);
  else logger.error(details, line);
}

/**
 * Describes a request for a log line, such as `GET /path (127.0.0.1)`. Escapes what the peer sent, so that it cannot
 * forge a second line.
 */
export function requestSummary({
  method = '-',
  target = '-',
  remoteIp,
}: Pick<LoggedRequest, 'method' | 'target' | 'remoteIp'>): string {
  return `${printable(method)} ${printable(target)} (${printable(remoteIp)})`;
}

/** For example `10/Oct/2000:13:55:36 +0000`. */
function commonLogTime(wallTime: number): string {
  const date = new Date(wallTime);
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
