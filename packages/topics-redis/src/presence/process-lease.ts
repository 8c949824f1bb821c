import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { BackplaneError, newEpoch } from '@landspout/topics';
import type { ExpiryIndex } from '../connection/expiry-index.ts';
import type { RedisLink } from '../connection/redis-link.ts';
import { processKeysOf } from './presence-keys.ts';
import { ENTER_TOPICS, RENEW_LEASE } from './presence-scripts.ts';

/** How often a call takes a new id because the lease was lost meanwhile. */
const MAX_TRIES = 3;

/** What a lease needs of the process. */
export interface LeaseServices {
  readonly link: RedisLink;
  readonly prefix: string;
  readonly index: ExpiryIndex;
  readonly leaseMs: number;
  /** The id is over: other processes remove its members. */
  readonly onLost: () => void;
}

/**
 * The lease under which this process has members. It has an id of its own, which ends with it: a process whose lease has
 * expired takes a new id, and its members join anew.
 */
export class ProcessLease {
  readonly #services: LeaseServices;
  #id: string | undefined;
  #making: Promise<string> | undefined;

  constructor(services: LeaseServices) {
    this.#services = services;
  }

  /** The present id; undefined if there is no lease. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Returns the id, with a lease that is made if there is none. @throws BackplaneError */
  obtain(): Promise<string> {
    if (this.#id !== undefined) return Promise.resolve(this.#id);
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  /** Notes a topic in which this process is about to have members. @returns the id for it. @throws BackplaneError */
  async enter(topic: string): Promise<string> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const id = await this.obtain();
      const { lease, topics } = this.#keysOf(id);
      if ((await this.#services.link.run(ENTER_TOPICS, [lease, topics], [topic])) === 1) return id;
      this.lose(id);
    }
    throw new BackplaneError(
      'ERR_TOPICS_UNAVAILABLE',
      `join: the lease of this process (${this.#services.leaseMs} ms) expires before it is used; Redis is too slow`,
    );
  }

  /** Notes topics in which this process has members again, because Redis may have lost it. @throws BackplaneError */
  async keep(topics: readonly string[]): Promise<void> {
    if (this.#id !== undefined && topics.length > 0) await this.#enter(this.#id, topics);
  }

  /** Forgets a topic in which this process has no members and no leave that is due. @throws BackplaneError */
  async exit(topic: string, id: string): Promise<void> {
    const { topics } = this.#keysOf(id);
    await this.#services.link.send(topics, ['SREM', topics, topic]);
  }

  /** Renews the lease if there is one. @throws BackplaneError */
  async renew(): Promise<void> {
    const id = this.#id;
    if (id === undefined) return;
    if (!(await this.#renew(id, false))) {
      this.lose(id);
      return;
    }
    await this.#services.index.addMissing([id], this.#services.leaseMs);
  }

  /** Notes that the lease of this id is lost. */
  lose(id: string): void {
    if (this.#id !== id) return;
    this.#id = undefined;
    this.#services.onLost();
  }

  /** Ends the lease, so that other processes remove what is left of the members at once. @throws BackplaneError */
  async end(): Promise<void> {
    const id = this.#id;
    if (id === undefined) return;
    this.#id = undefined;
    const { lease } = this.#keysOf(id);
    await this.#services.link.send(lease, ['DEL', lease]);
    await this.#services.index.put(id, 0);
  }

  [INSPECT](): object {
    return inspection(this, ['id']);
  }

  async #make(): Promise<string> {
    const { index, leaseMs } = this.#services;
    const id = newEpoch();
    await index.put(id, leaseMs);
    await this.#renew(id, true);
    this.#id = id;
    return id;
  }

  /** @returns false if the lease is lost. */
  async #enter(id: string, names: readonly string[]): Promise<boolean> {
    const { lease, topics } = this.#keysOf(id);
    if ((await this.#services.link.run(ENTER_TOPICS, [lease, topics], names)) === 1) return true;
    this.lose(id);
    return false;
  }

  async #renew(id: string, isNew: boolean): Promise<boolean> {
    const { lease, topics } = this.#keysOf(id);
    const { link, leaseMs } = this.#services;
    const args = [String(leaseMs), isNew ? '1' : '0'];
    return (await link.run(RENEW_LEASE, [lease, topics], args)) === 1;
  }

  #keysOf(id: string) {
    return processKeysOf(this.#services.prefix, id);
  }
}
