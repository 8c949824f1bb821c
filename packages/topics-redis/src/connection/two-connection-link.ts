import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import { BackplaneError } from '@landspout/topics';
import type { AnnouncementsConnection } from './announcements-connection.ts';
import { Call } from './call.ts';
import { CommandQueue, type Routes } from './command-queue.ts';
import { linkClosed } from './link-errors.ts';
import type { LuaScript } from './lua-script.ts';
import type { LinkWatcher, RedisArgument, RedisLink, RedisReply } from './redis-link.ts';

/** The connections for commands: one, or one to each node of a cluster. */
export interface CommandConnections extends Routes {
  open(): Promise<void>;
  close(cause: Error): Promise<void>;
}

/** Most calls that wait for replies. */
export interface WaitingLimits {
  readonly maxWaitingCalls: number;
  readonly maxWaitingBytes: number;
}

/** A link made of connections for commands, and one for announcements. */
export class TwoConnectionLink implements RedisLink {
  readonly #commands: CommandConnections;
  readonly #announcements: AnnouncementsConnection;
  readonly #queue: CommandQueue;
  readonly #limits: WaitingLimits;
  readonly #log: RateLimitedLog;
  #sequence = 0;
  #waitingCalls = 0;
  #waitingBytes = 0;
  #isClosed = false;

  constructor(
    commands: CommandConnections,
    announcements: AnnouncementsConnection,
    limits: WaitingLimits,
    log: RateLimitedLog,
  ) {
    this.#log = log;
    this.#commands = commands;
    this.#announcements = announcements;
    this.#queue = new CommandQueue(commands);
    this.#limits = limits;
  }

  /** Makes the connections. @throws Error if one of them cannot be made; then both are closed. */
  async open(): Promise<void> {
    try {
      await this.#commands.open();
      await this.#announcements.open();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get isConnected(): boolean {
    return this.#announcements.isConnected;
  }

  run(script: LuaScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#call(keys[0] ?? '', script, [String(keys.length), ...keys, ...args]);
  }

  send(key: string, command: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#call(key, undefined, command);
  }

  subscribe(channel: string, heard: (message: Buffer) => void): Promise<void> {
    return this.#announcements.subscribe(channel, heard);
  }

  unsubscribe(channel: string): void {
    this.#announcements.unsubscribe(channel);
  }

  watch(watcher: LinkWatcher): () => void {
    return this.#announcements.watch(watcher);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const cause = new Error('the backplane was closed');
    this.#queue.close();
    await Promise.all([this.#commands.close(cause), this.#announcements.close(cause)]);
    this.#log.flush();
  }

  async #call(
    key: string,
    script: LuaScript | undefined,
    args: readonly RedisArgument[],
  ): Promise<RedisReply> {
    if (this.#isClosed) throw linkClosed();
    this.#sequence += 1;
    const call = new Call(this.#sequence, key, script, args);
    this.#requireRoom(call);
    this.#waitingCalls += 1;
    this.#waitingBytes += call.bytes;
    this.#queue.add(call);
    try {
      return await call.reply;
    } finally {
      this.#waitingCalls -= 1;
      this.#waitingBytes -= call.bytes;
    }
  }

  #requireRoom({ operation, bytes }: Call): void {
    const { maxWaitingCalls, maxWaitingBytes } = this.#limits;
    if (this.#waitingCalls >= maxWaitingCalls) {
      throw busy(`${operation}: maxWaitingCalls (${maxWaitingCalls}) calls wait for Redis already`);
    }
    if (this.#waitingBytes + bytes > maxWaitingBytes) {
      throw busy(
        `${operation}: its ${bytes} bytes and the ${this.#waitingBytes} that wait for Redis already exceed maxWaitingBytes (${maxWaitingBytes})`,
      );
    }
  }
}

function busy(message: string): BackplaneError {
  return new BackplaneError('ERR_TOPICS_BUSY', message);
}
