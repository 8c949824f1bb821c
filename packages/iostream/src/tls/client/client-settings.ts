import { createHash } from 'node:crypto';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import type { TlsBinding } from '@landspout/ioloop/reactor';
import {
  CONTEXT_KEYS,
  readAlpn,
  readCredentials,
  readKeyLog,
  readTerms,
  requireOnlyContext,
  requireTimeout,
  requireTlsOptions,
  SHARED_OPTIONS,
  tlsUsage,
} from '../credentials.ts';
import { isSecureContext } from '../node-tls-adapter.ts';
import type { TlsClientOptions } from '../options.ts';
import { TlsSessionCache } from '../session-cache.ts';
import { trustIdentity } from '../trust-store.ts';
import { type ClientContext, clientContext } from './client-context.ts';
import { type ServerIdentity, serverIdentity } from './server-identity.ts';

/** The option names of a client's TLS, for clients that look for them in a wrong place. */
export const TLS_CLIENT_OPTIONS: OptionNames<TlsClientOptions> = Object.freeze({
  ...SHARED_OPTIONS,
  servername: true,
  handshakeTimeoutMs: true,
  sessions: true,
});
const DEFAULT_HANDSHAKE_TIMEOUT_MS = 20_000;

/** A client's options, checked, with the certificates read. */
export interface TlsClientSettings {
  readonly server: ServerIdentity;
  /** Created from the options, or ready-made: the latter is for node:tls only. */
  readonly context: ClientContext | SecureContext;
  readonly alpnProtocols: string[] | undefined;
  readonly rejectUnauthorized: boolean;
  /** 0 means no limit. */
  readonly handshakeTimeoutMs: number;
  readonly sessions: TlsSessionCache | undefined;
  readonly keyLog: ((line: string) => void) | undefined;
  /** Whether the client has no certificate of its own. */
  readonly isAnonymous: boolean;
  /**
   * Two settings have the same fingerprint only if their options are equal. A resumed session skips verification, so
   * sessions must not be shared between different options.
   */
  readonly fingerprint: string;
}

/**
 * Checks a client's options, and creates the context for the path that connections of `loop` take. A client certificate
 * is optional.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid; StreamConnectError `ERR_STREAM_TLS` if a file is
 *   unusable.
 */
export function resolveTlsClientOptions(
  options: TlsClientOptions & { readonly servername: string },
  loop: IOLoop,
): TlsClientSettings {
  requireTlsOptions(options, TLS_CLIENT_OPTIONS);
  const { secureContext, sessions } = options;
  if (sessions !== undefined && !(sessions instanceof TlsSessionCache))
    throw tlsUsage(`sessions must be a TlsSessionCache, got ${shownValue(sessions)}`);
  const keyLog = readKeyLog(options.keyLog);
  const server = serverIdentity(options.servername);
  const alpnProtocols = readAlpn(options.alpnProtocols);
  const rejectUnauthorized = options.rejectUnauthorized ?? true;
  const handshakeTimeoutMs = requireTimeout(options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS, 0);
  const others = `${rejectUnauthorized} ${JSON.stringify(alpnProtocols ?? [])}`;
  const shared = { server, alpnProtocols, rejectUnauthorized, handshakeTimeoutMs, sessions, keyLog };
  if (secureContext !== undefined) {
    requireOnlyContext(options, CONTEXT_KEYS);
    const fingerprint = `${numberOf(secureContext)} ${others}`;
    return { ...shared, context: secureContext, isAnonymous: false, fingerprint };
  }
  const { credentials } = readCredentials(options, readTerms(options));
  const fingerprint = `${identityOf(options, credentials)} ${others}`;
  const keepsSessions = sessions !== undefined;
  const logsKeys = keyLog !== undefined;
  const context = clientContext(`${fingerprint} ${keepsSessions} ${logsKeys}`, {
    credentials,
    alpnProtocols,
    rejectUnauthorized,
    keepsSessions,
    logsKeys,
  });
  const binding = nativeTls(loop);
  if (binding === undefined) context.secureContext();
  else context.nativeContext(binding);
  return { ...shared, context, isAnonymous: credentials.cert === undefined, fingerprint };
}

/**
 * As {@link resolveTlsClientOptions}, for the forms of the option `tls` of a connection to `host`.
 *
 * @param sessions - used unless the options have others.
 */
export function connectTlsSettings(
  tls: true | TlsClientOptions | SecureContext,
  host: string,
  sessions: TlsSessionCache | undefined,
  loop: IOLoop,
): TlsClientSettings {
  const isObject = typeof tls === 'object' && tls !== null && !Array.isArray(tls);
  if (!isObject && tls !== true)
    throw tlsUsage(`true or an object of options was expected, not ${shownValue(tls)}`);
  const options = tls === true ? {} : tls;
  const given: TlsClientOptions = isSecureContext(options) ? { secureContext: options } : options;
  const { servername = host } = given;
  // No separate limit for the handshake: the deadline of the connection covers it.
  const defaults = { handshakeTimeoutMs: 0, ...(sessions === undefined ? {} : { sessions }) };
  return resolveTlsClientOptions({ ...defaults, ...given, servername }, loop);
}

/**
 * Checks the TLS options of a client before there is a connection, as `TCPClient.connect` does: reads the files, and
 * creates what connections with these options use.
 *
 * @param options - `servername` may be missing.
 * @param loop - on which connections are made. Default: the loop of this thread.
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid; StreamConnectError `ERR_STREAM_TLS` if a file or a
 *   certificate is unusable.
 */
export function checkTlsClientOptions(options: TlsClientOptions, loop: IOLoop = IOLoop.current()): void {
  requireTlsOptions(options, TLS_CLIENT_OPTIONS);
  connectTlsSettings(options, 'localhost', CHECKED_SESSIONS, loop);
}

/** So that the context of a check is the one that a TCPClient uses, which keeps sessions. */
const CHECKED_SESSIONS = new TlsSessionCache(1);

/** The calls with which connections of `loop` perform TLS; `undefined` if node:tls does. */
export function nativeTls(loop: IOLoop): TlsBinding | undefined {
  const load = loop.reactor?.tls;
  return load !== undefined && 'binding' in load ? load.binding : undefined;
}

/** Sessions that were verified with other authorities must not be resumed. */
function identityOf(options: TlsClientOptions, credentials: SecureContextOptions): string {
  const trusted = credentials.ca === undefined ? numberOf(trustIdentity()) : '';
  const isDefault = CONTEXT_KEYS.every((key) => options[key as keyof TlsClientOptions] === undefined);
  const { minVersion, maxVersion } = credentials;
  return `${trusted} ${isDefault ? `${minVersion} ${maxVersion}` : hashOf(credentials)}`;
}

/** Objects whose contents cannot or need not be compared are compared by identity. */
const numbers = new WeakMap<object, string>();
let lastNumber = 0;

function numberOf(object: object): string {
  let number = numbers.get(object);
  if (number === undefined) {
    lastNumber += 1;
    number = `#${lastNumber}`;
    numbers.set(object, number);
  }
  return number;
}

function hashOf(credentials: SecureContextOptions): string {
  const hash = createHash('sha256');
  for (const [name, value] of Object.entries(credentials).sort()) {
    for (const piece of [value].flat() as (string | Buffer)[]) {
      hash.update(`\0${name} ${Buffer.byteLength(piece)}\0`).update(piece);
    }
  }
  return hash.digest('base64');
}
