import tls, { type SecureContext, type SecureContextOptions } from 'node:tls';
import type { TlsBinding } from '@landspout/ioloop/reactor';
import { createContext } from '../credentials.ts';
import { type NativeContext, openNativeContext } from '../native-context.ts';
import { trustDefaults } from '../trust-store.ts';

/** What the contexts of a client are created from. */
export interface ClientContextOptions {
  readonly credentials: SecureContextOptions;
  readonly alpnProtocols: readonly string[] | undefined;
  readonly rejectUnauthorized: boolean;
  readonly keepsSessions: boolean;
  readonly logsKeys: boolean;
}

/**
 * The contexts of clients with equal options: one for node:tls and one for the native calls, each created when a
 * connection first needs it.
 */
export class ClientContext {
  readonly #options: ClientContextOptions;
  #secureContext: SecureContext | undefined;
  #native: NativeContext | undefined;

  constructor(options: ClientContextOptions) {
    this.#options = options;
  }

  /** For node:tls. @throws StreamConnectError `ERR_STREAM_TLS` if OpenSSL refuses the certificates or options. */
  secureContext(): SecureContext {
    this.#secureContext ??= createContext(this.#options.credentials);
    return this.#secureContext;
  }

  /** For the native calls; valid until {@link close}. @throws as {@link secureContext}. */
  nativeContext(binding: TlsBinding): NativeContext {
    if (this.#native === undefined) {
      const { credentials, alpnProtocols, rejectUnauthorized, keepsSessions, logsKeys } = this.#options;
      this.#native = openNativeContext(binding, {
        isServer: false,
        credentials,
        verify: rejectUnauthorized ? 2 : 1,
        alpnProtocols,
        keepsSessions,
        keyLog: logsKeys,
        trust: trustDefaults(binding, credentials.crl === undefined),
      });
    }
    return this.#native;
  }

  /** Frees the native context. Connections keep what they need, and a later call creates another one. */
  close(): void {
    this.#native?.close();
    this.#native = undefined;
  }
}

/**
 * How many contexts a thread keeps for reuse. Each can hold a list of authorities, and a program rarely has more sets of
 * options at the same time.
 */
const MAX_CONTEXTS = 32;

/** The key of the context that was used most recently is last. */
const contexts = new Map<string, ClientContext>();
/** Node's defaults with which the contexts are created: a program may change them. */
let nodeDefaults: readonly [ciphers: string, groups: string] = ['', ''];

/**
 * Returns the context for options, which connections share.
 *
 * @param key - equal for equal options only.
 */
export function clientContext(key: string, options: ClientContextOptions): ClientContext {
  const { DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE } = tls;
  if (nodeDefaults[0] !== DEFAULT_CIPHERS || nodeDefaults[1] !== DEFAULT_ECDH_CURVE) {
    nodeDefaults = [DEFAULT_CIPHERS, DEFAULT_ECDH_CURVE];
    for (const outdated of contexts.keys()) drop(outdated);
  }
  const context = contexts.get(key) ?? new ClientContext(options);
  contexts.delete(key);
  contexts.set(key, context);
  const [oldest = ''] = contexts.keys();
  if (contexts.size > MAX_CONTEXTS) drop(oldest);
  return context;
}

function drop(key: string): void {
  contexts.get(key)?.close();
  contexts.delete(key);
}
