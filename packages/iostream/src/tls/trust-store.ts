import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import type { TlsBinding } from '@landspout/ioloop/reactor';
import { pemBlocks } from './pem.ts';

/** The authorities that Node trusts by default. */
interface DefaultAuthorities {
  /** As PEM text. */
  readonly certificates: readonly string[];
  /** Whether those that OpenSSL finds on this machine are trusted too (`--use-openssl-ca`). */
  readonly usesOpensslStore: boolean;
}

/**
 * Returns Node's list: the authorities that it contains, or those of the system or of OpenSSL if a flag says so, and
 * those of `NODE_EXTRA_CA_CERTS`.
 */
function defaultAuthorities(): DefaultAuthorities {
  const certificates = listOfNode();
  if (certificates === undefined) {
    ownList ??= makeOwnList();
    return ownList;
  }
  if (certificates !== listed?.certificates) {
    const isOpenssl = prefersOpensslStore() && !isReplaced(certificates);
    listed = { certificates, usesOpensslStore: isOpenssl };
  }
  return listed;
}

/**
 * Returns a function that makes a context trust what Node trusts by default. The authorities are parsed once; the
 * contexts share them.
 *
 * @param isShared - false for a context with revocation lists, which would apply to every context that shares its
 *   authorities.
 */
export function trustDefaults(binding: TlsBinding, isShared = true): (context: number) => void {
  return (context) => {
    const authorities = defaultAuthorities();
    if (!isShared) {
      trust(binding, context, authorities);
      return;
    }
    let holder = holders.get(binding);
    if (holder?.authorities !== authorities) {
      const previous = holder?.context;
      holder = { context: binding.tlsContextOpen(false), authorities };
      trust(binding, holder.context, authorities);
      holders.set(binding, holder);
      if (previous !== undefined) binding.tlsContextClose(previous);
    }
    binding.tlsContextTrustFrom(context, holder.context);
  };
}

/** An object that is the same in each call until the program replaces Node's list. */
export function trustIdentity(): object {
  return listOfNode() ?? UNCHANGED;
}

/** Node's list, which Node caches until `tls.setDefaultCACertificates` is called; `undefined` before Node 22.15. */
function listOfNode(): readonly string[] | undefined {
  return (tls as Partial<NodeLists>).getCACertificates?.('default');
}

const UNCHANGED = {};

interface NodeLists {
  getCACertificates(type: 'default' | 'bundled' | 'extra'): readonly string[];
}

/** A context that only holds the parsed authorities, for each thread. */
const holders = new WeakMap<
  TlsBinding,
  { readonly context: number; readonly authorities: DefaultAuthorities }
>();
let listed: DefaultAuthorities | undefined;
let ownList: DefaultAuthorities | undefined;

/** Read now, since Node uses the value that it was started with. */
const EXTRA_FILE = process.env.NODE_EXTRA_CA_CERTS;

function trust(binding: TlsBinding, context: number, authorities: DefaultAuthorities): void {
  if (authorities.usesOpensslStore) binding.tlsContextTrustDefault(context);
  for (const { base64 } of pemBlocks(authorities.certificates, 'CERTIFICATE'))
    binding.tlsContextTrust(context, Buffer.from(base64, 'base64'), false);
}

/** The list for a Node that does not report its own. */
function makeOwnList(): DefaultAuthorities {
  const usesOpensslStore = prefersOpensslStore();
  const certificates = [...(usesOpensslStore ? [] : tls.rootCertificates), ...extraCertificates()];
  return { certificates, usesOpensslStore };
}

/** Reads the file as Node does, which has warned of a failure when it started. */
function extraCertificates(): string[] {
  // As Node: a program with the rights of another user takes no file from the environment of its caller.
  if (EXTRA_FILE === undefined || EXTRA_FILE === '' || hasOtherRights()) return [];
  const found: string[] = [];
  try {
    for (const { text } of pemBlocks(readFileSync(EXTRA_FILE), 'CERTIFICATE')) {
      new X509Certificate(text);
      found.push(text);
    }
  } catch {
    // The certificates before an invalid one are trusted.
  }
  return found;
}

function hasOtherRights(): boolean {
  return process.getuid?.() !== process.geteuid?.() || process.getgid?.() !== process.getegid?.();
}

/** Whether Node trusts the authorities of OpenSSL instead of its own: by a flag, or as it was built. */
function prefersOpensslStore(): boolean {
  const flags = [...(process.env.NODE_OPTIONS ?? '').split(/\s+/), ...process.execArgv].map((flag) =>
    flag.replaceAll('_', '-'),
  );
  if (flags.includes('--use-bundled-ca')) return false;
  if (flags.includes('--use-openssl-ca')) return true;
  const { defines = [] } = process.config.target_defaults as { readonly defines?: readonly string[] };
  // Such as Debian's `nodejs`.
  return defines.includes('NODE_OPENSSL_CERT_STORE');
}

/** Whether the program has replaced the list of a Node that trusts the authorities of OpenSSL. */
function isReplaced(certificates: readonly string[]): boolean {
  const { getCACertificates } = tls as unknown as NodeLists;
  const extra = process.env.NODE_EXTRA_CA_CERTS ? getCACertificates('extra') : [];
  // With the flag, Node lists the additional ones only; a Node that was built so lists its own too.
  return ![extra, [...getCACertificates('bundled'), ...extra]].some(
    (list) =>
      list.length === certificates.length && list.every((each, index) => each === certificates[index]),
  );
}
