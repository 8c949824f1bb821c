import { printable } from '@landspout/ioloop/errors';
import { LOG_TEXT, type Paint, type TextDetails } from '@landspout/ioloop/reactor';
import type { AccessRecord } from './access-record.ts';

type Optional<Properties> = { readonly [Name in keyof Properties]?: Properties[Name] | undefined };

/** The values for the log line of a request: an {@link AccessRecord}, or an object of a framework above the server. */
export interface LoggedRequest
  extends Pick<AccessRecord, 'method' | 'target' | 'remoteIp' | 'status' | 'durationMs'>,
    Optional<Pick<AccessRecord, 'bytesSent' | 'outcome' | 'aborted' | 'error'>> {
  /** Identifies the request in all log lines. */
  readonly requestId?: string | undefined;
}

/** Maximum number of characters of a target in a log line, counted before escaping. */
export const MAX_TARGET_CHARS = 2048;
const MAX_ID_CHARS = 128;

/**
 * The details of the log record of a request. The property names are the names in the JSON line, and are stable. Values
 * from the peer are clipped but not escaped: a logger that writes JSON escapes them.
 */
export class AccessDetails implements TextDetails {
  readonly method: string | undefined;
  readonly target: string | undefined;
  readonly status: number | undefined;
  /** Rounded to three decimals. */
  readonly durationMs: number;
  readonly bytes: number | undefined;
  readonly remote: string;
  readonly requestId: string | undefined;
  readonly aborted: string | undefined;
  /**
   * Defined only if the server or its handler failed, so that errors that clients can cause do not fill the log with
   * stacks.
   */
  readonly error: Error | undefined;

  constructor(request: LoggedRequest) {
    const { method, target, status, durationMs, remoteIp, bytesSent, requestId, aborted, error } = request;
    this.method = method;
    this.target = target === undefined ? undefined : clipped(target, MAX_TARGET_CHARS);
    this.status = status;
    this.durationMs = Math.round(durationMs * 1000) / 1000;
    this.bytes = bytesSent;
    this.remote = remoteIp;
    this.requestId = requestId === undefined ? undefined : clipped(requestId, MAX_ID_CHARS);
    this.aborted = aborted;
    this.error = isOfPeer(request) ? undefined : error;
  }

  /**
   * Returns all values in columns, whose widths fit most requests. The target, which may have any length, follows the
   * columns.
   */
  [LOG_TEXT](paint: Paint): string {
    const { status, method = '-', target = '-', durationMs, bytes, remote, requestId, aborted } = this;
    let text = paint(statusColor(status), String(status ?? '-').padStart(3));
    text += ` ${paint('cyan', printable(method).padEnd(7))}`;
    text += ` ${`${durationMs.toFixed(2)}ms`.padStart(10)} ${sizeText(bytes).padStart(9)}`;
    text += ` ${printable(remote).padEnd(15)} ${printable(target, MAX_TARGET_CHARS)}`;
    if (requestId !== undefined) text += ` ${paint('dim', printable(requestId))}`;
    if (aborted !== undefined) text += ` ${paint('yellow', printable(aborted))}`;
    return text;
  }
}

/** Whether the error of a request may have been caused by the peer alone. */
function isOfPeer({ status, outcome, aborted }: LoggedRequest): boolean {
  const isRefusal = status !== undefined && status >= 400 && status < 500;
  return isRefusal || outcome === 'refused' || aborted !== undefined;
}

function statusColor(status = 0): 'dim' | 'green' | 'cyan' | 'yellow' | 'red' {
  if (status < 200) return 'dim';
  if (status < 300) return 'green';
  if (status < 400) return 'cyan';
  return status < 500 ? 'yellow' : 'red';
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'];

/** For example `512B`, `1.5KiB`. */
function sizeText(bytes: number | undefined): string {
  if (bytes === undefined) return '-';
  if (bytes < 1024) return `${bytes}B`;
  let value = bytes;
  let unit = 'B';
  for (const larger of UNITS) {
    if (value < 1024) break;
    value /= 1024;
    unit = larger;
  }
  return `${value.toFixed(1)}${unit}`;
}

function clipped(text: string, maxChars: number): string {
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
}
