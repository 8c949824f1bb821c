import { setTimeout as wait } from 'node:timers/promises';
import { CallError, liveServer, SERVER_KILLED, type Server } from './server.ts';

/** What its publisher knows of a record. `refused`: by an error that says that nothing was done. */
export type Outcome = 'settled' | 'refused' | 'unknown';

export interface Attempt {
  readonly number: number;
  readonly outcome: Outcome;
}

export interface PublisherOptions {
  readonly servers: readonly Server[];
  readonly topic: string;
  readonly id: string;
  /** Where it publishes as long as that server is up. */
  readonly home: number;
  /** The pause after each record, in milliseconds. */
  readonly pauseMs: number;
  /** Whether a record is published again, with the same id, until it is settled. */
  readonly isPersistent: boolean;
}

/** The errors that leave open whether the record was published. After all others it was not. */
const OPEN_OUTCOMES = ['ERR_TOPICS_OUTCOME_UNKNOWN', SERVER_KILLED];
const RETRY_MS = 30;

/** Publishes one number after the other to a topic, each with an id, and notes what it knows of each. */
export class Publisher {
  readonly topic: string;
  readonly id: string;
  readonly isPersistent: boolean;
  readonly attempts: Attempt[] = [];
  /** How often each error came, by its code. */
  readonly errors = new Map<string, number>();
  readonly home: number;
  #settled = 0;
  #isStopped = false;
  #isClosed = false;
  readonly #options: PublisherOptions;
  readonly #done: Promise<void>;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.topic = options.topic;
    this.id = options.id;
    this.home = options.home;
    this.isPersistent = options.isPersistent;
    this.#done = this.#publishAll();
  }

  /** How many records are settled. */
  get settled(): number {
    return this.#settled;
  }

  /** How many errors came. */
  get failures(): number {
    return [...this.errors.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Publishes no more; resolves when the last outcome is known as far as it will be. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  /** Gives up, also what is not settled. */
  close(): void {
    this.#isStopped = true;
    this.#isClosed = true;
  }

  async #publishAll(): Promise<void> {
    for (let number = 1; !this.#isStopped; number += 1) {
      const outcome = await this.#publish(number);
      if (outcome === 'settled') this.#settled += 1;
      this.attempts.push({ number, outcome });
      await wait(this.#options.pauseMs);
    }
  }

  async #publish(number: number): Promise<Outcome> {
    const { servers, topic, id: publisher, home } = this.#options;
    const record = { topic, id: `${publisher}:${number}`, data: { publisher, number } };
    for (;;) {
      const server = await liveServer(servers, home, () => this.#isClosed);
      if (server === undefined) return 'unknown';
      try {
        await server.call('publish', record);
        return 'settled';
      } catch (error) {
        const code = error instanceof CallError ? error.code : String(error);
        this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
        if (!this.isPersistent) return OPEN_OUTCOMES.includes(code) ? 'unknown' : 'refused';
        await wait(RETRY_MS);
      }
    }
  }
}
