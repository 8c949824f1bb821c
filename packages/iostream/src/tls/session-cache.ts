import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { StreamUsageError } from '../errors.ts';

/** A session that a server issued for a client to resume. */
export interface KeptSession {
  /** In OpenSSL's encoding (DER), which contains the certificate of the server and keys of the connection. */
  readonly session: Buffer;
}

const DEFAULT_MAX_SESSIONS = 100;
/** Servers issue two for a full handshake; simultaneous connections to the same server add more. */
const MAX_SESSIONS_PER_KEY = 4;

/**
 * Keeps TLS sessions for a client to resume, which saves both sides most of the next handshake with the same server.
 *
 * Sessions are stored by address, server name and set of options. Each session is used only once, since an observer
 * could link connections that present the same ticket (RFC 8446 §C.4). Sessions contain connection keys, so they are
 * kept in memory only. If the cache is full, it drops a session: the oldest one of the key that was least recently
 * stored to.
 */
export class TlsSessionCache {
  readonly #maxSessions: number;
  /** The key to which a session was stored most recently is last; within a key, the newest session is last. */
  readonly #byKey = new Map<string, KeptSession[]>();
  #size = 0;

  /** @param maxSessions - at least 1; each session uses a few KiB. Default: 100. */
  constructor(maxSessions = DEFAULT_MAX_SESSIONS) {
    if (!Number.isInteger(maxSessions) || maxSessions < 1) {
      throw new StreamUsageError(
        'ERR_STREAM_USAGE',
        `TlsSessionCache: maxSessions must be a whole number of 1 or more, got ${shownValue(maxSessions)}`,
      );
    }
    this.#maxSessions = maxSessions;
  }

  get size(): number {
    return this.#size;
  }

  /** Removes and returns the newest session for `key`. */
  take(key: string): KeptSession | undefined {
    const sessions = this.#byKey.get(key);
    const latest = sessions?.pop();
    if (latest === undefined) return undefined;
    this.#size -= 1;
    if (sessions?.length === 0) this.#byKey.delete(key);
    return latest;
  }

  /** Adds a session that a server issued. */
  put(key: string, kept: KeptSession): void {
    const sessions = this.#byKey.get(key) ?? [];
    this.#byKey.delete(key);
    this.#byKey.set(key, sessions);
    sessions.push(kept);
    this.#size += 1;
    if (sessions.length > MAX_SESSIONS_PER_KEY) this.#dropOldest(key, sessions);
    if (this.#size <= this.#maxSessions) return;
    const [oldest] = this.#byKey;
    if (oldest !== undefined) this.#dropOldest(...oldest);
  }

  /** Removes all sessions, so that the next connections verify their servers again. */
  clear(): void {
    this.#byKey.clear();
    this.#size = 0;
  }

  [INSPECT](): object {
    return inspection(this, ['size'], () => ({ maxSessions: this.#maxSessions }));
  }

  #dropOldest(key: string, sessions: KeptSession[]): void {
    sessions.shift();
    this.#size -= 1;
    if (sessions.length === 0) this.#byKey.delete(key);
  }
}
