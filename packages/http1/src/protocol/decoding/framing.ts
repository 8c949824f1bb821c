import { Http1ProtocolError } from '../grammar/errors.ts';
import {
  CONTENT_LENGTH,
  HOST,
  HOST_REPEATED,
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  TRANSFER_ENCODING,
} from '../grammar/framing-fields.ts';
import { CHUNKED, UNTIL_CLOSE } from './body-decoder.ts';

/**
 * Checks that the framing fields of a request fit each other, its method and its version.
 *
 * @throws Http1ProtocolError for a length besides a coding, which is how requests are smuggled (RFC 9112 §11.2),
 *   a coding from HTTP/1.0 (§6.1), content of a CONNECT, which has none (RFC 9110 §9.3.6), and a Host that is
 *   missing from HTTP/1.1 or repeated (RFC 9112 §3.2).
 */
export function checkRequestFraming(
  method: string,
  minor: number,
  seen: number,
  contentLength: number,
): void {
  const chunked = (seen & TRANSFER_ENCODING) !== 0;
  if (chunked) {
    if ((seen & CONTENT_LENGTH) !== 0) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_AMBIGUOUS_LENGTH',
        'Content-Length and Transfer-Encoding came together',
      );
    }
    if (minor === 0) {
      throw new Http1ProtocolError('ERR_HTTP1_BAD_TRANSFER_ENCODING', 'HTTP/1.0 has no Transfer-Encoding');
    }
  }
  if (method === 'CONNECT' && (chunked || contentLength > 0)) {
    // One reader would take the bytes behind the head for a body, and the next for what goes into the tunnel.
    throw new Http1ProtocolError('ERR_HTTP1_AMBIGUOUS_LENGTH', 'a CONNECT has no content');
  }
  if ((seen & HOST_REPEATED) !== 0)
    throw new Http1ProtocolError('ERR_HTTP1_BAD_HOST', 'Host came more than once');
  if ((seen & HOST) === 0 && minor === 1) {
    throw new Http1ProtocolError('ERR_HTTP1_BAD_HOST', 'HTTP/1.1 needs a Host field');
  }
}

/** Whether HTTP ends after this head: a switch of protocols, or a CONNECT that succeeded (RFC 9112 §6.3, rule 2). */
export function isTunnel(method: string, status: number): boolean {
  return status === 101 || (method === 'CONNECT' && status >= 200 && status < 300);
}

/**
 * Finds how long the body of a response is, by the rules of RFC 9112 §6.3 in their order.
 *
 * @returns bytes, CHUNKED or UNTIL_CLOSE.
 * @throws Http1ProtocolError for framing that two readers could understand in two ways.
 */
export function responseBodyLength(
  method: string,
  status: number,
  minor: number,
  seen: number,
  contentLength: number,
): number {
  const chunked = (seen & TRANSFER_ENCODING) !== 0;
  if (chunked && (seen & CONTENT_LENGTH) !== 0) {
    throw new Http1ProtocolError(
      'ERR_HTTP1_AMBIGUOUS_LENGTH',
      'Content-Length and Transfer-Encoding came together',
    );
  }
  if (chunked && minor === 0) {
    throw new Http1ProtocolError('ERR_HTTP1_BAD_TRANSFER_ENCODING', 'HTTP/1.0 has no Transfer-Encoding');
  }
  // HTTP/1.0 has no 1xx: whoever sends one under its name is not the server that a switch could be trusted to.
  if (status < 200 && minor === 0) {
    throw new Http1ProtocolError('ERR_HTTP1_INTERIM_VERSION', `a ${status} response needs HTTP/1.1`);
  }
  if (status < 200 || status === 204) {
    // A length of 0 on a 204 is wrong but harmless, and servers send it.
    const allowed = status === 204 ? contentLength <= 0 : contentLength === -1;
    if (chunked || !allowed) {
      throw new Http1ProtocolError('ERR_HTTP1_BAD_BODILESS_FRAMING', `a ${status} response announces a body`);
    }
    return 0;
  }
  if (method === 'HEAD' || status === 304 || isTunnel(method, status)) return 0;
  if (chunked) return CHUNKED;
  return contentLength >= 0 ? contentLength : UNTIL_CLOSE;
}

/** Whether the connection persists after the response (RFC 9112 §9.3). */
export function responseKeepAlive(
  method: string,
  status: number,
  minor: number,
  seen: number,
  bodyLength: number,
): boolean {
  if (bodyLength === UNTIL_CLOSE || isTunnel(method, status)) return false;
  if ((seen & OPTION_CLOSE) !== 0) return false;
  return minor === 1 || (seen & OPTION_KEEP_ALIVE) !== 0;
}
