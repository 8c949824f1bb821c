import { X509Certificate } from 'node:crypto';
import type { SecureContext } from 'node:tls';

/** A certificate of a server, ready to be shown. */
export interface NamedContext {
  readonly context: SecureContext;
  /** What it is shown for, in lower case; `undefined` for the names in the certificate. */
  readonly names: readonly string[] | undefined;
  /** PEM, the server's own certificate first. */
  readonly cert: string | Buffer;
}

/** Finds the certificate for the name that a client asks for (RFC 6066 §3). */
export class TlsServerNames {
  readonly #entries: readonly { readonly context: SecureContext; match(name: string): string | undefined }[];

  constructor(certificates: readonly NamedContext[]) {
    this.#entries = certificates.map(({ context, names, cert }) => {
      if (names !== undefined) return { context, match: (name) => matchName(names, name) };
      const certificate = new X509Certificate(cert);
      return { context, match: (name) => certificate.checkHost(name) };
    });
  }

  /** The context of the first certificate with exactly this name, else of the first with a wildcard for it. */
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

/** RFC 6125 §6.4.3: a wildcard is the whole leftmost label, and stands for one. */
function matchName(names: readonly string[], wanted: string): string | undefined {
  if (names.includes(wanted)) return wanted;
  const dot = wanted.indexOf('.');
  const wildcard = dot > 0 ? `*${wanted.slice(dot)}` : '';
  return names.includes(wildcard) ? wildcard : undefined;
}
