import type { Clock, Logger } from '@landspout/ioloop';

export interface OutageLogOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** What is connected to. Default: `Redis`. */
  readonly subject?: string;
}

/** Connections to one server that are lost. */
interface Outage {
  readonly connections: Set<object>;
  /** Attempts that have failed. */
  failures: number;
  isLogged: boolean;
  /** When the next failed attempt is logged. */
  nextReportAt: number;
}

/** A failed attempt is logged once in this time, in milliseconds. */
const REPORT_EVERY_MS = 60_000;
/**
 * Outages that are logged in this time, in milliseconds: a server that accepts connections and ends them at once would
 * fill the log.
 */
const [WINDOW_MS, LOGGED_IN_WINDOW] = [60_000, 10];

/**
 * Logs when the connection is lost, and when there is one again: once for all connections to one server, at the moment
 * that it happens. Nothing is held back to be written later, when it would no longer be true.
 */
export class OutageLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #subject: string;
  /** Those that go on, by the address of the server that was lost; `''` for servers that were never reached. */
  readonly #outages = new Map<string, Outage>();
  #windowEnd = Number.NEGATIVE_INFINITY;
  #loggedInWindow = 0;
  /** Outages that were not logged since the last one that was. */
  #unlogged = 0;

  constructor({ logger, clock, subject = 'Redis' }: OutageLogOptions) {
    this.#logger = logger;
    this.#clock = clock;
    this.#subject = subject;
  }

  /** A log for connections to something else. */
  about(subject: string): OutageLog {
    return new OutageLog({ logger: this.#logger, clock: this.#clock, subject });
  }

  /** @param connection - stands for one that is made anew until it is closed. */
  lost(connection: object, address: string, error: Error): void {
    const known = this.#outages.get(address);
    const outage = known ?? this.#begin(address);
    outage.connections.add(connection);
    if (known !== undefined || !this.#mayLog(outage)) return;
    const unlogged = this.#unlogged === 0 ? {} : { unlogged: this.#unlogged };
    this.#unlogged = 0;
    this.#logger.warn({ address, error, ...unlogged }, `the connection to ${this.#subject} is lost`);
  }

  /** An attempt to connect has failed. */
  failed(connection: object, error: Error): void {
    const outage = this.#outageOf(connection) ?? this.#outages.get('') ?? this.#begin('');
    outage.connections.add(connection);
    outage.failures += 1;
    const now = this.#clock.now();
    if (now < outage.nextReportAt || (!outage.isLogged && !this.#mayLog(outage))) return;
    outage.nextReportAt = now + REPORT_EVERY_MS;
    this.#logger.warn({ error, attempts: outage.failures }, `${this.#subject} cannot be reached`);
  }

  /** There is a connection again. Does nothing if none was lost. */
  restored(connection: object, address: string): void {
    const outage = this.#remove(connection);
    if (outage?.isLogged) this.#logger.info({ address }, `${this.#subject} is connected again`);
  }

  /** The connection is not made anew any more. */
  forget(connection: object): void {
    this.#remove(connection);
  }

  #begin(address: string): Outage {
    const nextReportAt = Number.NEGATIVE_INFINITY;
    const outage = { connections: new Set<object>(), failures: 0, isLogged: false, nextReportAt };
    this.#outages.set(address, outage);
    return outage;
  }

  #mayLog(outage: Outage): boolean {
    const now = this.#clock.now();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + WINDOW_MS;
      this.#loggedInWindow = 0;
    }
    if (this.#loggedInWindow >= LOGGED_IN_WINDOW) {
      if (outage.failures === 0) this.#unlogged += 1;
      return false;
    }
    this.#loggedInWindow += 1;
    outage.isLogged = true;
    return true;
  }

  #outageOf(connection: object): Outage | undefined {
    for (const outage of this.#outages.values()) if (outage.connections.has(connection)) return outage;
    return undefined;
  }

  /** @returns the outage that has ended with this. */
  #remove(connection: object): Outage | undefined {
    for (const [address, outage] of this.#outages) {
      if (!outage.connections.delete(connection)) continue;
      if (outage.connections.size > 0) return undefined;
      this.#outages.delete(address);
      return outage;
    }
    return undefined;
  }
}
