import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import {
  type LogName,
  type NewRun,
  type NewRunEnd,
  newEpoch,
  type Payload,
  type RunClaim,
  RunError,
  type RunInfo,
  type TopicEnd,
  TopicsLimitError,
} from '@landspout/topics';
import type { LuaScript } from '../connection/lua-script.ts';
import type { RedisArgument, RedisLink, RedisReply } from '../connection/redis-link.ts';
import { cursorOf, parseCursor } from '../cursor.ts';
import { endKeyOf, keysOf } from '../keys.ts';
import { endOf } from '../logs/log-state.ts';
import { listOf, textOf, writtenBy } from '../logs/replies.ts';
import { CallIds } from './call-ids.ts';
import { type IndexedRun, RunIndex } from './run-index.ts';
import { runInfoOf, runSettingsOf, settingsArguments } from './run-replies.ts';
import { CANCEL, CLAIM, CLAIM_EXPIRED, END, INFO, RELEASE, RENEW, WRITE } from './run-scripts.ts';

/** Most entries of the index that one search looks at. */
const MAX_TAKEN = 100;
/** Most runs whose claim has an unknown outcome, and is tried again. */
const MAX_UNCLEAR = 100;
/** When a run of a newer version is looked at again, in milliseconds. */
const NEWER_MS = 15_000;

/** The followers in this process: calls settle after they were notified. */
export interface RunFollowers {
  /** Resolves when they were notified of everything up to an entry. */
  reached(log: LogName, epoch: string, id: string): Promise<void>;
}

/** What runs need of the backplane. */
export interface RunServices {
  readonly link: RedisLink;
  readonly prefix: string;
  readonly quietLog: RateLimitedLog;
  readonly followers: RunFollowers;
  /** Most runs without an end, of all processes. */
  readonly maxRuns: number;
}

type ClaimOutcome = RunClaim | { readonly token: undefined; readonly run: RunInfo };

/**
 * The runs of all processes, and their leases. Each call is one script; a script that changes a run checks the fencing
 * token first. Leases are judged by the clock of Redis.
 *
 * An unfinished run is kept for its lease, the longest duration of a producer and one day after the last renewal.
 */
export class RedisRuns {
  readonly #services: RunServices;
  readonly #index: RunIndex;
  readonly #callIds = new CallIds();
  /** Runs whose claim has an unknown outcome: perhaps this process has them. */
  readonly #unclear = new Map<string, IndexedRun>();

  constructor(services: RunServices) {
    this.#services = services;
    this.#index = new RunIndex(services);
  }

  /** Number of runs that this process has claimed, as far as it knows. */
  get held(): number {
    return this.#index.held;
  }

  /**
   * As `Backplane.claimRun`. If the outcome of a claim is unknown, the next one of the same id and owner by this process
   * gets the run.
   */
  claimRun(run: NewRun): Promise<ClaimOutcome> {
    return this.#callIds.call(`claim ${JSON.stringify([run.id, run.owner])}`, async (callId) => {
      const epoch = newEpoch();
      const known = await this.#claim(run, callId, epoch, 'look');
      if (known !== undefined) return known;
      // In the index first: a run that is not there is not found when its process ends.
      if (!(await this.#index.add({ id: run.id, epoch }, run.settings.leaseMs))) {
        throw this.#tooMany();
      }
      return (await this.#claim(run, callId, epoch, 'claim')) as ClaimOutcome;
    });
  }

  async renewRun(id: string, token: number): Promise<void> {
    const [, epoch, leaseMs] = await this.#held(RENEW, id, token, []);
    this.#index.hold({ id, epoch: textOf(epoch), token, leaseMs: Number(textOf(leaseMs)) });
  }

  async releaseRun(id: string, token: number): Promise<void> {
    const [, epoch] = await this.#held(RELEASE, id, token, []);
    this.#index.lost(id, token);
    await this.#index.released({ id, epoch: textOf(epoch) });
  }

  async writeRun(id: string, token: number, payload: Payload): Promise<string> {
    const type = typeof payload === 'string' ? 't' : 'b';
    const reply = await this.#held(WRITE, id, token, [type, payload, newEpoch()]);
    const [outcome, first, second] = reply.map(textOf) as [string, string, string];
    if (outcome === 'full') {
      throw new TopicsLimitError(
        'ERR_RUN_LIMIT',
        `run ${id}: its log is limited to ${first} records and ${second} bytes`,
      );
    }
    await this.#services.followers.reached(logOf(id), first, second);
    return cursorOf(first, second);
  }

