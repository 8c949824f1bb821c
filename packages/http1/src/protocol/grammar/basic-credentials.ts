import { Buffer } from 'node:buffer';
import { Http1UsageError } from './errors.ts';

/**
 * Encodes the `user:password` of basic authentication as UTF-8. The text is normalised to NFC, so that a password is
 * the same however its accents were typed (RFC 7617 §2.1).
 *
 * @returns the bytes to send as base64 after `Basic `. They are owned by the caller.
 * @throws Http1UsageError `ERR_HTTP1_USAGE` if the username contains a colon, which would end it, or if either contains
 *   a control character or a lone surrogate (RFC 7617 §2).
 */
export function encodeUsernamePassword(username: string, password: string): Buffer {
  if (username.includes(':')) throw usage('the username must not contain a colon');
  const text = `${username}:${password}`;
  if (/\p{Cc}|\p{Cs}/u.test(text))
    throw usage('username and password must not contain control characters or lone surrogates');
  return Buffer.from(text.normalize('NFC'), 'utf8');
}

function usage(detail: string): Http1UsageError {
  return new Http1UsageError('ERR_HTTP1_USAGE', `encodeUsernamePassword: ${detail}`);
}
