import type { PeerCertificate } from 'node:tls';
import { toPeerCertificate } from '../../transports/native-tls-info.ts';

/** The field `peer` of OpenSSL's SSL_SESSION: [3] EXPLICIT Certificate. */
const PEER_TAG = 0xa3;

/**
 * Returns the certificate of the server that issued a session; `undefined` if it had none. node:tls does not report it
 * after a resumption, although OpenSSL's encoding of the session contains it.
 *
 * @param session - in OpenSSL's encoding (DER): a sequence, in which only `peer` has this tag.
 */
export function sessionCertificate(session: Buffer): PeerCertificate | undefined {
  try {
    const sequence = elementAt(session, 0);
    for (let at = sequence.start; at < sequence.end; ) {
      const element = elementAt(session, at);
      if (element.tag === PEER_TAG) return toPeerCertificate(session.subarray(element.start, element.end));
      at = element.end;
    }
  } catch {
    // Not the encoding that we know. The server was verified when it issued the session.
  }
  return undefined;
}

/** The element of DER at an offset, whose contents are from `start` to `end` (X.690 §8.1). */
function elementAt(bytes: Buffer, at: number): { tag: number; start: number; end: number } {
  const tag = bytes.readUInt8(at);
  const first = bytes.readUInt8(at + 1);
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const lengthBytes = first & 0x7f;
  const start = at + 2 + lengthBytes;
  return { tag, start, end: start + bytes.readUIntBE(at + 2, lengthBytes) };
}
