import { Http1ProtocolError } from './errors.ts';
import { CONTENT_LENGTH, HOST, HOST_REPEATED, TRANSFER_ENCODING } from './framing-fields.ts';

/**
 * Checks that the framing fields of a request fit each other and its version.
 *
 * @throws Http1ProtocolError for a length besides a coding, which is how requests are smuggled (RFC 9112 §11.2),
 *   a coding from HTTP/1.0 (§6.1), and a Host that is missing from HTTP/1.1 or repeated (§3.2).
 */
export function checkRequestFraming(seen: number, minor: number): void {
  if ((seen & TRANSFER_ENCODING) !== 0) {
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
  if ((seen & HOST_REPEATED) !== 0)
    throw new Http1ProtocolError('ERR_HTTP1_BAD_HOST', 'Host came more than once');
  if ((seen & HOST) === 0 && minor === 1) {
    throw new Http1ProtocolError('ERR_HTTP1_BAD_HOST', 'HTTP/1.1 needs a Host field');
  }
}
