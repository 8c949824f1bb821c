import { INSPECT, inspection } from '@landspout/ioloop/inspection';
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
import { BackplaneError } from '../errors.ts';
import { LocalLogs } from '../memory/local-logs.ts';
import type { Payload, TopicEnd, TopicMember } from '../record.ts';
import { CommitQueue } from './commit-queue.ts';
import { JournalClock } from './journal-clock.ts';
import { JournalError } from './journal-error.ts';
import { JournalOperations } from './journal-operations.ts';
import { type JournalBackplaneOptions, type JournalRules, requireJournalOptions } from './journal-options.ts';
import { type OpenJournal, openJournal } from './open-journal.ts';

/** Counts of a journal. */
export interface JournalStats extends BackplaneStats {
  /** Bytes of all files. */
  readonly fileBytes: number;
  /** Compactions since it was opened. */
  readonly compactions: number;
  /** Calls that are being written, or wait for it. */
  readonly pending: number;
}

/**
 * Keeps topics and runs in memory and in the files of a folder: a process that starts again goes on where the last one
 * was. Presence is in memory only.
 *
 * A record is delivered, and its `publish` resolves, after it is in a file; see `durability`. One process at a time opens
 * a folder. A journal that was not closed begins a new epoch for each log with its next record; cursors of the epoch
 * before stay valid up to its last record that was found.
 *
 * @example
 * const backplane = await JournalBackplane.open({ folder: '/var/lib/app/topics' });
 * const topics = new Topics({ backplane });
 */
export class JournalBackplane implements Backplane {
  readonly name = 'journal';
  readonly #logs: LocalLogs;
  readonly #journal: OpenJournal;
  readonly #queue: CommitQueue;
  readonly #operations: JournalOperations;
  #closed: Promise<void> | undefined;

  private constructor(rules: JournalRules, logs: LocalLogs, journal: OpenJournal) {
    this.#logs = logs;
    this.#journal = journal;
    const { durability, syncMs, maxPending, maxPendingBytes } = rules;
    const isDurable = durability !== 'process';
    const delayMs = durability === 'batched' ? syncMs : 0;
    const { chain, compaction, log, unwritten } = journal;
    const commit = { isDurable, delayMs, maxPending, maxPendingBytes };
    this.#queue = new CommitQueue(logs.store, chain, compaction, commit, log, unwritten);
    this.#operations = new JournalOperations(logs);
  }

  /**
   * Opens a journal, and reads it. Its files stay open, and the folder locked, until {@link close}.
   *
   * @throws TopicsUsageError `ERR_TOPICS_USAGE` if an option is unknown or invalid.
   * @throws JournalError `ERR_TOPICS_JOURNAL_IN_USE`; `ERR_TOPICS_JOURNAL_CORRUPT` with `file` and `offset`;
   *   `ERR_TOPICS_JOURNAL_VERSION` if a newer version has written what this one cannot read;
   *   `ERR_TOPICS_JOURNAL_OPEN` with the error of the system as `cause`.
   */
  static async open(options: JournalBackplaneOptions): Promise<JournalBackplane> {
    const rules = requireJournalOptions('JournalBackplane.open', options);
    const clock = new JournalClock(rules.clock);
    const logs = new LocalLogs(rules.limits, clock);
    try {
      return new JournalBackplane(rules, logs, await openJournal(rules, logs.store, clock));
    } catch (error) {
      logs.close();
      throw error;
    }
  }

  get revocations(): number {
    return this.#logs.revocations;
  }

  async append(topic: string, record: NewRecord, settings: TopicSettings): Promise<string> {
    this.#requireWritable('publish');
    return this.#queue.run(this.#operations.append(topic, record, settings));
  }

  read(log: LogName, from: ReadFrom, size: PageSize): Page {
    return this.#logs.read(log, from, size);
  }

  follow(log: LogName, follower: LogFollower, options: FollowOptions): Following {
    return this.#logs.follow(log, follower, options);
  }

  compare(a: string, b: string): number {
    return this.#logs.compare(a, b);
  }

