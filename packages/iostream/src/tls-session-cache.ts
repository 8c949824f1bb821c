import { StreamUsageError } from './stream-errors.ts';

const DEFAULT_MAX_SESSIONS = 100;

/**
 * Sessions that a client may go on with, which spares both sides most of the next handshake with the same server.
 *
 * A session is kept for one address, server name and set of options, the latest only, and is handed out once: a
 * ticket that is shown twice would tie connections together for whoever listens (RFC 8446 §C.4). It holds the keys
 * of connections, so it stays in memory. When the cache is full the oldest goes.
 */
export class TlsSessionCache {
  readonly #maxSessions: number;
  readonly #sessions = new Map<string, Buffer>();

  /** @param maxSessions - 1 or more, of about 2 KiB each. Default 100. */
  constructor(maxSessions = DEFAULT_MAX_SESSIONS) {
    if (!Number.isInteger(maxSessions) || maxSessions < 1) {
      throw new StreamUsageError(
        'ERR_STREAM_USAGE',
        `TlsSessionCache: maxSessions of 1 or more was expected, not ${maxSessions}`,
      );
    }
    this.#maxSessions = maxSessions;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** For a connection that is about to be made. */
  take(key: string): Buffer | undefined {
    const session = this.#sessions.get(key);
    this.#sessions.delete(key);
    return session;
  }

  /** For a connection that was given a session. */
  put(key: string, session: Buffer): void {
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    if (this.#sessions.size <= this.#maxSessions) return;
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined) this.#sessions.delete(oldest);
  }

  /** Forgets all of them: the next connections verify their servers anew. */
  clear(): void {
    this.#sessions.clear();
  }
}
