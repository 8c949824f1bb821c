import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { shownText } from '@landspout/ioloop/errors';

/** A certificate of a server, as far as its selection by name needs it. */
export interface NamedCertificate {
  /** The host names to use it for, in lower case; `undefined` for the names in the certificate. */
  readonly names: readonly string[] | undefined;
  /** PEM; the server's own certificate comes first. */
  readonly cert: string | Buffer;
  /** Of the certificate's key, such as `rsa`. */
  readonly keyType: string | undefined;
}

/**
 * Selects certificates for the host name that a client requests (RFC 6066 §3). Certificates are numbered in the order in
 * which they were given. One selection has at most one certificate for each type of key.
 */
export class TlsServerNames {
  /** The certificates for clients that request no name: the first, and those with the same names as the first. */
  readonly first: readonly number[];

  /** By name; the key of a wildcard starts with `*.`. Equal selections are the same object. */
  readonly #selections = new Map<string, readonly number[]>();

  constructor(certificates: readonly NamedCertificate[]) {
    const all = certificates.map((certificate) => {
      return [...new Set(certificate.names ?? namesOf(new X509Certificate(certificate.cert)))].sort();
    });
    const byName = new Map<string, number[]>();
    for (const [index, names] of all.entries()) {
      for (const name of names) {
        const having = byName.get(name);
        if (having === undefined) byName.set(name, [index]);
        else having.push(index);
      }
    }
    const equal = new Map<string, readonly number[]>();
    const select = (indices: readonly number[]): readonly number[] => {
      const selection = oneOfEachType(indices, certificates);
      const key = selection.join();
      const before = equal.get(key);
      if (before === undefined) equal.set(key, selection);
      return before ?? selection;
    };
    for (const [name, indices] of byName) this.#selections.set(name, select(indices));
    const [firstNames] = all;
    this.first = select([...all.keys()].filter((index) => all[index]?.join() === firstNames?.join()));
  }

  /**
   * Returns the certificates with exactly this name; otherwise those with a matching wildcard, which is the complete
   * leftmost label and matches one label (RFC 6125 §6.4.3). `undefined` if there are none.
   */
  find(servername: string): readonly number[] | undefined {
    const wanted = servername.toLowerCase();
    const exact = this.#selections.get(wanted);
    if (exact !== undefined) return exact;
    const dot = wanted.indexOf('.');
    return dot > 0 ? this.#selections.get(`*${wanted.slice(dot)}`) : undefined;
  }
}

/** RFC 1123 §2.1. The underscore is not allowed in host names, but names in use have it. */
const HOST_NAME =
  /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;
const MAX_HOST_NAME_LENGTH = 253;

/**
 * Describes why a client can never request this name: it is neither a host name, nor a wildcard that is the complete
 * first label. `undefined` if it is one.
 */
export function nameProblem(name: string): string | undefined {
  const host = name.startsWith('*.') ? name.slice(2) : name;
  // RFC 6066 §3 excludes literal addresses.
  if (isIP(host) === 0 && host.length <= MAX_HOST_NAME_LENGTH && HOST_NAME.test(host)) return undefined;
  const ascii = domainToASCII(host);
  const isInternational = ascii.startsWith('xn--') || ascii.includes('.xn--');
  const remedy =
    isInternational && ascii !== host ? `; write it as ${shownText(name.replace(host, ascii))}` : '';
  return `a host name such as a.example, or a wildcard such as *.example, was expected, not ${shownText(name)}${remedy}`;
}

/** A certificate's subject alternative names as Node writes them: `DNS:a.example, IP Address:127.0.0.1`. */
const ALTERNATIVE_NAME = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g;

/** RFC 6125 §6.4.4: the common name counts only if there is no alternative name that is a host name. */
function namesOf(certificate: X509Certificate): string[] {
  const alternatives = [...(certificate.subjectAltName ?? '').matchAll(ALTERNATIVE_NAME)];
  const names = alternatives.filter(([, kind]) => kind === 'DNS').map(([, , name = '']) => name);
  const [, commonName] = /^CN=(.+)$/m.exec(certificate.subject) ?? [];
  if (names.length === 0 && commonName !== undefined) names.push(commonName);
  return names.map((name) => name.toLowerCase());
}

function oneOfEachType(
  indices: readonly number[],
  certificates: readonly NamedCertificate[],
): readonly number[] {
  const types = new Set<string | undefined>();
  return indices.filter((index) => {
    const type = certificates[index]?.keyType;
    const isFirst = !types.has(type);
    types.add(type);
    return isFirst;
  });
}
