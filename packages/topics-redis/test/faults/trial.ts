import { setTimeout as wait } from 'node:timers/promises';
import { atTheEnd, until } from '../support/scratch.ts';
import type { Accounts, PublisherAccount } from './counting.ts';
import { type Outcome, Publisher } from './publisher.ts';
import { type Door, END_MARKER, Reader } from './reader.ts';
import type { LogEntry, Server } from './server.ts';

/** How much happens in a trial. */
export interface TrialSize {
  readonly topics: number;
  /** Readers of each topic that connect to each server at first. */
  readonly readersPerServer: number;
  /** The pause of each publisher, of which each server has one for each topic, in milliseconds. */
  readonly pauseMs: number;
  /** Records that are settled before the fault, and again after it, of each server. */
  readonly records: number;
  /** After how many records every second reader goes on at another server. Undefined: none does. */
  readonly moveAfter?: number | undefined;
}

/** How long readers may take to the end after everything is well again, in milliseconds, before they count as hung. */
const HUNG_MS = 30_000;
const POLL_MS = 20;

/** A steady load on some servers: publishers of numbers, and readers that come back with their cursor. */
export class Trial {
  readonly servers: readonly Server[];
  readonly readers: Reader[] = [];
  readonly publishers: Publisher[] = [];
  readonly #size: TrialSize;
  readonly #door: Door;
  readonly #runs = new Map<string, { readonly records: number; readonly written: Set<number> }>();

  constructor(servers: readonly Server[], size: TrialSize, door: Door) {
    this.servers = servers;
    this.#size = size;
    this.#door = door;
    for (const server of servers) {
      server.onWrote = (run, number) => this.#runs.get(run)?.written.add(number);
    }
    atTheEnd(() => {
      for (const one of [...this.readers, ...this.publishers]) one.close();
    });
  }

  /** Connects the readers of all topics, and starts the publishers; resolves when enough is settled. */
  async begin(): Promise<void> {
    const { topics, readersPerServer, pauseMs, moveAfter } = this.#size;
    for (let topic = 0; topic < topics; topic += 1) {
      for (const { number: home } of this.servers) {
        for (let count = 0; count < readersPerServer; count += 1) {
          this.#addReader('topic', `topic ${topic}`, home, count % 2 === 0 ? moveAfter : undefined);
        }
      }
    }
    await until('all readers have a position', () => this.readers.every(({ isPlaced }) => isPlaced));
    for (let topic = 0; topic < topics; topic += 1) {
      for (const { number: home } of this.servers) {
        const id = `${topic}-${home}`;
        // Of each topic, some publishers repeat what has failed, and some do not.
        const isPersistent = (topic + home) % 2 === 0;
        const { servers } = this;
        this.publishers.push(
          new Publisher({ servers, topic: `topic ${topic}`, id, home, pauseMs, isPersistent }),
        );
      }
    }
    await this.progress();
  }

  /** Starts a run at a server, which writes numbers, with readers at all servers. */
  async beginRun(id: string, home: number, records: number, pauseMs: number): Promise<void> {
    this.#runs.set(id, { records, written: new Set() });
    await this.servers[home]?.call('startRun', { id, input: { records, pauseMs } });
    for (const { number } of this.servers) this.#addReader('run', id, number, undefined);
  }

  /** Waits until a run has written so many records. */
  written(id: string, records: number): Promise<void> {
    return until(`${id} has written`, () => (this.#runs.get(id)?.written.size ?? 0) >= records);
  }

  /** Waits until so many more records are settled by the publishers of these servers, at each. */
  async progress(homes: readonly number[] = this.servers.map(({ number }) => number)): Promise<void> {
    const settled = (home: number): number =>
      this.publishers.filter((one) => one.home === home).reduce((sum, one) => sum + one.settled, 0);
    const goals = homes.map((home) => settled(home) + this.#size.records);
    await until('publishing goes on', () => homes.every((home, at) => settled(home) >= (goals[at] ?? 0)));
  }

  /** Waits until each publisher of these servers has got another error. */
  async failures(homes: readonly number[] = this.servers.map(({ number }) => number)): Promise<void> {
    const before = this.publishers
      .filter(({ home }) => homes.includes(home))
      .map((one) => ({ one, failures: one.failures }));
    await until('publishing fails', () => before.every(({ one, failures }) => one.failures > failures));
  }

  /** Stops publishing, waits for the readers to get to the end, and collects what all have seen. */
  async finish(): Promise<Accounts> {
    await this.#stopPublishers();
    const topics = new Set(this.publishers.map(({ topic }) => topic));
    for (const topic of topics) await this.#publishEnd(topic);
    await this.#waitForReaders();
    const logs = new Map<string, readonly LogEntry[]>();
    for (const name of topics) logs.set(name, await this.#history('topic', name));
    for (const name of this.#runs.keys()) logs.set(name, await this.#history('run', name));
    return { readers: this.readers, publishers: [...this.publishers, ...this.#producers()], logs };
  }

  async #stopPublishers(): Promise<void> {
    let running = this.publishers.length;
    for (const publisher of this.publishers) {
      void publisher.stop().then(() => {
        running -= 1;
      });
    }
    await until('the last publishes have an outcome', () => running === 0);
  }

  #addReader(kind: 'topic' | 'run', name: string, home: number, moveAfter: number | undefined): void {
    const { servers } = this;
    this.readers.push(new Reader({ door: this.#door, servers, kind, name, home, moveAfter }));
  }

  async #publishEnd(topic: string): Promise<void> {
    const data = { publisher: END_MARKER, number: 1 };
    await this.#surely('publish', { topic, id: END_MARKER, data });
  }

  async #history(kind: 'topic' | 'run', name: string): Promise<readonly LogEntry[]> {
    const entries = (await this.#surely('history', { kind, name })) as readonly LogEntry[];
    return entries.filter(([, { publisher }]) => publisher !== END_MARKER);
  }

  /** Calls any server until it succeeds. */
  async #surely(what: string, details: object): Promise<unknown> {
    let result: unknown;
    let attempts = 0;
    await until(`${what} succeeds`, async () => {
      const live = this.servers.filter(({ isUp }) => isUp);
      const server = live[attempts % live.length];
      attempts += 1;
      if (server === undefined) return false;
      result = await server.call(what, details);
      return true;
    });
    return result;
  }

  /** Waits until all have got to the end. Those that do not are counted later. */
  async #waitForReaders(): Promise<void> {
    const end = performance.now() + HUNG_MS;
    while (performance.now() < end && !this.readers.every(({ hasEnded }) => hasEnded)) await wait(POLL_MS);
  }

  /** What the producers of runs know, as accounts of publishers. */
  #producers(): PublisherAccount[] {
    return [...this.#runs].map(([id, { records, written }]) => {
      const outcomeOf = (number: number): Outcome => (written.has(number) ? 'settled' : 'unknown');
      // One more may have been written when the server was killed.
      const most = Math.min(records, Math.max(0, ...written) + 1);
      const attempts = Array.from({ length: most }, (_, at) => ({
        number: at + 1,
        outcome: outcomeOf(at + 1),
      }));
      return { topic: id, id, attempts, errors: new Map() };
    });
  }
}
