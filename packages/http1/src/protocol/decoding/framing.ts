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
 * Checks that the framing fields of a request are consistent with each other, the method and the version.
 *
 * @throws Http1ProtocolError if there is a Content-Length with a Transfer-Encoding, which is used for request smuggling
 *   (RFC 9112 §11.2); a Transfer-Encoding in HTTP/1.0 (§6.1); a CONNECT with a body (RFC 9110 §9.3.6); or a Host that
 *   is repeated, or is missing in HTTP/1.1 (RFC 9112 §3.2).
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
        'a message must not have both Content-Length and Transfer-Encoding',
      );
    }
    if (minor === 0) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_BAD_TRANSFER_ENCODING',
        'HTTP/1.0 does not support Transfer-Encoding',
      );
    }
  }
  if (method === 'CONNECT' && (chunked || contentLength > 0)) {
    // One recipient could treat the bytes after the head as a body, and the next recipient as data of the tunnel.
    throw new Http1ProtocolError('ERR_HTTP1_AMBIGUOUS_LENGTH', 'a CONNECT request must not have a body');
  }
  if ((seen & HOST_REPEATED) !== 0)
    throw new Http1ProtocolError('ERR_HTTP1_BAD_HOST', 'a request must not have more than one Host field');
  if ((seen & HOST) === 0 && minor === 1) {
    throw new Http1ProtocolError('ERR_HTTP1_BAD_HOST', 'an HTTP/1.1 request must have a Host field');
  }
}

/** Whether HTTP ends after this head, because of a 101 or a successful CONNECT (RFC 9112 §6.3, rule 2). */
export function isTunnel(method: string, status: number): boolean {
  return status === 101 || (method === 'CONNECT' && status >= 200 && status < 300);
}

/**
 * Determines the length of a response body by the rules of RFC 9112 §6.3, in their order.
 *
 * @returns the number of bytes, CHUNKED or UNTIL_CLOSE.
 * @throws Http1ProtocolError if the framing is invalid, or two recipients could interpret it differently.
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
      'a message must not have both Content-Length and Transfer-Encoding',
    );
  }
  if (chunked && minor === 0) {
    throw new Http1ProtocolError(
      'ERR_HTTP1_BAD_TRANSFER_ENCODING',
      'HTTP/1.0 does not support Transfer-Encoding',
    );
  }
  // HTTP/1.0 has no 1xx: a server that sends one cannot be trusted to switch protocols.
  if (status < 200 && minor === 0) {
    throw new Http1ProtocolError('ERR_HTTP1_INTERIM_VERSION', `a ${status} response requires HTTP/1.1`);
  }
  if (status < 200 || status === 204) {
    // A length of 0 in a 204 is not allowed, but is accepted: it is harmless, and some servers send it.
    const allowed = status === 204 ? contentLength <= 0 : contentLength === -1;
    if (chunked || !allowed) {
      throw new Http1ProtocolError(
        'ERR_HTTP1_BAD_BODILESS_FRAMING',
        `a ${status} response must not announce a body`,
      );
    }
    return 0;
  }
  if (method === 'HEAD' || status === 304 || isTunnel(method, status)) return 0;
  if (chunked) return CHUNKED;
  return contentLength >= 0 ? contentLength : UNTIL_CLOSE;
}

/** Whether the connection stays open after the response (RFC 9112 §9.3). */
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
