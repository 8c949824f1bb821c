import { createHash } from 'node:crypto';
import type { IOLoop } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type SharedSecret, sharedSecret } from '@landspout/ioloop/processes';

/** Length of the keys of one generation, in Node's layout: 16 bytes each of name, HMAC-SHA-256 and AES-128-CBC. */
export const TICKET_KEY_BYTES = 48;

/** Where the keys of a server come from. */
export interface TicketKeysSource {
  /** Keys of {@link TICKET_KEY_BYTES} bytes that are not renewed; `undefined` for keys that are renewed every 12 h. */
  readonly fixed: Uint8Array | undefined;
  /**
   * All certificates of the server, as PEM. Renewed keys belong to them, so that a server cannot resume the sessions of
   * another server of the same program which has other certificates. Otherwise an attacker who redirects a client to
   * another port could let the wrong server respond, without a certificate for the name that the client expects.
   */
  readonly certificates: readonly (string | Uint8Array)[];
}

/**
 * The keys that encrypt the session tickets of a server. Without fixed keys, all children of one server have the same
 * keys, which are renewed every 12 hours; tickets of the generation before are still accepted.
 */
export class TlsTicketKeys {
  readonly #loop: IOLoop | undefined;
  #fixed: Uint8Array | undefined;
  /** What the renewed keys are for. */
  #purpose: string;
  #secret: SharedSecret | undefined;
  #version = 0;
  /** The key before a {@link reload}. */
  #replaced: Uint8Array | undefined;
  #current: Uint8Array | undefined;

  /** @param loop - its clock measures the time until the renewal. Default: the loop of this thread. */
  constructor({ fixed, certificates }: TicketKeysSource, loop?: IOLoop) {
    this.#loop = loop;
    this.#fixed = fixed;
    this.#purpose = purposeOf(certificates);
  }

  /**
   * Returns the current key, followed by the one before if there is one: 48 or 96 bytes, for `tlsContextTicketKeys`.
   * The first 48 are for `setTicketKeys` of node:tls.
   *
   * @returns the same object until the keys change. It must not be modified.
   */
  current(): Uint8Array {
    if (this.#fixed !== undefined) {
      this.#current ??= joined(this.#fixed, this.#replaced);
      return this.#current;
    }
    const secret = sharedSecret(this.#loop);
    if (this.#current !== undefined && secret === this.#secret && secret.version === this.#version) {
      return this.#current;
    }
    if (this.#secret !== undefined) this.#replaced = undefined; // by the generation before, which is another key now
    const [newest, before] = secret.derive(this.#purpose, TICKET_KEY_BYTES) as [Uint8Array, Uint8Array?];
    this.#current = joined(newest, this.#replaced ?? before);
    this.#secret = secret;
    this.#version = secret.version;
    return this.#current;
  }

  /**
   * Changes to the keys of another source. The key that was current is the second generation, until the next renewal
   * or, with fixed keys, until they change again. Does nothing if the source gives the same keys.
   */
  reload({ fixed, certificates }: TicketKeysSource): void {
    const purpose = purposeOf(certificates);
    const isSame =
      fixed === undefined
        ? this.#fixed === undefined && purpose === this.#purpose
        : this.#fixed !== undefined && Buffer.compare(fixed, this.#fixed) === 0;
    if (!isSame) {
      this.#replaced = this.current().subarray(0, TICKET_KEY_BYTES);
      this.#current = undefined;
      this.#secret = undefined;
      this.#fixed = fixed;
    }
    this.#purpose = purpose;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isFixed: this.#fixed !== undefined }));
  }
}

function purposeOf(certificates: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const pem of certificates) hash.update(pem).update('\0');
  return `keys of TLS session tickets, ${hash.digest('hex')}`;
}

function joined(newest: Uint8Array, before: Uint8Array | undefined): Uint8Array {
  return Buffer.concat(before === undefined ? [newest] : [newest, before]);
}
