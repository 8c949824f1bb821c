import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { RunClaim } from '../backplane/backplane.ts';
import { BackplaneError, RunError } from '../errors.ts';
import { ChildHoldings } from './child-holdings.ts';
import type { LocalStore } from './followed-log.ts';
import type { WireCall } from './wire-calls.ts';

/** The calls of one child, as the parent makes them. It remembers what belongs to the child, and goes with it. */
export class SessionCalls {
  readonly #store: LocalStore;
  readonly #holdings = new ChildHoldings();
  /** Calls that have begun and are not settled. */
  #inFlight = 0;
  #isOver = false;

  constructor(store: LocalStore) {
    this.#store = store;
  }

  /** A call begins that is made elsewhere. */
  begin(): void {
    this.#inFlight += 1;
  }

  /** A call is settled. */
  settled(): void {
    this.#inFlight -= 1;
    this.#releaseIfOver();
  }

  /** Makes a call. It begins before this function returns, so calls take effect in their order. */
  async make(wire: Exclude<WireCall, { method: 'read' | 'follow' }>): Promise<unknown> {
    this.begin();
    try {
      return await this.#make(wire);
    } finally {
      this.settled();
    }
  }

  /** The child has ended. What it called for before is done first, and then what belongs to it is given up. */
  end(): void {
    this.#isOver = true;
    this.#releaseIfOver();
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ inFlight: this.#inFlight, holdings: this.#holdings }));
  }

  async #make(wire: Exclude<WireCall, { method: 'read' | 'follow' }>): Promise<unknown> {
    const store = this.#store;
    switch (wire.method) {
      case 'runInfo':
        return store.runInfo(...wire.args);
      case 'stats':
        return store.stats();
      case 'delete':
        return store.delete(...wire.args);
      case 'revoke': {
        const [topic, subject] = wire.args;
        await store.revoke(topic, subject ?? undefined);
        return store.revocations;
      }
      case 'join':
        return this.#join(...wire.args);
      case 'leave': {
        const [topic, member, settings] = wire.args;
        // A member of another child stays.
        return this.#holdings.left(topic, member) ? store.leave(topic, member, settings) : undefined;
      }
      case 'claimRun':
        return this.#claimed(await store.claimRun(...wire.args));
      case 'claimExpiredRun':
        return this.#claimed(await store.claimExpiredRun(wire.args[0] ?? undefined));
      case 'renewRun':
        return this.#held(wire.args, false, store.renewRun(...wire.args));
      case 'releaseRun':
        return this.#held(wire.args, true, store.releaseRun(...wire.args));
      case 'endRun':
        return this.#held(wire.args, true, store.endRun(...wire.args));
      case 'cancelRun':
        return store.cancelRun(...wire.args);
      default:
        return unknownCall(wire);
    }
  }

  async #join(...[topic, member, settings]: Extract<WireCall, { method: 'join' }>['args']): Promise<void> {
    // Before it has joined, because a leave may come at once.
    this.#holdings.joined(topic, member.member, settings);
    try {
      await this.#store.join(topic, member, settings);
    } catch (error) {
      this.#holdings.left(topic, member.member);
      throw error;
    }
  }

  /** Remembers that the child has the lease. */
  #claimed<Claim extends RunClaim | { readonly token: undefined } | undefined>(claim: Claim): Claim {
    if (claim?.token !== undefined) this.#holdings.claimed(claim.run.id, claim.token);
    return claim;
  }

  /** Waits for a call with a token. @param isLast - the token is not valid after it. */
  async #held<Result>(
    [id, token]: readonly [id: string, token: number, ...unknown[]],
    isLast: boolean,
    made: Promise<Result>,
  ): Promise<Result> {
    try {
      const result = await made;
      if (isLast) this.#holdings.lost(id, token);
      return result;
    } catch (error) {
      if (error instanceof RunError) this.#holdings.lost(id, token);
      throw error;
    }
  }

  #releaseIfOver(): void {
    if (this.#isOver && this.#inFlight === 0) this.#holdings.release(this.#store);
  }
}

function unknownCall(wire: { readonly method: string }): never {
  throw new BackplaneError(
    'ERR_TOPICS_UNAVAILABLE',
    `${wire.method} is a call of a newer version; nothing was done`,
  );
}