  async delete(topic: string): Promise<void> {
    this.#requireWritable('delete');
    return this.#queue.run(this.#operations.delete(topic));
  }

  async revoke(topic: string, subject: string | undefined): Promise<void> {
    this.#requireOpen('revoke');
    this.#logs.revoke(topic, subject);
  }

  async join(topic: string, member: TopicMember, settings: PresenceSettings): Promise<void> {
    this.#requireOpen('join');
    this.#logs.join(topic, member, settings);
  }

  async leave(topic: string, member: string, settings: PresenceSettings): Promise<void> {
    this.#logs.leave(topic, member, settings);
  }

  async claimRun(run: NewRun): Promise<RunClaim | { readonly token: undefined; readonly run: RunInfo }> {
    this.#requireWritable('claimRun');
    return this.#queue.run(this.#operations.claimRun(run));
  }

  async renewRun(id: string, token: number): Promise<void> {
    this.#requireOpen('renewRun');
    // Leases end with the process, so they are not in the file.
    this.#logs.store.renew(id, token);
  }

  async releaseRun(id: string, token: number): Promise<void> {
    this.#requireOpen('releaseRun');
    this.#logs.store.releaseRun(id, token);
  }

  async writeRun(id: string, token: number, payload: Payload): Promise<string> {
    this.#requireWritable('writeRun');
    return this.#queue.run(this.#operations.writeRun(id, token, payload));
  }

  async endRun(id: string, token: number, end: NewRunEnd): Promise<TopicEnd> {
    this.#requireWritable('endRun');
    return this.#queue.run(this.#operations.endRun(id, token, end));
  }

  async cancelRun(id: string): Promise<RunInfo> {
    this.#requireWritable('cancelRun');
    return this.#queue.run(this.#operations.cancelRun(id));
  }

  async runInfo(id: string): Promise<RunInfo> {
    this.#requireOpen('runInfo');
    return this.#logs.store.run(id).info();
  }

  async claimExpiredRun(id?: string): Promise<RunClaim | undefined> {
    this.#requireOpen('claimExpiredRun');
    // The sweep of a process asks often, and rarely finds one.
    if (this.#logs.store.expiredRun(id) === undefined) return undefined;
    this.#requireWritable('claimExpiredRun');
    return this.#queue.run(this.#operations.claimExpiredRun(id));
  }

  stats(): JournalStats {
    const { chain, compaction } = this.#journal;
    const { bytes: fileBytes } = chain;
    return { ...this.#logs.stats(), fileBytes, compactions: compaction.count, pending: this.#queue.size };
  }

  /** Writes what waits, ends what is followed with `closed`, and frees the folder. The second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['name'], () => ({ folder: this.#journal.folder.path, ...this.stats() }));
  }

  #requireOpen(operation: string): void {
    if (this.#closed === undefined) return;
    throw new BackplaneError('ERR_TOPICS_CLOSED', `${operation}: the backplane is closed`);
  }

  /** @throws BackplaneError `ERR_TOPICS_CLOSED`; JournalError `ERR_TOPICS_JOURNAL_VERSION`. */
  #requireWritable(operation: string): void {
    this.#requireOpen(operation);
    const { newerVersion, folder } = this.#journal;
    if (newerVersion === undefined) return;
    throw new JournalError(
      'ERR_TOPICS_JOURNAL_VERSION',
      `${operation}: version ${newerVersion} has written the journal ${folder.path}, so this version only reads it; use the newer version of the package`,
      { file: folder.path },
    );
  }

  async #close(): Promise<void> {
    const { folder, lock, chain, compaction, log } = this.#journal;
    await this.#queue.drain();
    await compaction.stop();
    this.#logs.close();
    try {
      // Without the mark, the journal is recovered when it is opened.
      if (chain.hasOpened && !chain.isDoubtful) {
        await chain.syncAll();
        chain.add({ type: 'close' });
        await chain.commit(true);
      }
    } catch (error) {
      log.warn('close', { error }, 'the end of the journal could not be written');
    } finally {
      log.flush();
      await chain.close();
      await lock.release();
      await folder.close();
    }
  }
}
