import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { shownValue } from '@landspout/ioloop/errors';
import { tlsUsage } from '../credentials.ts';

/** Which server a client expects. */
export interface ServerIdentity {
  /** The name or the numeric address that the certificate must have. */
  readonly host: string;
  /** Sent to the server (SNI); empty if the host is an address, since only names are allowed (RFC 6066 §3). */
  readonly servername: string;
  /** Whether `host` is an address. */
  readonly isAddress: boolean;
}

/** A host name has at most 253 characters (RFC 1035 §2.3.4). */
const MAX_NAME_CHARS = 253;
/** Characters that are in no host name; a NUL could hide what follows it. */
const NOT_IN_A_NAME = /[\0-\x20\x7f]/;
const NOT_ASCII = /[^\0-\x7f]/;

/**
 * Checks the name of a server and brings it into the form of certificates: without a trailing dot, and international
 * names in ASCII.
 *
 * @param name - a host name or a numeric address.
 * @throws StreamUsageError `ERR_STREAM_USAGE` if it is neither.
 */
export function serverIdentity(name: unknown): ServerIdentity {
  if (typeof name === 'string') {
    // The zone of a link-local address belongs to this machine only.
    if (isIP(name) !== 0) return { host: name.replace(/%.*$/s, ''), servername: '', isAddress: true };
    const ascii = NOT_ASCII.test(name) ? domainToASCII(name) : name;
    const host = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
    // OpenSSL would take a leading dot for every name below the rest.
    const hasLabels = host.split('.').every((label) => label !== '');
    const isName = hasLabels && host.length <= MAX_NAME_CHARS && !NOT_IN_A_NAME.test(host);
    if (isName) return { host, servername: host, isAddress: false };
  }
  throw tlsUsage(
    `servername must be a host name of 1 to ${MAX_NAME_CHARS} characters or a numeric address, got ${shownValue(name)}`,
  );
}

/**
 * Whether a certificate is for the server that a client expects, by the same checks of OpenSSL as in native TLS: an
 * address matches only addresses, a wildcard stands for one whole label (RFC 9525 §6.3), and the common name counts only
 * if the certificate has no DNS name.
 */
export function isCertificateFor(certificate: X509Certificate, server: ServerIdentity): boolean {
  const { host, isAddress } = server;
  try {
    const match = isAddress ? certificate.checkIP(host) : certificate.checkHost(host, HOST_CHECK);
    return match !== undefined;
  } catch {
    // OpenSSL cannot compare a name whose type is not that of text. It is no match, as in OpenSSL's own verification.
    return false;
  }
}

const HOST_CHECK = { partialWildcards: false } as const;
