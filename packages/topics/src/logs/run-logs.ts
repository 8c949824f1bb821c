import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { type NewRun, type NewRunEnd, type RunClaim, recordBytes } from '../backplane/backplane.ts';
import { newEpoch } from '../cursor.ts';
import { RunError, TopicsLimitError } from '../errors.ts';
import { type Payload, TopicRecord } from '../record.ts';
import { EndedRuns } from './ended-runs.ts';
import { Log } from './log.ts';
import type { ClaimEntry, ContinueEntry, EndEntry, ForgetEntry, LogEntry, RecordEntry } from './log-entry.ts';
import { Plans } from './plans.ts';
import { RunState } from './run-state.ts';

/** The limits of {@link RunLogs}. */
export interface RunLimits {
  readonly maxRuns: number;
  readonly maxRunBytes: number;
}

/** A record to write, and what is forgotten for it. */
export interface WritePlan {
  readonly entries: readonly LogEntry[];
  readonly position: number;
}

/**
 * The logs of all runs, and their leases. Ended runs are forgotten when their time is over, and before if there is no
 * room for others: by an entry of its own, so that applying another one never forgets a run.
 */
export class RunLogs {
  readonly #limits: RunLimits;
  readonly #clock: Clock;
  readonly #runs = new Map<string, RunState>();
  /** Those without an end. */
  readonly #going = new Set<RunState>();
  readonly #ended = new EndedRuns();
  /** Bytes of the ended runs. */
  #endedBytes = 0;
  /** Plans that are being written. */
  #inFlight: Plans | undefined;
  #bytes = 0;
  #records = 0;
  #textBytes = 0;

