import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { TlsBinding } from '@landspout/ioloop/reactor';
import { unknownNameError } from '../handshake-error.ts';
import { type NativeContext, openNativeContext } from '../native-context.ts';
import type { Pem } from '../pem.ts';
import { trustDefaults } from '../trust-store.ts';
import type { TlsServerSettings } from './server-settings.ts';
import type { TlsTicketKeys } from './ticket-keys.ts';

/**
 * The native contexts for one set of server settings: one for the first certificate, which each handshake starts with,
 * and one for each further selection of certificates, opened when a client requests its name for the first time.
 */
export class NativeServerContexts {
  readonly binding: TlsBinding;
  readonly settings: TlsServerSettings;

  readonly #ticketKeys: TlsTicketKeys;
  readonly #first: NativeContext;
  /** By selection of {@link TlsServerSettings.names}. Their number is limited by that of the names. */
  readonly #further = new Map<readonly number[], NativeContext>();
  #handshakes = 0;
  #isRetired = false;

  /**
   * @param ticketKeys - asked at each handshake.
   * @throws StreamConnectError `ERR_STREAM_TLS` if OpenSSL refuses the certificates or options.
   */
  constructor(binding: TlsBinding, settings: TlsServerSettings, ticketKeys: TlsTicketKeys) {
    this.binding = binding;
    this.settings = settings;
    this.#ticketKeys = ticketKeys;
    this.#first = this.#open(settings.names.first);
  }

  /**
   * Begins a handshake, which must be followed by one {@link end}, even if this call throws.
   *
   * @returns the number of the context to attach.
   */
  begin(): number {
    this.#handshakes += 1;
    this.#first.setTicketKeys(this.#ticketKeys.current());
    return this.#first.number;
  }

  end(): void {
    this.#handshakes -= 1;
    if (this.#isRetired && this.#handshakes === 0) this.#close();
  }

  /**
   * Chooses the context for a requested name.
   *
   * @returns its number, or 0 for the one that {@link begin} returned.
   * @throws StreamConnectError `ERR_STREAM_TLS` if there is no certificate for the name and others are refused, or if
   *   OpenSSL refuses the certificate.
   */
  choose(servername: string): number {
    const { names, refusesUnknownNames } = this.settings;
    const selection = names.find(servername);
    if (selection === undefined) {
      if (refusesUnknownNames) throw unknownNameError(servername);
      return 0;
    }
    if (selection === names.first) return 0;
    let context = this.#further.get(selection);
    if (context === undefined) {
      context = this.#open(selection);
      this.#further.set(selection, context);
    }
    return context.number;
  }

  /** Closes the contexts as soon as no handshake uses them. Established connections keep what they need. */
  retire(): void {
    this.#isRetired = true;
    if (this.#handshakes === 0) this.#close();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      contexts: 1 + this.#further.size,
      handshakes: this.#handshakes,
      isRetired: this.#isRetired,
      binding: undefined,
      settings: undefined,
    }));
  }

  #open(selection: readonly number[]): NativeContext {
    const { certificates, alpnProtocols, requestCert, rejectUnauthorized, selectsByName, keyLog } =
      this.settings;
    const chosen = selection.map((index) => certificates[index]?.credentials ?? {});
    const [terms] = chosen;
    return openNativeContext(this.binding, {
      isServer: true,
      credentials: {
        ...terms,
        cert: chosen.map(({ cert }) => cert as Pem),
        key: chosen.map(({ key, passphrase }) => ({
          pem: key as Pem,
          ...(passphrase === undefined ? {} : { passphrase }),
        })),
      },
      verify: requestCert ? (rejectUnauthorized ? 2 : 1) : 0,
      alpnProtocols,
      byName: selectsByName,
      keyLog: keyLog !== undefined,
      trust: trustDefaults(this.binding, terms?.crl === undefined),
    });
  }

  #close(): void {
    this.#first.close();
    for (const context of this.#further.values()) context.close();
    this.#further.clear();
  }
}
