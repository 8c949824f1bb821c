import { createHash } from 'node:crypto';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import type { OptionNames } from '@landspout/ioloop/errors';
import {
  CONTEXT_KEYS,
  readAlpn,
  readContext,
  readTerms,
  requireOnlyContext,
  requireTimeout,
  requireTlsOptions,
  SHARED_OPTIONS,
} from './credentials.ts';
import { isSecureContext } from './node-tls-adapter.ts';
import type { TlsClientOptions } from './options.ts';
import type { TlsSessionCache } from './session-cache.ts';

const CLIENT_OPTIONS: OptionNames<TlsClientOptions> = {
  ...SHARED_OPTIONS,
  servername: true,
  handshakeTimeoutMs: true,
  sessions: true,
};
const DEFAULT_HANDSHAKE_TIMEOUT_MS = 20_000;

/** A client's options, checked, with the certificates read. */
export interface TlsClientSettings {
  readonly secureContext: SecureContext;
  readonly alpnProtocols: string[] | undefined;
  readonly rejectUnauthorized: boolean;
  /** 0 means no limit. */
  readonly handshakeTimeoutMs: number;
  readonly sessions: TlsSessionCache | undefined;
  /**
   * Two settings have the same fingerprint only if their options are equal. A resumed session skips verification, so
   * sessions must not be shared between different options.
   */
  readonly fingerprint: string;
}

/**
 * Checks a client's options. A client certificate is optional.
 *
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is invalid; StreamConnectError `ERR_STREAM_TLS` if a file is
 *   unusable.
 */
export function resolveTlsClientOptions(given: TlsClientOptions | SecureContext): TlsClientSettings {
  const options: TlsClientOptions = isSecureContext(given) ? { secureContext: given } : given;
  requireTlsOptions(options, CLIENT_OPTIONS);
  const alpnProtocols = readAlpn(options.alpnProtocols);
  const rejectUnauthorized = options.rejectUnauthorized ?? true;
  const { secureContext, identity } = toSecureContext(options);
  return {
    secureContext,
    alpnProtocols,
    rejectUnauthorized,
    handshakeTimeoutMs: requireTimeout(options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS, 0),
    sessions: options.sessions,
    fingerprint: `${identity} ${rejectUnauthorized} ${JSON.stringify(alpnProtocols ?? [])}`,
  };
}

function toSecureContext(options: TlsClientOptions): { secureContext: SecureContext; identity: string } {
  const { secureContext } = options;
  if (secureContext !== undefined) {
    requireOnlyContext(options, CONTEXT_KEYS);
    return { secureContext, identity: numberOf(secureContext) };
  }
  if (CONTEXT_KEYS.every((key) => options[key as keyof TlsClientOptions] === undefined)) {
    defaultContext ??= readContext({}, readTerms({})).context;
    return { secureContext: defaultContext, identity: 'default' };
  }
  const { context, credentials } = readContext(options, readTerms(options));
  return { secureContext: context, identity: hashOf(credentials) };
}

/** Shared by all clients without options; trusts Node's list of authorities. */
let defaultContext: SecureContext | undefined;

/** The contents of a ready-made context cannot be inspected, so contexts are compared by identity. */
const numbers = new WeakMap<SecureContext, string>();
let lastNumber = 0;

function numberOf(context: SecureContext): string {
  let number = numbers.get(context);
  if (number === undefined) {
    lastNumber += 1;
    number = `context ${lastNumber}`;
    numbers.set(context, number);
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
