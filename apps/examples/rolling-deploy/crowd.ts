import { setTimeout as sleep } from 'node:timers/promises';
import { TopicsClient } from 'landspout/websocket/browser';
import { WebSocket } from 'landspout/websocket/web-socket';

/** Clients that connect at the same time at first. */
const AT_ONCE = 100;
/** How long the last deliveries may take after all publishes were acknowledged. */
const LAST_MS = 10_000;

export interface CrowdOptions {
  readonly clients: number;
  /** How many of them share a room. */
  readonly roomSize: number;
  /** How often a message is published in each room, by its clients in turn, in milliseconds. */
  readonly publishMs: number;
}

/** What happened, counted at every reader. */
export interface CrowdReport {
  readonly clients: number;
  /** Messages that the server has acknowledged, and those that it has refused. */
  readonly published: number;
  readonly refused: number;
  readonly deliveries: number;
  /** Acknowledged messages that a reader did not get, and messages that one got again. */
  readonly lost: number;
  readonly doubled: number;
  /** Readers that had another order than the rest of their room. */
  readonly disordered: number;
  /** How often the server reported that it could not deliver everything. */
  readonly gaps: number;
  /** When clients were connected again, since `mark()`, and how long each was away, in milliseconds. */
  readonly returnedMs: readonly number[];
  readonly awayMs: readonly number[];
  /** The longest time between two deliveries to one reader, before `mark()` and after it, in milliseconds. */
  readonly longestBeforeMs: number;
  readonly longestAfterMs: number;
}

/** Clients in rooms, each of which publishes and reads. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #rooms: Room[] = [];
  #markedAt = Number.POSITIVE_INFINITY;
  #isPublishing = false;
  #publishing: Promise<unknown> = Promise.resolve();

  constructor(url: string, options: CrowdOptions) {
    this.#options = options;
    const { clients, roomSize } = options;
    for (let first = 0; first < clients; first += roomSize) {
      const size = Math.min(roomSize, clients - first);
      this.#rooms.push(new Room(`room:${this.#rooms.length}`, size, `${url}/live`));
    }
  }

  /** Connects all clients. */
  async connect(): Promise<void> {
    const readers = this.#readers[Symbol.iterator]();
    const connectSome = async (): Promise<void> => {
      for (const reader of readers) await reader.connect();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, connectSome));
  }

  startPublishing(): void {
    this.#isPublishing = true;
    const { publishMs } = this.#options;
    this.#publishing = Promise.all(
      this.#rooms.map(async (room, index) => {
        await sleep((index / this.#rooms.length) * publishMs); // Not all at once.
        while (this.#isPublishing) {
          room.publish();
          await sleep(publishMs);
        }
      }),
    );
  }

  /** From now on, disconnections count as those of the deploy. */
  mark(): void {
    this.#markedAt = performance.now();
    for (const reader of this.#readers) reader.mark();
  }

  /** Stops publishing, and waits until everything is acknowledged and has arrived; it gives up after a while. */
  async finish(): Promise<void> {
    this.#isPublishing = false;
    await this.#publishing;
    await Promise.all(this.#rooms.flatMap((room) => room.publishes));
    const endAt = performance.now() + LAST_MS;
    while (this.#rooms.some((room) => !room.isComplete) && performance.now() < endAt) await sleep(20);
  }

  close(): void {
    for (const { client } of this.#readers) client.close();
  }

  report(): CrowdReport {
    const readers = this.#readers;
    const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
    const returns = readers.flatMap((reader) => reader.returns).filter(({ at }) => at >= this.#markedAt);
    return {
      clients: readers.length,
      published: sum(this.#rooms.map((room) => room.acknowledged.size)),
      refused: sum(this.#rooms.map((room) => room.refused)),
      deliveries: sum(readers.map(({ received }) => received.length)),
      lost: sum(this.#rooms.map((room) => room.countLost())),
      doubled: sum(readers.map(({ received }) => received.length - new Set(received).size)),
      disordered: sum(this.#rooms.map((room) => room.countDisordered())),
      gaps: sum(readers.map((reader) => reader.gaps)),
      returnedMs: returns.map(({ at }) => at - this.#markedAt),
      awayMs: returns.map(({ awayMs }) => awayMs),
      longestBeforeMs: Math.max(...readers.map((reader) => reader.longestBeforeMs)),
      longestAfterMs: Math.max(...readers.map((reader) => reader.longestMs)),
    };
  }

  get #readers(): Reader[] {
    return this.#rooms.flatMap((room) => room.readers);
  }
}

/** A topic, and the clients that share it. */
class Room {
  readonly topic: string;
  readonly readers: readonly Reader[];
  /** Numbers of messages. */
  readonly acknowledged = new Set<number>();
  readonly publishes: Promise<void>[] = [];
  refused = 0;

  constructor(topic: string, size: number, url: string) {
    this.topic = topic;
    this.readers = Array.from({ length: size }, () => new Reader(url, topic));
  }

  /** Lets the next client publish a message. It waits in the client while that is not connected. */
  publish(): void {
    const number = this.publishes.length;
    const reader = this.readers[number % this.readers.length] as Reader;
    const published = reader.client.publish(this.topic, { number, text: `message ${number}` });
    this.publishes.push(
      published.then(
        () => void this.acknowledged.add(number),
        (error) => {
          this.refused += 1;
          console.error(`${this.topic}: message ${number} was not published: ${error}`);
        },
      ),
    );
  }

  get isComplete(): boolean {
    return this.readers.every(({ received }) => received.length >= this.acknowledged.size);
  }

  countLost(): number {
    let lost = 0;
    for (const { received } of this.readers) {
      const numbers = new Set(received);
      for (const number of this.acknowledged) if (!numbers.has(number)) lost += 1;
    }
    return lost;
  }

  countDisordered(): number {
    const [first, ...others] = this.readers.map(({ received }) => received.join());
    return others.filter((order) => order !== first).length;
  }
}

/** One client. */
class Reader {
  readonly client: TopicsClient;
  /** The numbers of the messages, as they came. */
  readonly received: number[] = [];
  readonly returns: { readonly at: number; readonly awayMs: number }[] = [];
  gaps = 0;
  longestMs = 0;
  longestBeforeMs = 0;
  readonly #topic: string;
  #lastAt: number | undefined;
  #lostAt: number | undefined;

  constructor(url: string, topic: string) {
    this.#topic = topic;
    this.client = new TopicsClient(url, {
      WebSocket,
      transports: ['websocket'],
      onState: ({ state }) => this.#changed(state),
    });
  }

  /** Resolves when the server has accepted the subscription. */
  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.subscribe<{ number: number }>(this.#topic, {
        onPosition: () => resolve(),
        onRecord: ({ number }) => this.#receive(number),
        onGap: () => {
          this.gaps += 1;
        },
        onError: reject,
      });
    });
  }

  mark(): void {
    this.longestBeforeMs = this.longestMs;
    this.longestMs = 0;
  }

  #receive(number: number): void {
    const now = performance.now();
    this.received.push(number);
    if (this.#lastAt !== undefined) this.longestMs = Math.max(this.longestMs, now - this.#lastAt);
    this.#lastAt = now;
  }

  #changed(state: string): void {
    const now = performance.now();
    if (state === 'waiting') this.#lostAt ??= now;
    if (state !== 'open' || this.#lostAt === undefined) return;
    this.returns.push({ at: now, awayMs: now - this.#lostAt });
    this.#lostAt = undefined;
  }
}
