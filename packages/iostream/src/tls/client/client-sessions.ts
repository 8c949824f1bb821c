import type { SocketAddress } from '../../transport.ts';
import type { KeptSession, TlsSessionCache } from '../session-cache.ts';
import type { TlsClientSettings } from './client-settings.ts';

/**
 * The sessions of one connection of a client: the one that it offers to the server, and those that the server issues.
 * Sessions are kept by address, name and options, and only after the server was verified.
 */
export class ClientSessions {
  /** The session to offer for resumption, in OpenSSL's encoding. */
  readonly offered: Buffer | undefined;

  readonly #cache: TlsSessionCache | undefined;
  readonly #key: string;
  readonly #kept: KeptSession | undefined;

  constructor({ sessions, server, fingerprint }: TlsClientSettings, remoteAddress: SocketAddress) {
    this.#cache = sessions;
    this.#key =
      sessions === undefined ? '' : `${JSON.stringify(remoteAddress)} ${server.host} ${fingerprint}`;
    this.#kept = sessions?.take(this.#key);
    this.offered = this.#kept?.session;
  }

  /** Whether sessions are kept at all. */
  get areKept(): boolean {
    return this.#cache !== undefined;
  }

  /** Called when the offered session was resumed. */
  resumed(protocol: string | null): void {
    // A TLS 1.2 session is reusable, and resuming it does not issue a new one: put it back.
    if (this.#kept !== undefined && protocol !== 'TLSv1.3') this.#cache?.put(this.#key, this.#kept);
  }

  /** Called for each session that the verified server issues. @param session - in OpenSSL's encoding. */
  issued(session: Buffer): void {
    this.#cache?.put(this.#key, { session });
  }
}
