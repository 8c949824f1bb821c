import {
  type HTTPHeaders,
  Http1ProtocolError,
  type RequestHead,
  requestHost,
  splitHostAndPort,
} from '@landspout/http1';
import { excerpt } from '@landspout/ioloop/errors';

/** What can be written into a request line after the method (RFC 9112 §3.2). A fragment is never sent. */
const TARGET = /^(?:\/|https?:\/\/)[!"$-~]*$/i;
/** A token (RFC 9110 §9.1). */
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Hosts that need no closer look. */
const USUAL_HOST = /^[0-9A-Za-z.-]+(?::\d{1,4})?$/;
const CONTENT_LENGTH = /^\d{1,15}$/;

export interface HeadLimits {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
}

/** The head of a request that another server received. */
export class OuterRequestHead implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: 'HTTP/1.0' | 'HTTP/1.1';
  readonly headers: HTTPHeaders;
  readonly mountPath: string | undefined;
  readonly received: RequestHead | undefined;

  /** @param from - the head that this one was made from, if a connection of ours has received it. */
  constructor(
    method: string,
    target: string,
    version: 'HTTP/1.0' | 'HTTP/1.1',
    headers: HTTPHeaders,
    mountPath: string | undefined,
    from?: RequestHead,
  ) {
    this.method = method;
    this.target = target;
    this.version = version;
    this.headers = headers;
    this.mountPath = mountPath;
    this.received = from?.received ?? from;
  }
}

/**
 * Checks what delegates rely on, and what the server in front need not have checked, or handlers in front may have
 * changed: the method, the form of the target, and one valid Host (RFC 9112 §3).
 *
 * @throws Http1ProtocolError as a connection of an HTTPServer would refuse the request.
 */
export function checkHead({ method, target, headers }: RequestHead): void {
  if (!METHOD.test(method)) {
    const detail = `the method ${excerpt(method)} is not a token`;
    throw new Http1ProtocolError('ERR_HTTP1_BAD_REQUEST_LINE', detail);
  }
  if (!TARGET.test(target) && !(target === '*' && method === 'OPTIONS')) {
    const detail = `the target ${excerpt(target)} has none of the valid forms`;
    throw new Http1ProtocolError('ERR_HTTP1_BAD_TARGET', detail);
  }
  const fields = headers.getList('Host');
  if (fields.length > 1)
    throw new Http1ProtocolError('ERR_HTTP1_BAD_HOST', 'a request must not have more than one Host field');
  if (fields[0] !== undefined) checkHost(fields[0]);
  if (target.charCodeAt(0) !== SLASH) checkHost(requestHost(method, target, ''));
}

/** Checks the number and the size of header fields before they are copied, pairs of name and value in one list. */
export function checkFields(fields: readonly string[], target: string, limits: HeadLimits): void {
  if (fields.length / 2 > limits.maxHeaders) {
    const detail = `there are more than ${limits.maxHeaders} header fields`;
    throw new Http1ProtocolError('ERR_HTTP1_TOO_MANY_HEADERS', detail);
  }
  if (target.length > limits.maxHeadBytes) {
    const detail = `the target is longer than ${limits.maxHeadBytes} bytes`;
    throw new Http1ProtocolError('ERR_HTTP1_TARGET_TOO_LONG', detail);
  }
  let size = target.length;
  // Each field is sent with a colon, a space and CRLF.
  for (let at = 0; at < fields.length; at += 2)
    size += (fields[at] as string).length + (fields[at + 1] as string).length + 4;
  if (size > limits.maxHeadBytes) {
    const detail = `the head is larger than ${limits.maxHeadBytes} bytes`;
    throw new Http1ProtocolError('ERR_HTTP1_HEAD_TOO_LARGE', detail);
  }
}

/** Adds fields of a request. @throws Http1ProtocolError `ERR_HTTP1_BAD_HEADER` if one is invalid. */
export function addFields(headers: HTTPHeaders, fields: readonly string[]): HTTPHeaders {
  try {
    for (let at = 0; at < fields.length; at += 2) headers.add(fields[at] as string, fields[at + 1] as string);
  } catch (error) {
    throw new Http1ProtocolError('ERR_HTTP1_BAD_HEADER', (error as Error).message, { cause: error });
  }
  return headers;
}

/** Returns the announced length of a body; -1 if there is none. @throws Http1ProtocolError if it is invalid. */
export function announcedLength(headers: HTTPHeaders): number {
  const value = headers.get('Content-Length');
  if (value === undefined) return -1;
  if (CONTENT_LENGTH.test(value)) return Number(value);
  const detail = `Content-Length must be a number, got ${excerpt(value)}`;
  throw new Http1ProtocolError('ERR_HTTP1_BAD_CONTENT_LENGTH', detail);
}

const SLASH = 0x2f;

function checkHost(host: string): void {
  // A client sends an empty Host if the target has no authority.
  if (host === '' || USUAL_HOST.test(host) || splitHostAndPort(host) !== undefined) return;
  const detail = `Host must be a name or address with an optional port, got ${excerpt(host)}`;
  throw new Http1ProtocolError('ERR_HTTP1_BAD_HOST', detail);
}
