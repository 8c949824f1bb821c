import type { Clock } from '@landspout/ioloop';
import { createClient, ErrorReply, RESP_TYPES, type RedisClientOptions } from '@redis/client';
import type { RedisReply } from './redis-link.ts';
import { addressOf, type ServerOptions } from './server-options.ts';
import { WireCommand } from './wire-command.ts';

/** What this package uses of a client of `@redis/client`. */
interface Client {
  on(event: 'error', listener: (error: Error) => void): this;
  connect(): Promise<unknown>;
  unref(): void;
  destroy(): void;
  sendCommand(args: WireCommand): Promise<RedisReply>;
  subscribe(channels: readonly string[], listener: Heard, asBuffers: true): Promise<void>;
  unsubscribe(channels: readonly string[], listener: Heard, asBuffers: true): Promise<void>;
}

/** Called with each message of the channels that the connection has subscribed to. Must not throw. */
export type Heard = (message: Buffer, channel: Buffer) => void;

export interface ServerConnectionOptions {
  readonly server: ServerOptions;
  /** Longest time until the server is ready, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  /** Ends the attempt to connect. */
  readonly signal: AbortSignal;
  readonly heard?: Heard | undefined;
}

/**
 * One connection to one server, until it ends; it is never made anew.
 *
 * A client of `@redis/client` can reconnect and resubscribe by itself, but does not say when all channels are subscribed
 * again, and cannot be made to give up a connection that is half-open.
 */
export class ServerConnection {
  /** Such as `127.0.0.1:6379`. */
  readonly address: string;
  /** SHA-1 of each script that the server knows, unless it has forgotten it. */
  readonly scripts = new Set<string>();
  /** Whether the server has forgotten scripts before. */
  hasForgotten = false;
  readonly #client: Client;
  readonly #abort = new AbortController();
  readonly #heard: Heard;
  #end: Error | undefined;
  #onEnd: ((cause: Error) => void) | undefined;
  #received = 0;
  /** Number of commands without a reply. */
  #waiting = 0;
  #retirement: Error | undefined;

  private constructor({ server, connectTimeoutMs, heard }: ServerConnectionOptions) {
    this.address = addressOf(server);
    this.#heard = (message, channel) => {
      this.#received += 1;
      heard?.(message, channel);
    };
    const options = clientOptions(server, connectTimeoutMs, this.#abort.signal);
    this.#client = createClient(options) as unknown as Client;
    this.#client.unref(); // calls keep the process alive, see process-hold.ts
    // Emitted before the commands that wait are rejected, also if the connection was closed in order.
    this.#client.on('error', (error) => this.end(error));
  }

  /**
   * Connects and authenticates. Resolves when the server accepts commands: it has loaded its data, and no password is
   * missing.
   */
  static async connect(options: ServerConnectionOptions): Promise<ServerConnection> {
    const { connectTimeoutMs, clock, signal } = options;
    const connection = new ServerConnection(options);
    const abort = () => connection.end(new Error('the attempt to connect was ended'));
    // The client limits only how long the connection takes, not the authentication after it.
    const deadline = clock.setTimeout(() => {
      connection.end(new Error(`the server was not ready within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    deadline.unref();
    signal.addEventListener('abort', abort);
    try {
      if (signal.aborted) abort();
      else await connection.#client.connect();
      await connection.send(new WireCommand(['PING']));
      return connection;
    } catch (error) {
      connection.end(error as Error);
      throw connection.#end ?? error;
    } finally {
      deadline.cancel();
      signal.removeEventListener('abort', abort);
    }
  }

  /** Number of replies and messages so far: while it grows, the server is alive. */
  get received(): number {
    return this.#received;
  }

  /** Why it has ended; undefined while it has not. */
  get ended(): Error | undefined {
    return this.#end;
  }

  /** Calls the function once, when the connection has ended; at once if it has. Only one function is kept. */
  onEnd(ended: (cause: Error) => void): void {
    if (this.#end === undefined) this.#onEnd = ended;
    else ended(this.#end);
  }

  /**
   * Sends a command.
   *
   * @throws ErrorReply, which the server has replied with. Any other error says why the connection has ended.
   */
  send(command: WireCommand): Promise<RedisReply> {
    return this.#waitFor(() => this.#client.sendCommand(command));
  }

  /** Subscribes to channels. Resolves when the server has. @throws as {@link send}. */
  subscribe(channels: readonly string[]): Promise<void> {
    return this.#waitFor(() => this.#client.subscribe(channels, this.#heard, true));
  }

  /** @throws as {@link send}. */
  unsubscribe(channels: readonly string[]): Promise<void> {
    return this.#waitFor(() => this.#client.unsubscribe(channels, this.#heard, true));
  }

  /** Whether it has ended, or ends when the commands that wait have their replies. */
  get isRetired(): boolean {
    return this.#end !== undefined || this.#retirement !== undefined;
  }

  /** Ends the connection when the commands that wait have their replies. */
  retire(cause: Error): void {
    this.#retirement = cause;
    if (this.#waiting === 0) this.end(cause);
  }

  /** Ends the connection. Commands that wait reject. Does nothing if it has ended. */
  end(cause: Error): void {
    if (this.#end !== undefined) return;
    this.#end = cause;
    this.#client.destroy();
    this.#abort.abort(); // a connection that is being made is not known to the client yet
    this.#onEnd?.(cause);
  }

  async #waitFor<Reply>(begin: () => Promise<Reply>): Promise<Reply> {
    if (this.#end !== undefined) throw this.#end;
    this.#waiting += 1;
    try {
      const reply = await begin();
      this.#received += 1;
      return reply;
    } catch (error) {
      if (!(error instanceof ErrorReply)) throw this.#end ?? error;
      this.#received += 1;
      throw error;
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0 && this.#retirement !== undefined) this.end(this.#retirement);
    }
  }
}

const AS_BUFFERS = {
  [RESP_TYPES.BLOB_STRING]: Buffer,
  [RESP_TYPES.SIMPLE_STRING]: Buffer,
  [RESP_TYPES.VERBATIM_STRING]: Buffer,
};

function clientOptions(
  server: ServerOptions,
  connectTimeout: number,
  signal: AbortSignal,
): RedisClientOptions {
  const socket = { connectTimeout, ...server.socket, signal, reconnectStrategy: false };
  const options = {
    ...server,
    socket,
    // Replies are texts, numbers and arrays of them. Version 3 adds types that only some commands use.
    RESP: 2,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    // Without a timeout of the client: it would reject commands that are sent all the same.
    commandOptions: { typeMapping: AS_BUFFERS, timeout: undefined },
  };
  return options as unknown as RedisClientOptions;
}
