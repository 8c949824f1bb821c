import type { Clock, ClockTimer } from '@landspout/ioloop';
import type { ServerConnection } from './server-connection.ts';
import { WireCommand } from './wire-command.ts';

export interface HeartbeatOptions {
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  readonly clock: Clock;
}

/** Sends PING now and then, and ends a connection on which nothing comes back: it may be half-open. */
export class Heartbeat {
  readonly #connection: ServerConnection;
  readonly #options: HeartbeatOptions;
  #timer: ClockTimer | undefined;

  constructor(connection: ServerConnection, options: HeartbeatOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#pingLater();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #pingLater(): void {
    this.#start(this.#options.pingIntervalMs, () => this.#ping());
  }

  #ping(): void {
    this.#expect();
    const replied = () => {
      if (this.#timer !== undefined && this.#connection.ended === undefined) this.#pingLater();
    };
    // An error is a reply too: a server that runs a long script, or loads its data, is alive.
    this.#connection.send(new WireCommand(['PING'])).then(replied, replied);
  }

  /** Waits for the reply, and on while replies to earlier commands arrive. */
  #expect(): void {
    const { received } = this.#connection;
    const { pingTimeoutMs } = this.#options;
    this.#start(pingTimeoutMs, () => {
      if (this.#connection.received !== received) this.#expect();
      else this.#connection.end(new Error(`no reply to PING within ${pingTimeoutMs} ms`));
    });
  }

  #start(delayMs: number, due: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimeout(due, delayMs);
    this.#timer.unref();
  }
}
