import { Buffer } from 'node:buffer';
import { isMainThread } from 'node:worker_threads';
import type { Clock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import {
  beforeParentExit,
  isTaskChild,
  MAX_MESSAGE_BYTES,
  openDoor,
  ProcessUsageError,
  serveDoor,
} from '@landspout/ioloop/processes';
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
import { TopicsLimitError, TopicsUsageError } from '../errors.ts';
import { JournalBackplane } from '../journal/journal-backplane.ts';
import { MemoryBackplane } from '../memory/memory-backplane.ts';
import type { Payload, TopicEnd, TopicMember } from '../record.ts';
import { ChildBackplane } from './child-backplane.ts';
import type { LocalStore } from './followed-log.ts';
import { ParentSessions } from './parent-sessions.ts';
import {
  type ProcessesBackplaneOptions,
  type ProcessesRules,
  requireProcessesOptions,
} from './processes-options.ts';

/** Counts of a {@link ProcessesBackplane}. */
export interface ProcessesStats extends BackplaneStats {
  /** Number of children that use it; in a child 0. */
  readonly children: number;
  /** Bytes that wait to be sent: to the children, or to the parent. */
  readonly queuedBytes: number;
}

/** What differs between the processes. */
type Side =
  | { readonly kind: 'child'; readonly child: ChildBackplane }
  | {
      readonly kind: 'parent';
      readonly store: LocalStore;
      readonly sessions: ParentSessions;
      readonly serving: { close(): void };
      readonly clock: Clock;
      readonly openedAt: number;
    };

/**
 * How long a process may not know that it is a parent. A parent must not take the runs of a journal to itself while it
 * starts its children, unless it is asked for one of them.
 */
const FIRST_CHILD_MS = 10_000;

/**
 * Shares topics and runs among the child processes of a server: the parent keeps them, and the children use them through
 * a socket of their own. In a program without children it is like a {@link MemoryBackplane}, or a {@link JournalBackplane}
 * with the option `journal`.
 *
 * Open it above `server.start` or `forkProcesses`, in code that runs in the parent and in each child. A record is
 * delivered, and its `publish` resolves, after the parent has it. A child that dies loses only publishes that had not
 * resolved; its members leave, and its runs are interrupted or continued in another child. A new child finds the history.
 * If a child loses its connection to a parent that runs, its subscriptions end with `closed`, its runs are interrupted, and
 * after a second it is connected anew.
 * If the parent dies, all children end, and the history is lost unless there is a journal, which the parent of
 * `forkProcesses` closes when the last child has ended.
 *
 * @example
 * const backplane = await ProcessesBackplane.open();
 * const topics = new Topics({ backplane });
 * const server = await app.start({ processes: 4, port: 8888 });
 */
export class ProcessesBackplane implements Backplane {
  readonly name = 'processes';
  readonly #side: Side;
  readonly #backplane: Backplane;
  #closed: Promise<void> | undefined;
  #forgetExit = (): void => {};

  private constructor(side: Side) {
    this.#side = side;
    this.#backplane = side.kind === 'child' ? side.child : side.store;
  }

  /**
   * Opens the backplane: in a child, after the parent has; otherwise it makes a store of its own, which serves the
   * children.
   *
   * @throws TopicsUsageError `ERR_TOPICS_USAGE` if an option is unknown or invalid, the name is open already in this
   *   process, or in a worker thread.
   * @throws JournalError in the parent; see {@link JournalBackplane.open}.
   * @throws BackplaneError `ERR_TOPICS_UNAVAILABLE` in a child, if the parent has not opened it within 10 s.
   */
  static async open(options: ProcessesBackplaneOptions = {}): Promise<ProcessesBackplane> {
    const rules = requireProcessesOptions(options);
    if (!isMainThread) {
      throw new TopicsUsageError(
        'ERR_TOPICS_USAGE',
        'ProcessesBackplane.open: the main thread was expected, and this is a worker thread; open it in the main thread',
      );
    }
    const { name, maxQueuedBytes } = rules;
    if (!isTaskChild()) return ProcessesBackplane.#openStore(rules);
    const child = await ChildBackplane.open(rules, (handler) =>
      usable(name, () => openDoor(name, handler, { maxQueuedBytes })),
    );
    return new ProcessesBackplane({ kind: 'child', child });
  }

  static async #openStore(rules: ProcessesRules): Promise<ProcessesBackplane> {
    const { name, maxQueuedBytes, clock } = rules;
    const store = await openStore(rules);
    const sessions = new ParentSessions(store, rules);
    try {
      const serving = usable(name, () =>
        serveDoor(name, (door) => sessions.accept(door), { maxQueuedBytes }),
      );
      const openedAt = clock.now();
      const backplane = new ProcessesBackplane({ kind: 'parent', store, sessions, serving, clock, openedAt });
      // A journal that is not closed begins new epochs when it is opened.
      if (rules.journal !== undefined) backplane.#forgetExit = beforeParentExit(() => backplane.close());
      return backplane;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** `alone` until the first child has opened it; then `parent`. In a child: `child`. */
  get role(): 'alone' | 'parent' | 'child' {
    if (this.#side.kind === 'child') return 'child';
    return this.#side.sessions.hasServed ? 'parent' : 'alone';
  }

  get revocations(): number {
    return this.#backplane.revocations;
  }

  async append(topic: string, record: NewRecord, settings: TopicSettings): Promise<string> {
    requireLength('publish', record.payload);
    return this.#backplane.append(topic, record, settings);
  }

  read(log: LogName, from: ReadFrom, size: PageSize): Page | Promise<Page> {
    return this.#backplane.read(log, from, size);
  }

  follow(log: LogName, follower: LogFollower, options: FollowOptions): Following | Promise<Following> {
    return this.#backplane.follow(log, follower, options);
  }

  compare(a: string, b: string): number {
    return this.#backplane.compare(a, b);
  }

  delete(topic: string): Promise<void> {
    return this.#backplane.delete(topic);
  }

  revoke(topic: string, subject: string | undefined): Promise<void> {
    return this.#backplane.revoke(topic, subject);
  }

  join(topic: string, member: TopicMember, settings: PresenceSettings): Promise<void> {
    return this.#backplane.join(topic, member, settings);
  }

  leave(topic: string, member: string, settings: PresenceSettings): Promise<void> {
    return this.#backplane.leave(topic, member, settings);
  }

  claimRun(run: NewRun): Promise<RunClaim | { readonly token: undefined; readonly run: RunInfo }> {
    return this.#backplane.claimRun(run);
  }

  renewRun(id: string, token: number): Promise<void> {
    return this.#backplane.renewRun(id, token);
  }

  releaseRun(id: string, token: number): Promise<void> {
    return this.#backplane.releaseRun(id, token);
  }

  async writeRun(id: string, token: number, payload: Payload): Promise<string> {
    requireLength('write', payload);
    return this.#backplane.writeRun(id, token, payload);
  }

  async endRun(id: string, token: number, end: NewRunEnd): Promise<TopicEnd> {
    requireLength('endRun', end.result ?? '');
    return this.#backplane.endRun(id, token, end);
  }

  cancelRun(id: string): Promise<RunInfo> {
    return this.#backplane.cancelRun(id);
  }

  runInfo(id: string): Promise<RunInfo> {
    return this.#backplane.runInfo(id);
  }

  /** In the parent it finds none: the runs of children that have ended go on in other children. */
  async claimExpiredRun(id?: string): Promise<RunClaim | undefined> {
    return this.#leavesRuns(id) ? undefined : this.#backplane.claimExpiredRun(id);
  }

  /**
   * The counts of the parent's store. A child does not wait for them: it returns those that it asked for at the call
   * before.
   */
  stats(): ProcessesStats {
    const side = this.#side;
    const [children, { queuedBytes }] =
      side.kind === 'child' ? [0, side.child] : [side.sessions.size, side.sessions];
    return { ...this.#backplane.stats(), children, queuedBytes };
  }

  /**
   * Ends what is followed with `closed`. In a child it waits for the replies of calls, up to 5 s, and its members leave;
   * in the parent it closes the store, also for the children. The second call waits for the first.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [INSPECT](): object {
    // The statistics of a child are a call.
    return inspection(this, ['name', 'role'], () => ({ backplane: this.#backplane }));
  }

  /** Whether there are children for a run, or may soon be some. */
  #leavesRuns(id: string | undefined): boolean {
    if (this.#side.kind === 'child') return false;
    const { sessions, clock, openedAt } = this.#side;
    return sessions.hasServed || (id === undefined && clock.now() < openedAt + FIRST_CHILD_MS);
  }

  async #close(): Promise<void> {
    if (this.#side.kind === 'child') return this.#side.child.close();
    const { store, sessions, serving } = this.#side;
    this.#forgetExit();
    serving.close();
    await store.close();
    sessions.close();
  }
}

async function openStore({ limits, clock, journal }: ProcessesRules): Promise<LocalStore> {
  return journal === undefined ? new MemoryBackplane({ ...limits, clock }) : JournalBackplane.open(journal);
}

/** What is published in any process has to fit into a message to the others, with its name, key and cursor. */
const MAX_PAYLOAD_BYTES = MAX_MESSAGE_BYTES - 4096;
/** Most bytes of UTF-8 for one UTF-16 unit. */
const MAX_UNIT_BYTES = 3;

/** @throws TopicsLimitError `ERR_TOPICS_RECORD_TOO_LARGE`. */
function requireLength(operation: string, payload: Payload): void {
  const { length } = payload;
  if (length * MAX_UNIT_BYTES <= MAX_PAYLOAD_BYTES) return;
  const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : length;
  if (bytes <= MAX_PAYLOAD_BYTES) return;
  throw new TopicsLimitError(
    'ERR_TOPICS_RECORD_TOO_LARGE',
    `${operation}: a record that several processes share has at most ${MAX_PAYLOAD_BYTES} bytes, and this one has ${bytes}`,
  );
}

/** @throws TopicsUsageError `ERR_TOPICS_USAGE` if the name is in use, or too long. */
function usable<Door>(name: string, open: () => Door): Door {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof ProcessUsageError)) throw error;
    const problem = `ProcessesBackplane.open: ${JSON.stringify(name)} cannot be opened in this process; if it is open already, use that backplane, or give this one a name of its own, of at most 256 bytes`;
    throw new TopicsUsageError('ERR_TOPICS_USAGE', problem, { cause: error });
  }
}
