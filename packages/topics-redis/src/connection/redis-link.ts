import type { LuaScript } from './lua-script.ts';

/** An argument of a command. */
export type RedisArgument = string | Uint8Array;

/** What Redis replies: all texts are bytes. */
export type RedisReply = Buffer | number | null | readonly RedisReply[];

/** Notified of what happens to the connection for announcements. Must not throw. */
export interface LinkWatcher {
  /** Announcements may be lost from now on. */
  lost(): void;
  /** The connection is back, and all channels are subscribed again: what was missed has to be read. */
  restored(): void;
}

/**
 * The two connections of one process to Redis: one for commands, and one for announcements. A server, a server behind
 * sentinels, or a cluster.
 *
 * Calls that are waiting when the connection is lost reject, and are not repeated. While it is lost, calls reject at once.
 */
export interface RedisLink {
  /**
   * Runs a script.
   *
   * @param keys - all of one log, so that they are on one node.
   * @throws BackplaneError `ERR_TOPICS_UNAVAILABLE` if it did nothing: it was not sent, or Redis refused it, for example
   *   because its memory is full; `ERR_TOPICS_OUTCOME_UNKNOWN` if it was sent and the reply is lost;
   *   `ERR_TOPICS_CLOSED`.
   */
  run(script: LuaScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply>;
  /** Sends one command. @param key - decides which node of a cluster gets it. @throws as {@link run}. */
  send(key: string, command: readonly RedisArgument[]): Promise<RedisReply>;
  /**
   * Receives the announcements of a channel, from the moment the promise resolves.
   *
   * @param heard - called with each message. Must not throw. The bytes are the receiver's.
   * @throws as {@link run}.
   */
  subscribe(channel: string, heard: (message: Buffer) => void): Promise<void>;
  /** Stops receiving. Never rejects. */
  unsubscribe(channel: string): void;
  /** @returns a function that removes the watcher. */
  watch(watcher: LinkWatcher): () => void;
  /** Whether announcements arrive at present. */
  readonly isConnected: boolean;
  /** Ends both connections. Waiting calls reject. */
  close(): Promise<void>;
}
