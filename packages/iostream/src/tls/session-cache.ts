import type { PeerCertificate } from 'node:tls';
import { shownValue } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { StreamUsageError } from '../errors.ts';

/** What a server gave a client to come back with. */
export interface KeptSession {
  readonly session: Buffer;
  /** The server's certificate, which the session stands for and does not contain. */
  readonly certificate: PeerCertificate | undefined;
}

const DEFAULT_MAX_SESSIONS = 100;
/** Servers give two for a full handshake; more come from connections that are made at once. */
const MAX_SESSIONS_PER_KEY = 4;

/**
 * Sessions that a client may go on with, which spares both sides most of the next handshake with the same server.
 *
 * Sessions are kept for one address, server name and set of options. Each is handed out once: a ticket that is
 * shown twice would tie connections together for whoever listens (RFC 8446 §C.4). They hold the keys of
 * connections, so they stay in memory. When the cache is full those go that were kept for longest.
 */
export class TlsSessionCache {
  readonly #maxSessions: number;
  /** The server that gave the latest is last, and so is the latest of each. */
  readonly #byKey = new Map<string, KeptSession[]>();
  #size = 0;

  /** @param maxSessions - 1 or more, of a few KiB each. Default 100. */
  constructor(maxSessions = DEFAULT_MAX_SESSIONS) {
    if (!Number.isInteger(maxSessions) || maxSessions < 1) {
      throw new StreamUsageError(
        'ERR_STREAM_USAGE',
        `TlsSessionCache: maxSessions of 1 or more was expected, not ${shownValue(maxSessions)}`,
      );
    }
    this.#maxSessions = maxSessions;
  }

  get size(): number {
    return this.#size;
  }

  /** The latest, for a connection that is about to be made. */
  take(key: string): KeptSession | undefined {
    const sessions = this.#byKey.get(key);
    const latest = sessions?.pop();
    if (latest === undefined) return undefined;
    this.#size -= 1;
    if (sessions?.length === 0) this.#byKey.delete(key);
    return latest;
  }

  /** For a connection that was given one. */
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

  /** Forgets all of them: the next connections verify their servers anew. */
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
