import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { Descriptor, TlsBinding } from '@landspout/ioloop/reactor';
import type { TlsInfo } from '../transport.ts';
import { verifyCodeOf } from './tls-failure.ts';

export interface NativeTlsInfoOptions {
  readonly isServer: boolean;
  /** Whether the peer's certificate was requested and verified: on a server that requests one, and on most clients. */
  readonly peerExpected: boolean;
}

/** Reads what the handshake on `descriptor` negotiated. Called once, when the handshake is complete. */
export function readNativeTlsInfo(
  binding: TlsBinding,
  descriptor: Descriptor,
  { isServer, peerExpected }: NativeTlsInfoOptions,
): TlsInfo {
  const { slot, generation } = descriptor;
  const [version, cipher, verifyResult, isResumed, alpnProtocol, servername] = binding.tlsFacts(
    slot,
    generation,
  );
  // Without a certificate, OpenSSL's result is that nothing was wrong with it. A server always presents one.
  const isPresented = peerExpected && !(isServer && binding.tlsPeerChain(slot, generation).length === 0);
  const authorizationError = isPresented ? verifyCodeOf(verifyResult) : undefined;
  return new NativeTlsInfo(binding, descriptor, {
    protocol: PROTOCOLS[version] ?? null,
    cipher: cipherName(binding, cipher),
    alpnProtocol: alpnProtocol === undefined ? false : interned(alpnProtocol),
    authorized: isPresented && authorizationError === undefined,
    authorizationError,
    servername: servername === undefined ? undefined : interned(servername.toLowerCase()),
    isSessionReused: isResumed === 1,
  });
}

/** The facts are read at once, and the certificate on demand: most programs never ask for it. */
class NativeTlsInfo implements TlsInfo {
  readonly protocol: string | null;
  readonly cipher: string | undefined;
  readonly alpnProtocol: string | false;
  readonly authorized: boolean;
  readonly authorizationError: string | undefined;
  readonly servername: string | undefined;
  readonly isSessionReused: boolean;

  readonly #binding: TlsBinding;
  readonly #slot: number;
  readonly #generation: number;
  #certificate: PeerCertificate | undefined;

  constructor(
    binding: TlsBinding,
    { slot, generation }: Descriptor,
    facts: Omit<TlsInfo, 'getPeerCertificate'>,
  ) {
    this.#binding = binding;
    this.#slot = slot;
    this.#generation = generation;
    this.protocol = facts.protocol;
    this.cipher = facts.cipher;
    this.alpnProtocol = facts.alpnProtocol;
    this.authorized = facts.authorized;
    this.authorizationError = facts.authorizationError;
    this.servername = facts.servername;
    this.isSessionReused = facts.isSessionReused;
  }

  getPeerCertificate(): PeerCertificate | undefined {
    this.#certificate ??= certificateOf(this.#binding, this.#slot, this.#generation);
    return this.#certificate;
  }

  [INSPECT](): object {
    return inspection(this, []);
  }
}

/** Returns the certificate as `node:tls` does; `undefined` without one, and if the connection is closed. */
function certificateOf(binding: TlsBinding, slot: number, generation: number): PeerCertificate | undefined {
  let chain: readonly Uint8Array[];
  try {
    chain = binding.tlsPeerChain(slot, generation);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_REACTOR_BAD_SLOT') return undefined;
    throw error;
  }
  const [own] = chain;
  return own === undefined ? undefined : toPeerCertificate(own);
}

/** Returns a certificate as `node:tls` does. @param der - in DER. */
export function toPeerCertificate(der: Uint8Array): PeerCertificate {
  const certificate = new X509Certificate(der).toLegacyObject();
  // Only here does the legacy object differ from what `node:tls` returns.
  const { infoAccess } = certificate as { infoAccess?: unknown };
  if (typeof infoAccess === 'string') certificate.infoAccess = accessMethods(infoAccess);
  return certificate;
}

/** @param text - lines of `method:location`. A location with special characters is a JSON string. */
function accessMethods(text: string): NonNullable<PeerCertificate['infoAccess']> {
  const methods: Record<string, string[]> = Object.create(null);
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const method = line.slice(0, colon);
    const location = line.slice(colon + 1);
    methods[method] ??= [];
    methods[method].push(location.startsWith('"') ? (JSON.parse(location) as string) : location);
  }
  return methods;
}

function cipherName(binding: TlsBinding, cipher: number): string | undefined {
  let name = cipherNames.get(cipher);
  if (name === undefined) {
    name = binding.tlsCipherName(cipher);
    if (name !== undefined) cipherNames.set(cipher, name);
  }
  return name;
}

/** Returns one string for all connections that have the same name, which saves memory on idle connections. */
function interned(name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  if (names.size === MOST_NAMES) names.clear();
  names.set(name, name);
  return name;
}

const PROTOCOLS: Readonly<Record<number, string>> = { 771: 'TLSv1.2', 772: 'TLSv1.3' };
/** Names come from clients, so their number must have a limit. */
const MOST_NAMES = 256;
const names = new Map<string, string>();
/** By IANA number. OpenSSL has a few dozen. */
const cipherNames = new Map<number, string>();
