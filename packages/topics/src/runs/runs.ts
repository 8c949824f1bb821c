import { type Clock, type ClockTimer, consoleLogger, systemClock } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { acceptLogger, RateLimitedLog, runInRootContext } from '@landspout/ioloop/reactor';
import type { Backplane, RunClaim, RunInfo } from '../backplane/backplane.ts';
import { requireBackplane } from '../backplane/require-backplane.ts';
import { BackplaneError, RunError, TopicsLimitError, topicsChecks } from '../errors.ts';
import { MemoryBackplane } from '../memory/memory-backplane.ts';
import { orAborted } from '../or-aborted.ts';
import type { RunEndHow, TopicEnd } from '../record.ts';
import { LogFeeds } from '../subscription/log-feeds.ts';
import { type History, type HistoryOptions, readHistory } from '../subscription/read-history.ts';
import type { SubscribeOptions } from '../subscription/subscribe-options.ts';
import type { Subscription } from '../subscription/subscription.ts';
import { isName, requireName } from '../topic-name.ts';
import { Recovery } from './recovery.ts';
import type { RunProducer } from './run.ts';
import { type HandleSource, RunHandle } from './run-handle.ts';
import { RunReader } from './run-reader.ts';
import {
  type CancelOutcome,
  cancelOutcomeOf,
  type RunStatus,
  type RunsStats,
  statusOf,
} from './run-status.ts';
import { RunTask, type TaskHost } from './run-task.ts';
import { RunTasks } from './run-tasks.ts';
import { RunWatch } from './run-watch.ts';
import {
  type DrainOptions,
  drainMsOf,
  planStart,
  type RunsOptions,
  type RunsSettings,
  type StartOptions,
  type StartPlan,
  settingsOf,
} from './runs-options.ts';

/** How long closing waits for the backplane to take the ends. */
const CLOSE_WAIT_MS = 5000;
/** A lease survives two renewals that are late or fail. */
const RENEWALS_PER_LEASE = 3;

/** What {@link Runs.drain} found. */
export interface DrainResult {
  /** Runs that ended by themselves meanwhile. */
  readonly ended: number;
  /** Runs that were interrupted. */
  readonly interrupted: number;
  /** Runs that were left to other processes. */
  readonly handedOver: number;
}

/**
 * Runs: work that goes on without the request that started it, and whose output can be read at any time, by any number
 * of readers, from any position, until well after its end. For AI responses and other long streams.
 *
 * A run ends exactly once: as finished, failed, cancelled or interrupted. If its process ends, another process that uses
 * the same backplane notices within `leaseMs`, and ends or continues it.
 *
 * Inside the program all calls are trusted: what faces clients has to ask who may start, read and cancel.
 *
 * @example
 * const runs = new Runs();
 * const handle = await runs.start(id, { owner: user }, async (run) => {
 *   for await (const token of model(run.signal)) await run.write(token);
 * });
 * for await (const event of await handle.subscribe()) if (event.kind === 'record') console.log(event.data);
 */
