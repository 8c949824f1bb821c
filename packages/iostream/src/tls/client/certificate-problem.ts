import type { X509Certificate } from 'node:crypto';
import { printable } from '@landspout/ioloop/errors';

const MAX_NAMES_CHARS = 200;

/**
 * Says what is wrong with the certificate of a server and what can be done about it. The names of options are those of
 * the option `tls`.
 *
 * @param code - why it does not verify, as node:tls names it.
 * @param host - the name or the address that it should have.
 * @param certificate - if it is known; text of it is clipped and escaped.
 * @param now - the time of the system, in milliseconds.
 */
export function certificateProblem(
  code: string,
  host: string,
  certificate: X509Certificate | undefined,
  now = Date.now(),
): string {
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `it is for ${namesOf(certificate)}, not for ${host}; if this is the right server, set tls.servername to a name that the certificate has`;
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return `it is self-signed${issuerOf(certificate)} and not trusted; if this is the right server, pass the certificate as tls.ca or tls.caFile`;
    case 'SELF_SIGNED_CERT_IN_CHAIN':
      return `no trusted authority has issued it${issuerOf(certificate)}; ${TRUST_AUTHORITY}`;
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return `its issuer is not known${issuerOf(certificate)}; ${TRUST_AUTHORITY}, or have the server send its intermediate certificates`;
    case 'CERT_HAS_EXPIRED':
      return `${expiry(certificate, now)}; renew it, or correct the clock of this system, which shows ${isoDate(now)}`;
    case 'CERT_NOT_YET_VALID':
      return `${start(certificate, now)}; correct the clock of this system, which shows ${isoDate(now)}, or wait`;
    case 'CERT_REVOKED':
      return `it was revoked${issuerOf(certificate)}`;
    case 'UNABLE_TO_GET_CRL':
      return `there is no revocation list of its issuer${issuerOf(certificate)}; add the list to tls.crl or tls.crlFile`;
    case 'CRL_HAS_EXPIRED':
      return `the revocation list of its issuer has expired${issuerOf(certificate)}; replace the list in tls.crl or tls.crlFile`;
    default:
      return `it does not verify${issuerOf(certificate)}`;
  }
}

const TRUST_AUTHORITY =
  'if this is the right server, pass the certificate of its authority as tls.ca or tls.caFile';

/** The names in the certificate, such as `DNS:a.example, IP Address:127.0.0.1`. */
function namesOf(certificate: X509Certificate | undefined): string {
  if (certificate === undefined) return 'another name';
  const { subjectAltName } = certificate;
  if (subjectAltName !== undefined) return printable(subjectAltName, MAX_NAMES_CHARS);
  const subject = oneLine(certificate.subject);
  return subject === '' ? 'no name at all' : subject;
}

function issuerOf(certificate: X509Certificate | undefined): string {
  const issuer = certificate === undefined ? '' : oneLine(certificate.issuer);
  return issuer === '' ? '' : ` (issuer: ${issuer})`;
}

/** Node separates the parts of a distinguished name by line feeds. */
function oneLine(name: string | undefined): string {
  return printable((name ?? '').replaceAll('\n', ', '), MAX_NAMES_CHARS);
}

/** If the certificate of the server itself is valid, it is another one of its chain that is not. */
function expiry(certificate: X509Certificate | undefined, now: number): string {
  const end = certificate === undefined ? Number.NaN : Date.parse(certificate.validTo);
  return end < now ? `it expired on ${isoDate(end)}` : `it, or a certificate of its chain, has expired`;
}

function start(certificate: X509Certificate | undefined, now: number): string {
  const begin = certificate === undefined ? Number.NaN : Date.parse(certificate.validFrom);
  return begin > now
    ? `it is not valid before ${isoDate(begin)}`
    : `it, or a certificate of its chain, is not yet valid`;
}

/** Without milliseconds, which certificates do not have either. */
function isoDate(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
