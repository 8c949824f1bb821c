import { Buffer } from 'node:buffer';
import { Http1UsageError } from './errors.ts';

/**
 * The `user:password` of basic authentication as bytes: UTF-8 in the normal form NFC, so that one password is one
 * however its accents were typed (RFC 7617 §2.1).
 *
 * @returns what goes, in base64, behind `Basic `. Yours.
 * @throws Http1UsageError `ERR_HTTP1_USAGE` for a user with a colon, which would end the name, and for controls and lone
 *   surrogates in either (RFC 7617 §2).
 */
export function encodeUsernamePassword(username: string, password: string): Buffer {
  if (username.includes(':')) throw usage('a username cannot have a colon');
  const text = `${username}:${password}`;
  if (/\p{Cc}|\p{Cs}/u.test(text)) throw usage('controls and lone surrogates cannot be sent');
  return Buffer.from(text.normalize('NFC'), 'utf8');
}

function usage(detail: string): Http1UsageError {
  return new Http1UsageError('ERR_HTTP1_USAGE', `encodeUsernamePassword: ${detail}`);
}