  /** As `Backplane.endRun`. If the outcome is unknown, the next call with this token finds out how the run has ended. */
  endRun(id: string, token: number, end: NewRunEnd): Promise<TopicEnd> {
    return this.#callIds.call(`end ${token} ${id}`, async (callId) => {
      const reply = await this.#held(END, id, token, [callId, jsonOf(end)]);
      const [, epoch, entry, json] = reply.map(textOf) as [string, string, string, string];
      this.#index.ended({ id, epoch }, token);
      await this.#services.followers.reached(logOf(id), epoch, entry);
      return endOf(json, epoch, entry);
    });
  }

  async cancelRun(id: string): Promise<RunInfo> {
    return this.#found(id, await this.#run(CANCEL, id, []));
  }

  async runInfo(id: string): Promise<RunInfo> {
    return this.#found(id, await this.#run(INFO, id, []));
  }

  /** As `Backplane.claimExpiredRun`. A run that a newer version has written is left to processes that have it. */
  async claimExpiredRun(id?: string): Promise<RunClaim | undefined> {
    if (id !== undefined) return this.#claimExpired({ id, epoch: '' });
    await this.#index.refresh();
    for (let taken = 0; taken < MAX_TAKEN; taken += 1) {
      const run = this.#nextUnclear() ?? (await this.#index.take());
      if (run === undefined) return undefined;
      const claim = await this.#claimExpired(run);
      if (claim !== undefined) return claim;
    }
    return undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['held']);
  }

  /** @returns undefined if there is no such run, and it was only to be looked at. */
  async #claim(
    run: NewRun,
    callId: string,
    epoch: string,
    mode: 'look' | 'claim',
  ): Promise<ClaimOutcome | undefined> {
    const { id, owner, input, settings } = run;
    const hasInput = input === undefined ? '0' : '1';
    const args = [epoch, callId, mode, owner, hasInput, input ?? '', ...settingsArguments(settings)];
    const reply = await this.#run(CLAIM, id, args);
    const outcome = textOf(reply[0]);
    if (outcome === 'claimed') return this.#claimed(id, reply);
    return outcome === 'none' ? undefined : { token: undefined, run: runInfoOf(id, reply[1]) };
  }

  /** @param run - an empty epoch: of any. */
  async #claimExpired(run: IndexedRun): Promise<RunClaim | undefined> {
    const { id, epoch } = run;
    try {
      return await this.#callIds.call(`expired ${id}`, async (callId) => {
        const { link } = this.#services;
        const { keys, channel } = this.#keysOf(id);
        const reply = listOf(await link.run(CLAIM_EXPIRED, keys, [channel, callId, epoch]));
        return this.#expiredOf(run, reply);
      });
    } catch (error) {
      if (epoch !== '' && this.#unclear.size < MAX_UNCLEAR) this.#unclear.set(id, run);
      throw error;
    }
  }

  #expiredOf(run: IndexedRun, reply: readonly RedisReply[]): RunClaim | undefined {
    const isIndexed = run.epoch !== '';
    switch (textOf(reply[0])) {
      case 'claimed': {
        const claim = this.#claimed(run.id, reply);
        this.#index.expires({ ...run, epoch: epochOf(claim.run) }, claim.settings.leaseMs);
        return claim;
      }
      case 'held':
        // A millisecond later, it has expired.
        if (isIndexed) this.#index.expires(run, Number(textOf(reply[1])) + 1);
        return undefined;
      case 'newer':
        if (isIndexed) this.#index.expires(run, NEWER_MS);
        this.#warnOfNewer(run.id, textOf(reply[1]));
        return undefined;
      default:
        if (isIndexed) this.#index.gone(run);
        return undefined;
    }
  }

  #claimed(id: string, reply: readonly RedisReply[]): RunClaim {
    const token = Number(textOf(reply[1]));
    const [run, settings] = [runInfoOf(id, reply[2]), runSettingsOf(reply[3])];
    this.#index.hold({ id, epoch: epochOf(run), token, leaseMs: settings.leaseMs });
    return { token, run, settings };
  }

  #nextUnclear(): IndexedRun | undefined {
    const next = this.#unclear.entries().next();
    if (next.done === true) return undefined;
    const [id, run] = next.value;
    this.#unclear.delete(id);
    return run;
  }

  /** Runs a script that only the producer may run. @throws RunError `ERR_RUN_LEASE_LOST`. */
  async #held(
    script: LuaScript,
    id: string,
    token: number,
    args: readonly RedisArgument[],
  ): Promise<readonly RedisReply[]> {
    const reply = await this.#run(script, id, [String(token), ...args]);
    if (textOf(reply[0]) !== 'lost') return reply;
    this.#index.lost(id, token);
    throw new RunError('ERR_RUN_LEASE_LOST', `the run ${id} was ended or continued elsewhere`);
  }

  async #run(script: LuaScript, id: string, args: readonly RedisArgument[]): Promise<readonly RedisReply[]> {
    const { keys, channel } = this.#keysOf(id);
    return writtenBy(await this.#services.link.run(script, keys, [channel, ...args]), logOf(id));
  }

  #keysOf(id: string) {
    const { channel, log, meta } = keysOf(this.#services.prefix, logOf(id));
    return { channel, keys: [log, meta, endKeyOf(channel)] };
  }

  /** @throws RunError `ERR_RUN_NOT_FOUND`. */
  #found(id: string, [outcome, info]: readonly RedisReply[]): RunInfo {
    if (textOf(outcome) === 'run') return runInfoOf(id, info);
    throw new RunError('ERR_RUN_NOT_FOUND', `there is no run ${id}`);
  }

  #tooMany(): TopicsLimitError {
    const { maxRuns } = this.#services;
    return new TopicsLimitError(
      'ERR_RUN_LIMIT',
      `maxRuns (${maxRuns}) runs go on already; raise the limit of the backplane`,
    );
  }

  #warnOfNewer(id: string, version: string): void {
    const message =
      'a run was written by a newer version of the package, and is left to processes that have it';
    this.#services.quietLog.warn('newer run', { runId: id, version }, message);
  }
}

const logOf = (id: string): LogName => ({ kind: 'run', name: id });

function epochOf({ cursor }: RunInfo): string {
  return parseCursor(cursor)?.epoch ?? '';
}

function jsonOf({ how, result, error }: NewRunEnd): string {
  const rest = error === undefined ? '' : `,"error":${JSON.stringify(error)}`;
  return `{"how":"${how}"${result === undefined ? '' : `,"result":${result}`}${rest}}`;
}