  constructor(limits: RunLimits, clock: Clock) {
    this.#limits = limits;
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

  /** Keeps what is planned to be forgotten out of the list of ended runs until it was applied or has failed. */
  hold(plans: Plans | undefined): void {
    const before = this.#inFlight;
    this.#inFlight = plans;
    for (const run of before?.forgottenRuns ?? []) this.#keep(run);
  }

  planClaim({ id, owner, input, settings }: NewRun, plans: Plans = new Plans()): WritePlan | RunState {
    const known = this.find(id);
    if (known !== undefined) return known;
    const { maxRuns } = this.#limits;
    const count = this.#runs.size + plans.newRuns - plans.forgottenRuns.length + 1 - maxRuns;
    const forgotten = this.#makeRoom(plans, count, input?.length ?? 0);
    if (forgotten === undefined) {
      throw new TopicsLimitError(
        'ERR_RUN_LIMIT',
        `maxRuns (${maxRuns}) runs go on already, or they have maxRunBytes (${this.#limits.maxRunBytes}); raise the limit of the backplane`,
      );
    }
    plans.for({ kind: 'run', name: id });
    plans.newRuns += 1;
    const claim: ClaimEntry = {
      type: 'claim',
      id,
      epoch: newEpoch(),
      past: [],
      isEpochOver: false,
      attempt: 0,
      owner,
      input,
      settings,
      time: this.#clock.wallTime(),
    };
    return { entries: [...forgotten, claim], position: 0 };
  }

  planWrite(id: string, token: number, payload: Payload, plans: Plans = new Plans()): WritePlan {
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
    const forgotten = this.#makeRoom(plans, 0, added);
    if (forgotten === undefined) {
      throw new TopicsLimitError(
        'ERR_RUN_LIMIT',
        `run ${id}: the runs that go on have maxRunBytes (${this.#limits.maxRunBytes}) together; raise the limit of the backplane`,
      );
    }
    const chain = plans.for(log.name);
    chain.records += 1;
    chain.bytes += added;
    const position = log.lastPosition + chain.records;
    const time = this.#clock.wallTime();
    const part = { key: undefined, id: undefined, payload };
    return { entries: [...forgotten, { type: 'record', log: log.name, position, time, ...part }], position };
  }

  planEnd(
    id: string,
    token: number,
    { how, result, error }: NewRunEnd,
    plans: Plans = new Plans(),
  ): readonly LogEntry[] {
    const { log } = this.#held(id, token);
    const time = this.#clock.wallTime();
    // A run can end although there is no room for its result.
    const forgotten = this.#makeRoom(plans, 0, result?.length ?? 0) ?? [];
    return [...forgotten, { type: 'end', id, position: log.lastPosition + 1, time, how, result, error }];
  }

  planContinue({ claim: { id }, log, attempt }: RunState): ContinueEntry {
    return { type: 'continue', id, attempt: attempt + 1, epoch: log.isEpochOver ? newEpoch() : undefined };
  }

  /** @throws RunError `ERR_RUN_LEASE_LOST`. */
  renew(id: string, token: number): void {
    const run = this.#held(id, token);
    run.leaseUntil = this.#clock.now() + run.claim.settings.leaseMs;
  }

  release(id: string, token: number): void {
    this.#held(id, token).leaseUntil = Number.NEGATIVE_INFINITY;
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
    // Behind those that may have expired, so that looking for them passes few others.
    if (this.#going.delete(run)) this.#going.add(run);
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
    const before = this.#runs.get(entry.id);
    if (before !== undefined) this.#forget(before);
    const { id, epoch, past, isEpochOver } = entry;
    const run = new RunState(
      entry,
      new Log({ kind: 'run', name: id }, epoch, { pastEpochs: past, isEpochOver }),
    );
    this.#runs.set(id, run);
    this.#textBytes += run.textBytes;
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
    this.#going.delete(run);
    this.#keep(run);
    run.log.notify((follower) => follower.ended(end));
  }

  /** Forgets a run for which there is no room. */
  forget(id: string): void {
    const run = this.#runs.get(id);
    if (run !== undefined) this.#forget(run);
  }

  /** Forgets the ended runs whose `ttlMs` has passed. */
  forgetEnded(): void {
    const now = this.#clock.now();
    for (let run = this.#ended.first; run !== undefined && run.forgetAt <= now; run = this.#ended.first) {
      this.#take();
      this.#forget(run);
    }
  }

  /** Applies the limits after a replay. @param done - gets the entries that make the same of the journal. */
  *fit(done: LogEntry[]): Generator<void, void> {
    const { maxRuns, maxRunBytes } = this.#limits;
    while (this.#runs.size > maxRuns || this.#bytes + this.#textBytes > maxRunBytes) {
      const run = this.#take();
      if (run === undefined) break;
      this.#forget(run);
      done.push({ type: 'forget', log: run.log.name });
      yield;
    }
  }

  /** Forgets all. @returns the logs. */
  clear(): readonly Log[] {
    const logs = [...this.#runs.values()].map(({ log }) => log);
    this.#runs.clear();
    this.#going.clear();
    this.#ended.clear();
    this.#endedBytes = 0;
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

  /**
   * Takes ended runs from the list until there is room: those whose time is over first.
   *
   * @param count - how many runs there are too many.
   * @returns undefined if there is no room even without all of them.
   */
  #makeRoom(plans: Plans, count: number, bytes: number): readonly ForgetEntry[] | undefined {
    const { maxRunBytes } = this.#limits;
    const excess = this.#bytes + this.#textBytes + plans.runBytes + bytes - maxRunBytes;
    if (count > this.#ended.size || excess > this.#endedBytes) return undefined;
    const entries: ForgetEntry[] = [];
    let freed = 0;
    while (entries.length < count || freed < excess) {
      const run = this.#take();
      if (run === undefined) break;
      freed += run.bytes;
      plans.for(run.log.name).isSealed = true;
      plans.forgottenRuns.push(run);
      entries.push({ type: 'forget', log: run.log.name });
    }
    plans.runBytes += bytes - freed;
    return entries;
  }

  /** Adds an ended run to the list, unless it was forgotten. */
  #keep(run: RunState): void {
    if (this.#runs.get(run.claim.id) !== run) return;
    this.#ended.add(run);
    this.#endedBytes += run.bytes;
  }

  #take(): RunState | undefined {
    const run = this.#ended.take();
    if (run !== undefined) this.#endedBytes -= run.bytes;
    return run;
  }

  #forget(run: RunState): void {
    const { id } = run.claim;
    // A run that was forgotten may be in the list of ended runs after another one has got its id.
    if (this.#runs.get(id) !== run) return;
    this.#runs.delete(id);
    this.#going.delete(run);
    this.#bytes -= run.log.bytes;
    this.#records -= run.log.length;
    this.#textBytes -= run.textBytes;
  }
}
