import { encodeUsernamePassword } from '@landspout/http1';
import { HTTPClientUsageError } from '../request/usage.ts';

/** A name and its password, for a server or a proxy. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * Returns the value of Authorization, or of Proxy-Authorization, for basic authentication (RFC 7617). Name and password
 * are sent as UTF-8, in Unicode normalization form C (§2.1). Without TLS, anyone on the way can read them.
 *
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if the username contains a colon, which would end it, or if
 *   either contains a control character or a lone surrogate.
 */
export function basicCredentials(credentials: Credentials): string {
  checkCredentials('basicAuth', credentials);
  const { username, password } = credentials;
  if (username.includes(':')) throw usage('basicAuth: username must not contain a colon');
  return `Basic ${encodeUsernamePassword(username, password).toString('base64')}`;
}

/**
 * Checks what every scheme requires. The messages do not contain the credentials.
 *
 * @param operation - such as `basicAuth`, for the message.
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE`.
 */
export function checkCredentials(operation: string, { username, password }: Credentials): void {
  if (typeof username !== 'string' || typeof password !== 'string')
    throw usage(`${operation}: username and password must be strings`);
  if (/\p{Cc}|\p{Cs}/u.test(`${username}:${password}`))
    throw usage(`${operation}: username and password must not contain control characters or lone surrogates`);
}

function usage(message: string): HTTPClientUsageError {
  return new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', message);
}
