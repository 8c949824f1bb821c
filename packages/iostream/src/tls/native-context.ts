import { createPrivateKey, X509Certificate } from 'node:crypto';
import tls, { type SecureContextOptions } from 'node:tls';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { TlsBinding } from '@landspout/ioloop/reactor';
import { StreamConnectError } from '../errors.ts';
import { divideCiphers } from './cipher-list.ts';
import { type Pem, pemBlocks } from './pem.ts';

export interface NativeContextOptions {
  readonly isServer: boolean;
  /** As read by `credentials.ts`. `cert` and `key` may be lists of the same length, one pair for each type of key. */
  readonly credentials: SecureContextOptions;
  /** As for `tlsContextVerify`. */
  readonly verify: 0 | 1 | 2;
  readonly alpnProtocols?: readonly string[] | undefined;
  /** Whether a server stops each handshake to choose a context by name. */
  readonly byName?: boolean;
  /** Whether a client collects the sessions that servers issue. */
  readonly keepsSessions?: boolean;
  readonly keyLog?: boolean;
  /** Adds the default authorities. Called if `credentials` has no `ca` and `verify` is not 0. */
  readonly trust?: ((context: number) => void) | undefined;
}

/**
 * A context of the native binding: certificates, trusted authorities and options in OpenSSL's form. It is closed when
 * it is garbage collected too; its connections keep what they need.
 */
export class NativeContext {
  /** The context's number in the calls of the binding. */
  readonly number: number;

  readonly #binding: TlsBinding;
  #ticketKeys: Uint8Array | undefined;
  #isOpen = true;

  /** Takes ownership of the context `number`. */
  constructor(binding: TlsBinding, number: number) {
    this.#binding = binding;
    this.number = number;
    registry.register(this, { binding, number }, this);
  }

  /**
   * Uses these keys for session tickets from now on. Does nothing if they are the same object as in the last call.
   *
   * @param keys - as for `tlsContextTicketKeys`. Must not be modified after the call.
   */
  setTicketKeys(keys: Uint8Array): void {
    if (keys === this.#ticketKeys) return;
    this.#binding.tlsContextTicketKeys(this.number, keys);
    this.#ticketKeys = keys;
  }

  /** Idempotent. Connections of this context stay open. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    registry.unregister(this);
    this.#binding.tlsContextClose(this.number);
  }

  [INSPECT](): object {
    return inspection(this, ['number'], () => ({ isOpen: this.#isOpen }));
  }
}

const registry = new FinalizationRegistry<{ readonly binding: TlsBinding; readonly number: number }>(
  ({ binding, number }) => binding.tlsContextClose(number),
);

/**
 * Creates a context from credentials that were read and checked.
 *
 * @throws StreamConnectError `ERR_STREAM_TLS` if OpenSSL refuses a part of them.
 */
export function openNativeContext(binding: TlsBinding, options: NativeContextOptions): NativeContext {
  const context = new NativeContext(binding, binding.tlsContextOpen(options.isServer));
  try {
    configure(binding, context, options);
    return context;
  } catch (cause) {
    context.close();
    if (cause instanceof StreamConnectError) throw cause;
    const { message } = cause as Error;
    throw new StreamConnectError(
      'ERR_STREAM_TLS',
      `tls: the certificates, keys or ciphers cannot be used: ${message}`,
      { cause },
    );
  }
}

function configure(binding: TlsBinding, context: NativeContext, options: NativeContextOptions): void {
  const { isServer, credentials, verify, alpnProtocols, byName, keepsSessions, keyLog, trust } = options;
  const { number } = context;
  setVersionsAndCiphers(binding, number, credentials);
  addCertificates(binding, number, credentials);
  if (credentials.ca !== undefined) {
    for (const der of certificatesOf(credentials.ca)) binding.tlsContextTrust(number, der, isServer);
  } else if (verify > 0) {
    trust?.(number);
  }
  for (const der of revocationsOf(credentials.crl)) binding.tlsContextRevocations(number, der);
  binding.tlsContextVerify(number, verify);
  const { sessionIdContext, ticketKeys } = credentials;
  if (sessionIdContext !== undefined) binding.tlsContextSessionId(number, Buffer.from(sessionIdContext));
  if (ticketKeys !== undefined) context.setTicketKeys(ticketKeys);
  if (alpnProtocols !== undefined) binding.tlsContextAlpn(number, encodeAlpn(alpnProtocols));
  if (byName) binding.tlsContextByName(number);
  if (keepsSessions) binding.tlsContextSessions(number);
  if (keyLog) binding.tlsContextKeyLog(number);
}

const TLS_1_2 = 0x0303;
const TLS_1_3 = 0x0304;

/** A list without suites of TLS 1.2 turns that version off, as in Node; OpenSSL would use its own suites. */
function setVersionsAndCiphers(binding: TlsBinding, number: number, credentials: SecureContextOptions): void {
  const { ciphers, minVersion, maxVersion } = credentials;
  const { list, suites } = divideCiphers(ciphers);
  const least = minVersion === 'TLSv1.3' || list === '' ? TLS_1_3 : TLS_1_2;
  const most = maxVersion === 'TLSv1.2' ? TLS_1_2 : TLS_1_3;
  binding.tlsContextVersions(number, least, most);
  binding.tlsContextCiphers(number, list, suites);
  const groups = credentials.ecdhCurve ?? tls.DEFAULT_ECDH_CURVE;
  if (groups !== 'auto') binding.tlsContextGroups(number, groups);
}

function addCertificates(binding: TlsBinding, number: number, credentials: SecureContextOptions): void {
  const { cert, key, passphrase } = credentials;
  if (cert === undefined || key === undefined) return;
  const keys = [key].flat();
  for (const [index, chain] of [cert].flat().entries()) {
    const [own, ...intermediates] = certificatesOf(chain);
    const given = keys[index];
    if (own === undefined || given === undefined) throw new Error('a certificate or its key is missing');
    const { pem, secret } =
      typeof given === 'object' && 'pem' in given
        ? { pem: given.pem, secret: given.passphrase ?? passphrase }
        : { pem: given, secret: passphrase };
    const privateKey = createPrivateKey({
      key: pem,
      ...(secret === undefined ? {} : { passphrase: secret }),
    });
    binding.tlsContextCertificate(number, own, privateKey.export({ format: 'der', type: 'pkcs8' }));
    for (const der of intermediates) binding.tlsContextChain(number, der);
  }
}

function certificatesOf(pem: Pem | readonly Pem[]): Buffer[] {
  return pemBlocks(pem, 'CERTIFICATE').map(({ text }) => new X509Certificate(text).raw);
}

function revocationsOf(pem: Pem | readonly Pem[] | undefined): Buffer[] {
  if (pem === undefined) return [];
  return pemBlocks(pem, 'X509 CRL').map(({ base64 }) => Buffer.from(base64, 'base64'));
}

/** RFC 7301 §3.1: one byte of length and the name, for each protocol. */
function encodeAlpn(protocols: readonly string[]): Buffer {
  return Buffer.concat(
    protocols.flatMap((name) => {
      const bytes = Buffer.from(name);
      return [Buffer.of(bytes.length), bytes];
    }),
  );
}