export class Runs {
  readonly backplane: Backplane;
  readonly #ownsBackplane: boolean;
  readonly #settings: RunsSettings;
  readonly #clock: Clock;
  readonly #quietLog: RateLimitedLog;
  readonly #feeds: LogFeeds;
  readonly #host: TaskHost;
  readonly #recovery: Recovery;
  readonly #source: HandleSource;
  readonly #tasks: RunTasks;
  readonly #watches = new Set<RunWatch>();
  readonly #counts = {
    started: 0,
    joined: 0,
    continued: 0,
    finished: 0,
    failed: 0,
    cancelled: 0,
    interrupted: 0,
    handedOver: 0,
    lost: 0,
    records: 0,
  };
  #round: ClockTimer | undefined;
  #isDraining = false;
  /** The time for producers is over. */
  #isDrained = false;
  #closing: Promise<void> | undefined;

  /** @throws TopicsUsageError `ERR_TOPICS_USAGE` if an option is unknown or invalid. */
  constructor(options: RunsOptions = {}) {
    const settings = settingsOf(options);
    const { clock = systemClock } = options;
    topicsChecks.withMethods('Runs', 'a clock', clock, 'now', 'setTimeout');
    const logger = options.logger === undefined ? consoleLogger : acceptLogger(options.logger);
    this.#ownsBackplane = options.backplane === undefined;
    this.backplane =
      options.backplane === undefined
        ? new MemoryBackplane({ clock })
        : requireBackplane('Runs', options.backplane);
    const { backplane } = this;
    this.#settings = settings;
    this.#clock = clock;
    this.#quietLog = new RateLimitedLog({ clock, logger });
    this.#tasks = new RunTasks(clock, settings.maxRuns);
    this.#feeds = new LogFeeds(backplane, { clock, logger });
    const services = { backplane, clock, logger, quietLog: this.#quietLog };
    this.#host = {
      ...services,
      runs: this,
      wrote: () => {
        this.#counts.records += 1;
      },
      taskOver: (task, how) => this.#taskOver(task, how),
    };
    const recoveryHost = {
      ...services,
      hasRoom: () => this.#tasks.hasRoom,
      adopt: (claim: RunClaim) => this.#adopt(claim),
      continued: () => {
        this.#counts.continued += 1;
      },
    };
    this.#recovery = new Recovery(recoveryHost, settings.onInterrupted, settings.maxAttempts);
    this.#source = {
      subscribe: (id, subscribeOptions) => this.read(id, subscribeOptions),
      attach: async (id, sink, attachOptions) => {
        await this.#prepareReading('attach', id, attachOptions.signal);
        return this.#feeds.attach({ kind: 'run', name: id }, sink, fromStart(attachOptions));
      },
      cancel: (id) => this.cancel(id),
      info: (id) => this.info(id),
    };
    this.#scheduleRound();
    // A journal that was opened may have runs of an earlier process. Later, so that the program can go on starting.
    runInRootContext(() => queueMicrotask(() => void this.#recovery.sweep()), undefined);
  }

  /**
   * Starts a run, or joins the one that has this id, which may have ended already. The producer is called at once in the
   * async context of the call, and belongs to no request: it goes on when its readers are gone.
   *
   * The run ends as finished when the producer returns a JSON value or nothing, or a promise of it, and all its writes
   * are done; and as failed when it throws or rejects. Readers see the code and message of a {@link RunFailure}; all
   * other errors are only logged.
   *
   * @param id - 1 to 256 bytes of UTF-8 without control characters. Where clients read runs by id, make it random.
   * @param producer - not called if the run is joined.
   * @throws TopicsUsageError `ERR_TOPICS_USAGE`; TopicsLimitError `ERR_TOPICS_RECORD_TOO_LARGE` for the input.
   * @throws RunError `ERR_RUN_OWNER` if the run exists and has another owner.
   * @throws TopicsLimitError `ERR_RUN_LIMIT` if `maxRuns` producers are busy here, or the backplane has too many runs.
   * @throws BackplaneError `ERR_TOPICS_CLOSED` for a new run after {@link drain} or {@link close}; others if the
   *   backplane fails.
   */
  async start<Token = unknown, Result = unknown>(
    id: string,
    options: StartOptions,
    producer: RunProducer<Token, Result>,
  ): Promise<RunHandle<Token, Result>> {
    requireName('start', 'id', id);
    const plan = planStart(options, this.#settings);
    topicsChecks.callback('start', 'producer', producer);
    this.#requireOpen('start');
    const claimed = await this.#claim(id, plan);
    if (!(claimed instanceof RunTask)) return this.#join<Token, Result>(claimed, plan.owner);
    this.#counts.started += 1;
    if (this.#isDrained) {
      await claimed.interrupt();
      throw drained();
    }
    await claimed.begin(producer as RunProducer);
    return new RunHandle(id, false, this.#source, () => claimed.watch.ended);
  }

  /** What reads a run by its id. The id is checked when it is read. */
  reader<Token = unknown>(id: string): RunReader<Token> {
    return new RunReader(id, this.#source);
  }

  /**
   * Reads a run: its records so far, those to come, and its end. Without `after` and `last` it reads from the start.
   *
   * @throws RunError `ERR_RUN_NOT_FOUND`; TopicsUsageError `ERR_TOPICS_USAGE`, `ERR_TOPICS_CURSOR`; BackplaneError; the
   *   reason of the signal.
   */
  async read<Token = unknown>(id: string, options: SubscribeOptions = {}): Promise<Subscription<Token>> {
    await this.#prepareReading('read', id, options.signal);
    return this.#feeds.subscribe<Token>({ kind: 'run', name: id }, fromStart(options));
  }

  /**
   * Reads what a run has written so far, without subscribing.
   *
   * @throws RunError `ERR_RUN_NOT_FOUND`; TopicsUsageError `ERR_TOPICS_USAGE`, `ERR_TOPICS_CURSOR`; BackplaneError.
   */
  async history<Token = unknown>(id: string, options: HistoryOptions = {}): Promise<History<Token>> {
    await this.#prepareReading('history', id);
    return readHistory(this.backplane, { kind: 'run', name: id }, options);
  }

  /** @throws RunError `ERR_RUN_NOT_FOUND`; BackplaneError. */
  async info(id: string): Promise<RunStatus> {
    await this.#prepareReading('info', id);
    return statusOf(await this.backplane.runInfo(id));
  }

  /**
   * Requests the end of a run, which may have its producer in another process. `run.signal` aborts there. The run ends
   * as cancelled when the producer settles, and after `cancelGraceMs` in any case. Changes nothing if it has ended.
   *
   * @returns how the run has ended, or `running`. It does not wait for the end.
   * @throws RunError `ERR_RUN_NOT_FOUND`; BackplaneError.
   */
  async cancel(id: string): Promise<CancelOutcome> {
    this.#requireRunName('cancel', id);
    const run = await this.backplane.cancelRun(id);
    if (run.end !== undefined || this.#tasks.has(id)) return cancelOutcomeOf(run);
    await this.#recovery.recover(id);
    return cancelOutcomeOf(await this.backplane.runInfo(id));
  }

  stats(): RunsStats {
    return { running: this.#tasks.size, subscriptions: this.#feeds.subscriptions, ...this.#counts };
  }

  /**
   * Waits for the producers of this process, at most `drainMs`, then aborts those that are left. Their runs end as
   * interrupted or, with `onInterrupted` and a backplane that others use, are left to them: to another process, or to the
   * next one that opens the journal. From the call on, no new run is started here and none is continued. Runs can still be read, joined and
   * cancelled. The process stays alive meanwhile.
   *
   * @example
   * server.stopping.addEventListener('abort', () => void runs.drain({ drainMs: 20_000 }));
   */
  async drain(options: DrainOptions = {}): Promise<DrainResult> {
    const drainMs = drainMsOf(options);
    this.#isDraining = true;
    this.#recovery.stop();
    const before = { ...this.#counts };
    await this.#tasks.waitIdle(drainMs);
    this.#isDrained = true;
    await this.#leaveTasks();
    const { finished, failed, cancelled, interrupted, handedOver } = this.#counts;
    const ended = finished + failed + cancelled - before.finished - before.failed - before.cancelled;
    return {
      ended,
      interrupted: interrupted - before.interrupted,
      handedOver: handedOver - before.handedOver,
    };
  }

  /**
   * Aborts all producers, as {@link drain} does without waiting, ends all subscriptions (`closed`), and stops. A backplane
   * that was passed to the constructor stays open. To wait for producers, call {@link drain} before.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['backplane'], () => ({ ...this.stats() }));
  }

  /** @returns the task of a new run, or what is known of the run that has the id. */
  async #claim(id: string, { owner, input, settings }: StartPlan): Promise<RunTask | RunInfo> {
    if (this.#isDraining || !this.#tasks.hasRoom) return this.#existing(id);
    return this.#tasks.claiming(async () => {
      const claim = await this.backplane.claimRun({ id, owner, input, settings });
      return claim.token === undefined ? claim.run : this.#adopt(claim);
    });
  }

  /** @throws BackplaneError, TopicsLimitError if there is none: a new one may not be started. */
  async #existing(id: string): Promise<RunInfo> {
    try {
      return await this.backplane.runInfo(id);
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
    }
    if (this.#isDraining) throw drained();
    const { maxRuns } = this.#settings;
    throw new TopicsLimitError(
      'ERR_RUN_LIMIT',
      `start: maxRuns (${maxRuns}) runs are going on in this process`,
    );
  }

  async #join<Token, Result>(run: RunInfo, owner: string): Promise<RunHandle<Token, Result>> {
    const { id, end } = run;
    if (run.owner !== owner) {
      throw new RunError('ERR_RUN_OWNER', `start: the run ${id} exists and has another owner`);
    }
    this.#counts.joined += 1;
    if (end === undefined && !this.#tasks.has(id)) await this.#recovery.recover(id);
    return new RunHandle(id, true, this.#source, async () => end ?? (await this.#watchEnd(id)));
  }

  async #watchEnd(id: string): Promise<TopicEnd> {
    this.#requireOpen('ended');
    const watch = new RunWatch();
    this.#track(watch);
    try {
      await watch.follow(this.backplane, id);
    } catch (error) {
      this.#watches.delete(watch);
      throw error;
    }
    return watch.ended;
  }

  #track(watch: RunWatch): void {
    this.#watches.add(watch);
    void watch.ended.then(() => this.#watches.delete(watch));
  }

  #adopt(claim: RunClaim): RunTask {
    const { id } = claim.run;
    // This process itself may have let the lease of its run expire.
    this.#tasks.get(id)?.lost(new RunError('ERR_RUN_LEASE_LOST', `the lease of the run ${id} has expired`));
    const task = new RunTask(this.#host, this.#settings.task, claim);
    this.#tasks.add(task);
    this.#track(task.watch);
    return task;
  }

  #taskOver(task: RunTask, how: RunEndHow | 'handedOver' | undefined): void {
    this.#counts[how ?? 'lost'] += 1;
    if (!task.watch.isFollowed) this.#watches.delete(task.watch);
    this.#tasks.remove(task);
  }

  /** Expired runs get their end before they are read. */
  async #prepareReading(operation: string, id: string, signal?: AbortSignal): Promise<void> {
    this.#requireRunName(operation, id);
    topicsChecks.signal(operation, signal);
    if (!this.#tasks.has(id)) await orAborted(this.#recovery.recover(id), signal);
  }

  /** A text from a client that is no name is the id of no run. */
  #requireRunName(operation: string, id: string): void {
    this.#requireOpen(operation);
    if (!isName(id)) throw new RunError('ERR_RUN_NOT_FOUND', `${operation}: there is no such run`);
  }

  #requireOpen(operation: string): void {
    if (this.#closing === undefined) return;
    throw new BackplaneError('ERR_TOPICS_CLOSED', `${operation}: the runs are closed`);
  }

  /** One timer for all leases of the process, and for looking for those of other processes. */
  #scheduleRound(): void {
    runInRootContext(() => {
      const delayMs = this.#settings.run.leaseMs / RENEWALS_PER_LEASE;
      this.#round = this.#clock.setTimeout(() => {
        this.#scheduleRound();
        // Renewals first: this process does not take its own runs from itself.
        this.#tasks.renew();
        void this.#recovery.sweep();
      }, delayMs);
      this.#round.unref();
    }, undefined);
  }

  /** A backplane of its own has no other process to continue the runs. */
  #leaveTasks(): Promise<void> {
    const isContinued = this.#settings.onInterrupted !== undefined && !this.#ownsBackplane;
    return isContinued ? this.#tasks.handOver() : this.#tasks.interrupt();
  }

  async #close(): Promise<void> {
    this.#isDraining = true;
    this.#isDrained = true;
    this.#recovery.stop();
    void this.#leaveTasks();
    await this.#tasks.waitIdle(CLOSE_WAIT_MS);
    this.#round?.cancel();
    const closed = new BackplaneError('ERR_TOPICS_CLOSED', 'the runs are closed');
    this.#tasks.lose(closed);
    for (const watch of this.#watches) watch.close();
    this.#feeds.close();
    this.#quietLog.flush();
    if (this.#ownsBackplane) await this.backplane.close();
  }
}

function drained(): BackplaneError {
  const problem = 'start: the runs of this process are drained or closed; start it in another process';
  return new BackplaneError('ERR_TOPICS_CLOSED', problem);
}

/** A reader of a run wants all of it, unlike a subscriber of a topic. */
function fromStart(options: SubscribeOptions): SubscribeOptions {
  return options.after === undefined && options.last === undefined ? { ...options, after: 'start' } : options;
}
