import type { ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { DoorHandler, MessageDoor } from '@landspout/ioloop/processes';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type {
  Backplane,
  BackplaneStats,
  Following,
  FollowOptions,
  LogFollower,
  LogName,
  NewRecord,
  NewRun,
  NewRunEnd,
  Page,
  PageSize,
  PresenceSettings,
  ReadFrom,
  RunClaim,
  RunInfo,
  TopicSettings,
} from '../backplane/backplane.ts';
import { comparePositions } from '../cursor.ts';
import { BackplaneError } from '../errors.ts';
import { frozen, type Payload, type TopicEnd, type TopicMember } from '../record.ts';
import { type CallPlan, ChildCalls } from './child-calls.ts';
import { ChildFollowing } from './child-following.ts';
import { ChildMembers } from './child-members.ts';
import { ChildReplies } from './child-replies.ts';
import { type LostReason, lostReply, PROBLEMS } from './lost-door.ts';
import type { ProcessesRules } from './processes-options.ts';
import {
  appendToParent,
  callToParent,
  helloToParent,
  WIRE_VERSION,
  type WireCall,
  writeToParent,
} from './wire-calls.ts';
import { readFromParent } from './wire-replies.ts';

/** How long after its parent's end the system may still report it as that of this process. */
const ORPHANED_MS = 5000;
/** A parent that closes the doors of a child again and again is not kept busy with that. */
const REOPEN_MS = 1000;
/** How long `close` waits for replies. */
const CLOSE_WAIT_MS = 5000;
const NOTHING: BackplaneStats = { topics: 0, runs: 0, records: 0, historyBytes: 0, members: 0 };

type Claimed = RunClaim | { readonly token: undefined; readonly run: RunInfo };

/** The side of a child: everything is kept in the parent, which it calls through a door. */
export class ChildBackplane implements Backplane {
  readonly name = 'processes';
  readonly #rules: ProcessesRules;
  readonly #open: () => MessageDoor;
  #door: MessageDoor;
  readonly #members = new ChildMembers();
  readonly #calls: ChildCalls;
  readonly #following: ChildFollowing;
  readonly #replies: ChildReplies;
  /** The version of the parent, if it is newer. */
  #newerVersion: number | undefined;
  /** The process of the parent. */
  readonly #parent = process.ppid;
  #isLost = false;
  /** Whether the parent has ever accepted the door. */
  #wasOpen = false;
  /** Until the door is opened again, or what is followed ends. */
  #lossTimer: ClockTimer | undefined;
  #stats = NOTHING;
  #isCounting = false;
  #closed: Promise<void> | undefined;

  private constructor(rules: ProcessesRules, openDoor: (handler: DoorHandler) => MessageDoor) {
    this.#rules = rules;
    this.#open = () =>
      openDoor({
        message: (message) => this.#received(message),
        drained() {},
        closed: (reason) => this.#lost(reason),
      });
    this.#door = this.#open();
    const { clock } = rules;
    this.#calls = new ChildCalls({ door: this.#door, clock, broken: () => this.#broken() });
    this.#following = new ChildFollowing(this.#calls, rules.logger);
    this.#replies = new ChildReplies(this.#calls, this.#following);
  }

  /**
   * Opens the door, and waits until the parent has accepted it.
   *
   * @throws BackplaneError `ERR_TOPICS_UNAVAILABLE` if the parent has no backplane of this name, or has ended.
   */
  static async open(
    rules: ProcessesRules,
    openDoor: (handler: DoorHandler) => MessageDoor,
  ): Promise<ChildBackplane> {
    const child = new ChildBackplane(rules, openDoor);
    try {
      await child.#greet();
    } catch (error) {
      child.#door.close();
      throw error;
    }
    return child;
  }

  /** Bytes that the parent has not taken. */
  get queuedBytes(): number {
    return this.#door.queuedBytes;
  }

  get revocations(): number {
    return this.#following.revocations;
  }

  async append(topic: string, record: NewRecord, settings: TopicSettings): Promise<string> {
    this.#requireWritable('publish');
    return this.#calls.make<string>({
      operation: 'publish',
      isChange: true,
      log: { kind: 'topic', name: topic },
      encode: (writer, call) => appendToParent(writer, call, topic, record, settings),
    });
  }

  read(log: LogName, from: ReadFrom, size: PageSize): Promise<Page> {
    return this.#look('read', { method: 'read', args: [log, from, size] });
  }

  follow(log: LogName, follower: LogFollower, options: FollowOptions): Promise<Following> {
    return this.#following.follow(log, follower, options);
  }

  compare(a: string, b: string): number {
    return comparePositions(a, b);
  }

  delete(topic: string): Promise<void> {
    return this.#change('delete', { method: 'delete', args: [topic] }, nothing);
  }

  revoke(topic: string, subject: string | undefined): Promise<void> {
    const call: WireCall = { method: 'revoke', args: [topic, subject ?? null] };
    return this.#change('revoke', call, (count: number) => this.#following.knowRevocations(count));
  }

  join(topic: string, member: TopicMember, settings: PresenceSettings): Promise<void> {
    const joined = (): void => this.#members.joined({ topic, member, settings });
    return this.#change('join', { method: 'join', args: [topic, member, settings] }, joined);
  }

  leave(topic: string, member: string, settings: PresenceSettings): Promise<void> {
    const left = (): void => this.#members.left(topic, member);
    return this.#change('leave', { method: 'leave', args: [topic, member, settings] }, left);
  }

  claimRun(run: NewRun): Promise<Claimed> {
    const resultOf = (claim: Claimed): Claimed =>
      ({ ...claim, token: claim.token, run: infoOf(claim.run) }) as Claimed;
    return this.#change('claimRun', { method: 'claimRun', args: [run] }, resultOf);
  }

  renewRun(id: string, token: number): Promise<void> {
    return this.#change('renewRun', { method: 'renewRun', args: [id, token] }, nothing);
  }

  releaseRun(id: string, token: number): Promise<void> {
    return this.#change('releaseRun', { method: 'releaseRun', args: [id, token] }, nothing);
  }

  async writeRun(id: string, token: number, payload: Payload): Promise<string> {
    this.#requireWritable('write');
    return this.#calls.make<string>({
      operation: 'write',
      isChange: true,
      log: { kind: 'run', name: id },
      encode: (writer, call) => writeToParent(writer, call, id, token, payload),
    });
  }

  endRun(id: string, token: number, end: NewRunEnd): Promise<TopicEnd> {
    return this.#change('endRun', { method: 'endRun', args: [id, token, end] }, (written: TopicEnd) =>
      frozen(written),
    );
  }

  cancelRun(id: string): Promise<RunInfo> {
    return this.#change('cancelRun', { method: 'cancelRun', args: [id] }, infoOf);
  }

  runInfo(id: string): Promise<RunInfo> {
    return this.#look('runInfo', { method: 'runInfo', args: [id] }, infoOf);
  }

  claimExpiredRun(id?: string): Promise<RunClaim | undefined> {
    const call: WireCall = { method: 'claimExpiredRun', args: [id ?? null] };
    return this.#change('claimExpiredRun', call, (claim: RunClaim | null) =>
      claim === null ? undefined : { ...claim, run: infoOf(claim.run) },
    );
  }

  /** The counts of the parent, as they were at the call before: this one asks for newer ones, and does not wait. */
  stats(): BackplaneStats {
    if (!this.#isCounting) void this.#count();
    return this.#stats;
  }

  /** Waits for the replies of calls, up to 5 s, and ends what is followed with `closed`. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['name', 'queuedBytes', 'revocations'], () => ({ pending: this.#calls.size }));
  }

  /** A call that changes nothing. */
  #look<Result>(operation: string, call: WireCall, resultOf?: (reply: never) => Result): Promise<Result> {
    return this.#call({ operation, isChange: false }, call, resultOf);
  }

  async #change<Result>(
    operation: WireCall['method'],
    call: WireCall,
    resultOf: (reply: never) => Result,
  ): Promise<Result> {
    this.#requireWritable(operation);
    return this.#call({ operation, isChange: true, isUrgent: URGENT.has(operation) }, call, resultOf);
  }

  #call<Result>(
    plan: Pick<CallPlan<Result>, 'operation' | 'isChange' | 'isUrgent'>,
    wire: WireCall,
    resultOf: ((reply: never) => Result) | undefined,
  ): Promise<Result> {
    return this.#calls.make<Result>({
      ...plan,
      encode: (writer, call) => callToParent(writer, call, wire),
      ...(resultOf === undefined ? {} : { resultOf }),
    });
  }

  /** @throws BackplaneError `ERR_TOPICS_PROCESSES_VERSION`, and others. */
  #requireWritable(operation: string): void {
    this.#calls.requireOpen(operation);
    if (this.#newerVersion === undefined) return;
    throw new BackplaneError(
      'ERR_TOPICS_PROCESSES_VERSION',
      `${operation}: the parent runs version ${this.#newerVersion} of what children send, and this child ${WIRE_VERSION}, so it only reads; restart the whole program`,
    );
  }

  async #greet(): Promise<void> {
    const version = await this.#calls.make<number>({
      operation: 'ProcessesBackplane.open',
      isChange: false,
      isUrgent: true,
      encode: (writer, call) => helloToParent(writer, call, WIRE_VERSION),
    });
    this.#wasOpen = true;
    if (version > WIRE_VERSION) this.#parentIsNewer(version);
  }

  #parentIsNewer(version: number): void {
    this.#newerVersion = version;
    this.#rules.logger.warn(
      { version, own: WIRE_VERSION },
      'the parent runs a newer version of the package than this child, which therefore only reads; restart the whole program',
    );
  }

  async #count(): Promise<void> {
    this.#isCounting = true;
    try {
      this.#stats = await this.#look<BackplaneStats>('stats', { method: 'stats', args: [] });
    } catch {
      // The counts stay.
    } finally {
      this.#isCounting = false;
    }
  }

  #received(message: Uint8Array): void {
    try {
      readFromParent(message, this.#replies);
    } catch (error) {
      this.#rules.logger.error({ error }, 'a message of the parent cannot be read');
      this.#broken();
    }
  }

  /** The door is of no use any more, although the parent has not closed it. */
  #broken(): void {
    if (this.#isLost || this.#closed !== undefined) return;
    this.#door.close();
    this.#lost('broken');
  }

  /** Called when the door is closed by anything but {@link close}. */
  #lost(reason: LostReason): void {
    this.#isLost = true;
    const { name, logger } = this.#rules;
    // If the door was opened again, the parent had a backplane before.
    const problem = PROBLEMS[reason === 'refused' && this.#wasOpen ? 'closed' : reason](name);
    const isFinal = this.#closed !== undefined || reason === 'refused';
    if (!isFinal)
      logger.warn({ name }, `${problem}; topics and runs cannot be used at present in this process`);
    this.#calls.refuse(
      (operation) => new BackplaneError('ERR_TOPICS_UNAVAILABLE', `${operation}: ${problem}`),
    );
    this.#calls.fail(({ operation, isChange }) =>
      lostReply(operation, isChange && reason !== 'refused', problem),
    );
    if (reason === 'ended') this.#following.lose();
    else this.#following.close();
    if (isFinal) return;
    if (reason === 'ended') this.#later(ORPHANED_MS, () => this.#endIfParentLives());
    else this.#later(REOPEN_MS, () => this.#reopen());
  }

  #later(delayMs: number, then: () => void): void {
    runInRootContext(() => {
      this.#lossTimer = this.#rules.clock.setTimeout(then, delayMs);
      this.#lossTimer.unref();
    }, undefined);
  }

  /**
   * After its parent, this process ends as well. Its clients come back, so their subscriptions do not end. If only the
   * channel is broken, nothing would stop this process, and its readers must not wait for ever.
   */
  #endIfParentLives(): void {
    if (process.ppid !== this.#parent) return;
    const { logger, name } = this.#rules;
    logger.error(
      { name },
      'the channel to the parent is broken; subscriptions end, and this process has to be restarted',
    );
    this.#following.close();
  }

  /**
   * Opens the door anew. Subscriptions have ended with `closed`, so that their clients come back with their cursors; the
   * members of this process join again; its runs were interrupted.
   */
  #reopen(): void {
    const { logger, name } = this.#rules;
    try {
      this.#door = this.#open();
    } catch (error) {
      logger.error({ name, error }, 'the door to the parent cannot be opened again; restart this process');
      return;
    }
    this.#isLost = false;
    this.#calls.allow(this.#door);
    // If the parent does not accept the door, that is noticed elsewhere.
    this.#greet().catch(nothing);
    const plan = { operation: 'join', isChange: true, isUrgent: true };
    for (const { topic, member, settings } of this.#members.all()) {
      this.#call(plan, { method: 'join', args: [topic, member, settings] }, nothing).catch((error) =>
        logger.warn({ topic, error }, 'a member of this process could not join again'),
      );
    }
  }

  async #close(): Promise<void> {
    const closed = (operation: string) =>
      new BackplaneError('ERR_TOPICS_CLOSED', `${operation}: the backplane is closed`);
    this.#lossTimer?.cancel();
    this.#calls.refuse(closed);
    await this.#calls.waitIdle(CLOSE_WAIT_MS);
    this.#calls.refuse(closed);
    this.#calls.fail(({ operation, isChange }) => lostReply(operation, isChange, 'the backplane was closed'));
    this.#following.close();
    this.#door.close();
  }
}

/** Small calls without which a run is lost, or a member stays. */
const URGENT: ReadonlySet<WireCall['method']> = new Set(['renewRun', 'releaseRun', 'leave'] as const);

function nothing(): void {}

/** JSON has no undefined members. */
function infoOf(info: RunInfo): RunInfo {
  return { ...info, input: info.input, end: info.end && frozen(info.end) };
}
