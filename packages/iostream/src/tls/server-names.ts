import { X509Certificate } from 'node:crypto';
import type { SecureContext } from 'node:tls';

/** A certificate of a server, with its context. */
export interface NamedContext {
  readonly context: SecureContext;
  /** The host names to use it for, in lower case; `undefined` for the names in the certificate. */
  readonly names: readonly string[] | undefined;
  /** PEM; the server's own certificate comes first. */
  readonly cert: string | Buffer;
}

/** Selects the certificate for the host name that a client requests (RFC 6066 §3). */
export class TlsServerNames {
  readonly #entries: readonly { readonly context: SecureContext; match(name: string): string | undefined }[];

  constructor(certificates: readonly NamedContext[]) {
    this.#entries = certificates.map(({ context, names, cert }) => {
      if (names !== undefined) return { context, match: (name) => matchName(names, name) };
      const certificate = new X509Certificate(cert);
      return { context, match: (name) => certificate.checkHost(name) };
    });
  }

  /**
   * Returns the context of the first certificate with exactly this name; otherwise of the first with a matching
   * wildcard.
   */
  find(servername: string): SecureContext | undefined {
    const wanted = servername.toLowerCase();
    let wildcard: SecureContext | undefined;
    for (const { context, match } of this.#entries) {
      const found = match(wanted);
      if (found === undefined) continue;
      if (found.toLowerCase() === wanted) return context;
      wildcard ??= context;
    }
    return wildcard;
  }
}

/** RFC 6125 §6.4.3: a wildcard is the complete leftmost label, and matches one label. */
function matchName(names: readonly string[], wanted: string): string | undefined {
  if (names.includes(wanted)) return wanted;
  const dot = wanted.indexOf('.');
  const wildcard = dot > 0 ? `*${wanted.slice(dot)}` : '';
  return names.includes(wildcard) ? wildcard : undefined;
}
