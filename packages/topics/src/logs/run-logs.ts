import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type NewRun, type NewRunEnd, type RunClaim, recordBytes } from '../backplane/backplane.ts';
import { newEpoch } from '../cursor.ts';
import { RunError, TopicsLimitError } from '../errors.ts';
import { type Payload, TopicRecord } from '../record.ts';
import { Log } from './log.ts';
import type { ClaimEntry, ContinueEntry, EndEntry, RecordEntry } from './log-entry.ts';
import { Plans } from './plans.ts';
import { RunState } from './run-state.ts';

/** The logs of all runs, and their leases. */
export class RunLogs {
  readonly #maxRuns: number;
  readonly #clock: Clock;
  readonly #runs = new Map<string, RunState>();
  /** Those without an end. */
  readonly #going = new Set<RunState>();
  /** No run is to be forgotten before this time. */
  #nextForgetAt = Number.POSITIVE_INFINITY;
  #bytes = 0;
  #records = 0;
  #textBytes = 0;

  constructor(maxRuns: number, clock: Clock) {
    this.#maxRuns = maxRuns;
    this.#clock = clock;
  }

  get size(): number {
    return this.#runs.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Length of all inputs and results. */
  get textBytes(): number {
    return this.#textBytes;
  }

  get recordCount(): number {
    return this.#records;
  }

  ids(): string[] {
    return [...this.#runs.keys()];
  }

  find(id: string): RunState | undefined {
    this.forgetEnded();
    return this.#runs.get(id);
  }

  /** @throws RunError `ERR_RUN_NOT_FOUND`. */
  get(id: string): RunState {
    const run = this.find(id);
    if (run === undefined) throw new RunError('ERR_RUN_NOT_FOUND', `there is no run ${id}`);
    return run;
  }

  planClaim({ id, owner, input, settings }: NewRun, plans: Plans = new Plans()): ClaimEntry | RunState {
    const known = this.find(id);
    if (known !== undefined) return known;
    if (this.#runs.size + plans.newRuns >= this.#maxRuns) {
      throw new TopicsLimitError(
        'ERR_RUN_LIMIT',
        `maxRuns (${this.#maxRuns}) runs exist already; raise maxRuns or shorten ttlMs`,
      );
    }
    plans.for({ kind: 'run', name: id });
    plans.newRuns += 1;
    const time = this.#clock.wallTime();
    const epoch = newEpoch();
    return {
      type: 'claim',
      id,
      epoch,
      past: [],
      isEpochOver: false,
      attempt: 0,
      owner,
      input,
      settings,
      time,
    };
  }

  planWrite(id: string, token: number, payload: Payload, plans: Plans = new Plans()): RecordEntry {
    const { log, claim } = this.#held(id, token);
    const planned = plans.find(log.name);
    const { records = 0, bytes = 0 } = planned ?? {};
    const { maxRecords, maxBytes } = claim.settings;
    const added = recordBytes(payload, undefined);
    if (log.length + records >= maxRecords || log.bytes + bytes + added > maxBytes) {
      throw new TopicsLimitError(
        'ERR_RUN_LIMIT',
        `run ${id}: its log is limited to ${maxRecords} records and ${maxBytes} bytes`,
      );
    }
    const chain = plans.for(log.name);
    chain.records += 1;
    chain.bytes += added;
    const position = log.lastPosition + chain.records;
    const time = this.#clock.wallTime();
    return { type: 'record', log: log.name, position, time, key: undefined, id: undefined, payload };
  }

  planEnd(id: string, token: number, { how, result, error }: NewRunEnd): EndEntry {
    const { log } = this.#held(id, token);
    const time = this.#clock.wallTime();
    return { type: 'end', id, position: log.lastPosition + 1, time, how, result, error };
  }

  planContinue({ claim: { id }, log, attempt }: RunState): ContinueEntry {
    return { type: 'continue', id, attempt: attempt + 1, epoch: log.isEpochOver ? newEpoch() : undefined };
  }

  /** @throws RunError `ERR_RUN_LEASE_LOST`. */
  renew(id: string, token: number): void {
    const run = this.#held(id, token);
    run.leaseUntil = this.#clock.now() + run.claim.settings.leaseMs;
  }

  /** A run that goes on but has no valid lease. @param id - only that one. @param except - none with a plan. */
  expired(id: string | undefined, except: Plans | undefined): RunState | undefined {
    const now = this.#clock.now();
    const isExpired = (run: RunState) =>
      run.log.end === undefined && run.leaseUntil <= now && except?.find(run.log.name) === undefined;
    if (id !== undefined) {
      const run = this.#runs.get(id);
      return run !== undefined && isExpired(run) ? run : undefined;
    }
    for (const run of this.#going) if (isExpired(run)) return run;
    return undefined;
  }

  /** Starts the lease of the producer that a `claim` or `continue` has made the present one. */
  lease(run: RunState): RunClaim {
    const { settings } = run.claim;
    run.leaseUntil = this.#clock.now() + settings.leaseMs;
    return { token: run.token, run: run.info(), settings };
  }

  /** Takes all runs from their producers: what they write is refused until the run is claimed again. */
  endLeases(): void {
    for (const run of this.#going) run.leaseUntil = Number.NEGATIVE_INFINITY;
  }

  /** Makes the next producer of each run begin a new epoch. */
  endEpochs(): void {
    for (const { log } of this.#going) log.endEpoch();
  }

  claim(entry: ClaimEntry): void {
    this.#forget(entry.id);
    const { id, epoch, past, isEpochOver } = entry;
    const run = new RunState(
      entry,
      new Log({ kind: 'run', name: id }, epoch, { pastEpochs: past, isEpochOver }),
    );
    this.#runs.set(id, run);
    this.#textBytes += entry.input?.length ?? 0;
    this.#going.add(run);
  }

  continue({ id, attempt, epoch }: ContinueEntry): void {
    const run = this.#runs.get(id);
    if (run === undefined) return;
    run.attempt = attempt;
    if (epoch !== undefined && epoch !== run.log.epoch) run.log.beginEpoch(epoch);
  }

  cancel(id: string): void {
    const run = this.#runs.get(id);
    if (run === undefined) return;
    run.cancelRequested = true;
    run.log.notify((follower) => follower.cancelRequested?.());
  }

  record({ log: { name }, position, time, payload }: RecordEntry): void {
    const log = this.#runs.get(name)?.log;
    if (log === undefined || log.end !== undefined || position !== log.lastPosition + 1) return;
    const record = new TopicRecord(log.cursorAt(position), time, undefined, payload);
    const { bytes } = log;
    log.add(record, this.#clock.now());
    this.#bytes += log.bytes - bytes;
    this.#records += 1;
    log.notify((follower) => follower.record(record));
  }

  end(entry: EndEntry): void {
    const run = this.#runs.get(entry.id);
    if (run === undefined || run.log.end !== undefined) return;
    const { how, result, error } = entry;
    const parsed: unknown = result === undefined ? undefined : JSON.parse(result);
    const end = run.log.finish({
      kind: 'end',
      how,
      ...(result === undefined ? {} : { result: parsed }),
      ...(error === undefined ? {} : { error }),
    });
    run.end = entry;
    this.#textBytes += result?.length ?? 0;
    run.leaseUntil = Number.NEGATIVE_INFINITY;
    run.forgetAt = this.#clock.now() + run.claim.settings.ttlMs;
    this.#nextForgetAt = Math.min(this.#nextForgetAt, run.forgetAt);
    this.#going.delete(run);
    run.log.notify((follower) => follower.ended(end));
  }

  /** Forgets the ended runs whose `ttlMs` has passed. */
  forgetEnded(): void {
    const now = this.#clock.now();
    if (now < this.#nextForgetAt) return;
    this.#nextForgetAt = Number.POSITIVE_INFINITY;
    for (const [id, run] of this.#runs) {
      if (run.forgetAt <= now) this.#forget(id);
      else this.#nextForgetAt = Math.min(this.#nextForgetAt, run.forgetAt);
    }
  }

  /** Forgets all. @returns the logs. */
  clear(): readonly Log[] {
    const logs = [...this.#runs.values()].map(({ log }) => log);
    this.#runs.clear();
    this.#going.clear();
    this.#bytes = 0;
    this.#records = 0;
    this.#textBytes = 0;
    return logs;
  }

  [INSPECT](): object {
    return inspection(this, ['size', 'recordCount', 'bytes']);
  }

  /** @throws RunError unless the token is that of the present producer. */
  #held(id: string, token: number): RunState {
    const run = this.#runs.get(id);
    const isHeld = run?.token === token && run.leaseUntil !== Number.NEGATIVE_INFINITY;
    if (run !== undefined && isHeld && run.log.end === undefined) return run;
    throw new RunError('ERR_RUN_LEASE_LOST', `the run ${id} was ended or continued elsewhere`);
  }

  #forget(id: string): void {
    const run = this.#runs.get(id);
    if (run === undefined) return;
    this.#runs.delete(id);
    this.#going.delete(run);
    this.#bytes -= run.log.bytes;
    this.#records -= run.log.length;
    this.#textBytes -= (run.claim.input?.length ?? 0) + (run.end?.result?.length ?? 0);
  }
}
