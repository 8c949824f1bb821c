import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { reportRejection, runInRootContext } from '@landspout/ioloop/reactor';
import type { Backplane, PresenceSettings } from '../backplane/backplane.ts';
import { BackplaneError } from '../errors.ts';
import type { TopicMember } from '../record.ts';
import type { PendingCalls } from './pending-calls.ts';

/** How long to wait before the backplane is called again after it failed. */
const RETRY_MS = 1000;

/** What memberships need of their topics. */
export interface MembershipServices {
  readonly backplane: Backplane;
  readonly clock: Clock;
  readonly pending: PendingCalls;
  readonly report: (error: unknown, message: string) => void;
}

/** The joins of one member of one topic in this process. */
interface LocalMember {
  readonly topic: string;
  readonly member: TopicMember;
  readonly settings: PresenceSettings;
  joins: number;
  /** Whether the backplane has it; undefined if a call has failed in a way that does not say. */
  isPresent: boolean | undefined;
  /** Calls of the backplane, one after another, until it is there or not there as it should be. */
  work: Promise<void> | undefined;
  isWorking: boolean;
}

/**
 * Counts the joins of this process, so that the backplane is called only for the first and the last of each member. A
 * leave that the backplane does not take is repeated until it does.
 */
export class Memberships {
  readonly #services: MembershipServices;
  readonly #members = new Map<string, LocalMember>();
  /** Those about which the backplane is to be called again. */
  readonly #failed = new Set<LocalMember>();
  #retry: ClockTimer | undefined;
  #isClosed = false;

  constructor(services: MembershipServices) {
    this.#services = services;
  }

  /** Number of members of all topics that have joined here. */
  get size(): number {
    return this.#members.size;
  }

  /** @throws TopicsLimitError, BackplaneError: the member has not joined, or leaves as soon as it is known to have. */
  async join(topic: string, member: TopicMember, settings: PresenceSettings): Promise<void> {
    const key = keyOf(topic, member.member);
    let local = this.#members.get(key);
    if (local === undefined) {
      local = { topic, member, settings, joins: 0, isPresent: false, work: undefined, isWorking: false };
      this.#members.set(key, local);
    }
    local.joins += 1;
    try {
      await this.#settled('join', local);
    } catch (error) {
      this.#left(local);
      throw error;
    }
  }

  /** @throws BackplaneError if the backplane fails: it is called again until it does not. */
  async leave(topic: string, member: string): Promise<void> {
    const local = this.#members.get(keyOf(topic, member));
    if (local === undefined || local.joins === 0) return;
    local.joins -= 1;
    if (local.joins === 0) await this.#settled('leave', local);
  }

  /** Lets all members leave. Failures are reported. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    const leaving = [...this.#members.values()].map((local) => {
      local.joins = 0;
      return this.#settled('leave', local).catch((error) => this.#report(error));
    });
    await Promise.all(leaving);
    this.#members.clear();
    this.#failed.clear();
  }

  [INSPECT](): object {
    return inspection(this, ['size'], () => ({ failed: this.#failed.size }));
  }

  /** One join less, after a failure. */
  #left(local: LocalMember): void {
    if (local.joins > 0) local.joins -= 1;
    if (local.joins > 0) return;
    this.#forget(local);
    this.#leaveLater(local);
  }

  #leaveLater(local: LocalMember): void {
    reportRejection(this.#settled('leave', local), (error) => this.#report(error));
  }

  /** Waits until the backplane has the member if that has joins, and not otherwise. */
  async #settled(operation: string, local: LocalMember): Promise<void> {
    if (!local.isWorking) {
      if (isSettled(local)) return;
      local.work = this.#work(local);
    }
    await this.#services.pending.within(operation, local.work as Promise<void>);
  }

  async #work(local: LocalMember): Promise<void> {
    const { backplane } = this.#services;
    const { topic, member, settings } = local;
    local.isWorking = true;
    this.#failed.delete(local);
    try {
      while (!isSettled(local)) {
        const isJoining = local.joins > 0;
        if (isJoining) await backplane.join(topic, member, settings);
        else await backplane.leave(topic, member.member, settings);
        local.isPresent = isJoining;
      }
    } catch (error) {
      const isUnknown = error instanceof BackplaneError && error.code === 'ERR_TOPICS_OUTCOME_UNKNOWN';
      if (isUnknown) local.isPresent = undefined;
      if (local.isPresent !== false) this.#retryLater(local);
      throw error;
    } finally {
      local.isWorking = false;
      this.#forget(local);
    }
  }

  #forget(local: LocalMember): void {
    const { topic, member, joins, isPresent, isWorking } = local;
    if (joins > 0 || isPresent !== false || isWorking) return;
    const key = keyOf(topic, member.member);
    if (this.#members.get(key) === local) this.#members.delete(key);
  }

  #retryLater(local: LocalMember): void {
    if (this.#isClosed) return;
    this.#failed.add(local);
    if (this.#retry !== undefined) return;
    runInRootContext(() => {
      this.#retry = this.#services.clock.setTimeout(() => {
        this.#retry = undefined;
        for (const failed of this.#failed) this.#leaveLater(failed);
      }, RETRY_MS);
      this.#retry.unref();
    }, undefined);
  }

  #report(error: unknown): void {
    this.#services.report(error, 'a member could not leave its topic');
  }
}

function isSettled({ isPresent, joins }: LocalMember): boolean {
  return isPresent === joins > 0;
}

/** Names have no control characters, so the text is unique. */
function keyOf(topic: string, member: string): string {
  return `${topic}\n${member}`;
}
