import type { Endpoint } from './endpoint.ts';
import { type ConnectionRules, LastingConnection } from './lasting-connection.ts';
import { failureOf, linkClosed, unavailable } from './link-errors.ts';
import type { LinkWatcher } from './redis-link.ts';
import type { ServerConnection } from './server-connection.ts';

/** Channels that one command subscribes to after a reconnection. */
const CHANNELS_AT_ONCE = 500;

/** The connection that receives the messages of channels. When it is lost, all channels are subscribed again. */
export class AnnouncementsConnection {
  readonly #connection: LastingConnection;
  readonly #rules: ConnectionRules;
  /** What receives the messages of each channel. */
  readonly #channels = new Map<string, (message: Buffer) => void>();
  readonly #watchers = new Set<LinkWatcher>();
  /** The latest connection on which channels were subscribed, also before it is ready. */
  #latest: ServerConnection | undefined;

  constructor(endpoint: Endpoint, rules: ConnectionRules) {
    this.#rules = rules;
    this.#connection = new LastingConnection({
      endpoint,
      rules,
      heard: (message, channel) => this.#hear(message, channel),
      prepare: (connection) => this.#subscribeAll(connection),
      lost: () => this.#notify('lost'),
      restored: () => this.#notify('restored'),
    });
  }

  get isConnected(): boolean {
    return this.#connection.current !== undefined;
  }

  open(): Promise<void> {
    return this.#connection.open();
  }

  /** Connects anew, although there is a connection. */
  renew(cause: Error): void {
    this.#connection.renew(cause);
  }

  /** Connects anew if another server is the one that is looked for. */
  recheck(): void {
    this.#connection.recheck();
  }

  /** A channel has one receiver: a second call replaces it. */
  async subscribe(channel: string, heard: (message: Buffer) => void): Promise<void> {
    const connection = this.#connection.current;
    if (this.#connection.isClosed) throw linkClosed();
    if (connection === undefined) {
      throw unavailable(
        'Redis is not connected, nothing was subscribed; try again when it is back',
        this.#connection.failure,
      );
    }
    this.#channels.set(channel, heard);
    try {
      await connection.subscribe([channel]);
    } catch (error) {
      // A connection that was made meanwhile may have subscribed to it.
      if (this.#channels.get(channel) === heard) this.unsubscribe(channel);
      const { address } = connection;
      throw failureOf({ operation: 'subscribe', address, wasSent: false, isScript: false }, error);
    }
  }

  unsubscribe(channel: string): void {
    if (!this.#channels.delete(channel)) return;
    this.#latest?.unsubscribe([channel]).catch(() => {}); // the connection has ended
  }

  watch(watcher: LinkWatcher): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  close(cause: Error): Promise<void> {
    this.#watchers.clear();
    this.#channels.clear();
    return this.#connection.close(cause);
  }

  #hear(message: Buffer, channel: Buffer): void {
    const name = channel.toString();
    try {
      this.#channels.get(name)?.(message);
    } catch (error) {
      this.#rules.log.warn('receiver', { channel: name, error }, 'the receiver of an announcement threw');
    }
  }

  async #subscribeAll(connection: ServerConnection): Promise<void> {
    this.#latest = connection;
    const names = [...this.#channels.keys()];
    for (let at = 0; at < names.length; at += CHANNELS_AT_ONCE) {
      await connection.subscribe(names.slice(at, at + CHANNELS_AT_ONCE));
    }
    const unwanted = names.filter((name) => !this.#channels.has(name)); // unsubscribed meanwhile
    if (unwanted.length > 0) await connection.unsubscribe(unwanted);
  }

  #notify(what: 'lost' | 'restored'): void {
    for (const watcher of [...this.#watchers]) watcher[what]();
  }
}
