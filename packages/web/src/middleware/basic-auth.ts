import { createHash, timingSafeEqual } from 'node:crypto';
import { type OptionNames, shownText, shownValue } from '@landspout/ioloop/errors';
import { isThenable } from '@landspout/ioloop/reactor';
import { HTTPError, WebUsageError, webChecks } from '../errors.ts';
import type { Middleware, MiddlewareContext } from '../handler/lifecycle.ts';

/**
 * Checks a name and password, both in Unicode normalization form C (NFC). May be asynchronous.
 *
 * @returns the value for `context.state.user`; true to use the name; any falsy value to refuse the request.
 */
export type BasicAuthVerify = (username: string, password: string, context: MiddlewareContext) => unknown;

/** Exactly one of `users` and `verify` is required. */
export interface BasicAuthOptions {
  /** What the user is logging in to; browsers show it. Visible ASCII characters and spaces. */
  readonly realm: string;
  /** Passwords by name. Only their hashes are kept. For a few internal users with long random passwords. */
  readonly users?: Readonly<Record<string, string>>;
  /** Checks passwords that are stored elsewhere: hashed with scrypt or argon2, and compared in constant time. */
  readonly verify?: BasicAuthVerify;
}

const BASIC_AUTH_OPTIONS: OptionNames<BasicAuthOptions> = { realm: true, users: true, verify: true };

/** RFC 9110 §11.4, RFC 7617 §2. Repeated headers, which are joined by a comma, do not match. */
const CREDENTIALS = /^basic +([A-Za-z0-9+/]+={0,2})$/i;
const CONTROLS = /\p{Cc}/u;
/** Keeps a byte order mark, as part of the name. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Creates middleware that requires a name and password (HTTP basic authentication, RFC 7617, in UTF-8). A request
 * without a valid name and password gets a 401, and browsers then prompt the user. For other requests,
 * `context.state.user` is set to the result of `verify`, or to the name.
 *
 * Use it over https only: the password is sent with every request, unencrypted. The number of attempts is not limited:
 * put `rateLimit` before it, so that passwords cannot be guessed. Refused passwords are logged at most once per minute,
 * without names.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid.
 *
 * @example
 * route('/admin', Admin, {}, {
 *   middleware: [basicAuth({ realm: 'Administration', users: { ada: process.env.ADMIN_PASSWORD ?? '' } })],
 * });
 */
export function basicAuth(options: BasicAuthOptions): Middleware {
  webChecks.options('basicAuth', options, BASIC_AUTH_OPTIONS);
  const { users, verify } = options;
  if ((users === undefined) === (verify === undefined)) throw usage('give either users or verify');
  const check =
    users === undefined
      ? webChecks.callback('basicAuth', 'verify', verify as BasicAuthVerify)
      : staticUsers(users);
  const headers = { 'WWW-Authenticate': challenge(options.realm) };

  return function basicAuth(context, next) {
    const field = context.request.headers.get('Authorization');
    if (field === undefined) throw new HTTPError(401, undefined, { headers });
    const credentials = parseCredentials(field);
    if (credentials === undefined) throw new HTTPError(401, 'invalid basic credentials', { headers });
    const [username, password] = credentials;
    const result = check(username, password, context);
    if (!isThenable(result)) return enter(result);
    return Promise.resolve(result).then(enter);

    function enter(user: unknown): Promise<void> | undefined {
      if (!user) throw new HTTPError(401, 'wrong name or password', { headers });
      context.state.user = user === true ? username : user;
      return next();
    }
  };
}

/** Splits `Basic` credentials into name and password; undefined if they are malformed. */
function parseCredentials(field: string): [username: string, password: string] | undefined {
  const encoded = CREDENTIALS.exec(field)?.[1];
  if (encoded === undefined) return undefined;
  let text: string;
  try {
    text = utf8.decode(Buffer.from(encoded, 'base64')).normalize('NFC');
  } catch {
    return undefined;
  }
  const colon = text.indexOf(':');
  if (colon === -1 || CONTROLS.test(text)) return undefined;
  return [text.slice(0, colon), text.slice(colon + 1)];
}

/**
 * Compares hashes of equal length, and does the same work for names that do not exist, so that the time does not reveal
 * how much of a name or password is right.
 */
function staticUsers(users: unknown): BasicAuthVerify {
  if (typeof users !== 'object' || users === null || Array.isArray(users)) {
    throw usage(`users must be an object of passwords by name, got ${shownValue(users)}`);
  }
  const digests = new Map<string, Buffer>();
  for (const [name, password] of Object.entries(users)) {
    if (name.includes(':') || CONTROLS.test(name)) {
      throw usage(`users: the name ${shownText(name)} must not contain a colon or control characters`);
    }
    if (typeof password !== 'string' || password === '' || CONTROLS.test(password)) {
      throw usage(
        `users: the password of ${shownText(name)} must be a string that is not empty, without controls`,
      );
    }
    digests.set(name.normalize('NFC'), digestOf(password.normalize('NFC')));
  }
  if (digests.size === 0) throw usage('users must not be empty');
  const ofNoUser = digestOf('');
  return (username, password) => {
    const expected = digests.get(username);
    const isEqual = timingSafeEqual(digestOf(password), expected ?? ofNoUser);
    return isEqual && expected !== undefined;
  };
}

function digestOf(password: string): Buffer {
  return createHash('sha256').update(password, 'utf8').digest();
}

/** RFC 7617 §2.1: `charset` tells clients to encode in UTF-8. */
function challenge(realm: unknown): string {
  if (typeof realm !== 'string' || !/^[\x20-\x7e]+$/.test(realm)) {
    throw usage(`realm must be a string of visible ASCII characters, got ${shownValue(realm)}`);
  }
  return `Basic realm="${realm.replace(/["\\]/g, '\\$&')}", charset="UTF-8"`;
}

function usage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `basicAuth: ${problem}`);
}
