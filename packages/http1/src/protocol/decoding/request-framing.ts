import { Http1ProtocolError } from '../grammar/errors.ts';
import { CONTENT_LENGTH, HOST, HOST_REPEATED, TRANSFER_ENCODING } from '../grammar/framing-fields.ts';

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
