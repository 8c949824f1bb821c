import type { ChildProcess } from 'node:child_process';
import { MAX_DELAY_MS } from '../delay.ts';
import { IOLoop } from '../io-loop.ts';
import { type ChildProgram, type ChildProgramOptions, resolveProgram } from './child-program.ts';
import type { ChildLauncher } from './launch-plan.ts';
import { type ProcessListenOptions, resolveListenRequests } from './listen-requests.ts';
import { openLauncher } from './open-launcher.ts';
import { OpenQuestions } from './open-questions.ts';
import { resolveProcessCount } from './process-count.ts';
import { ProcessLimitError, ProcessNotReadyError, ProcessUsageError } from './process-errors.ts';
import { RestartPolicy, type RestartPolicyOptions } from './restart-policy.ts';
import { type ProcessExit, SupervisedTask } from './supervised-task.ts';
import { type TaskMessage, taskMessageOf } from './task-messages.ts';

/** A child as its parent sees it. */
export interface SupervisedChild {
  readonly taskId: number;
  /** `undefined` while none lives for this task, and of one that could not be started. */
  readonly pid: number | undefined;
  /** How often the task has been started again. */
  readonly restarts: number;
}

/** What a parent may want to hear of its children. What throws is logged. */
export interface SupervisorHooks {
  /** A child was started, for the first time or again. */
  readonly onStarted?: (child: SupervisedChild) => void;
  /** A child has ended, or could not be started. */
  readonly onExited?: (child: SupervisedChild, exit: ProcessExit) => void;
  /** A child called `process.send(message)`. */
  readonly onMessage?: (child: SupervisedChild, message: unknown) => void;
}

export interface ProcessSupervisorOptions extends RestartPolicyOptions, ChildProgramOptions, SupervisorHooks {
  /** How many children: 1 to 1,024; 0, less, or nothing means one for each CPU. */
  readonly count?: number | null;
  /** The program to start. Default: the one that this process runs. */
  readonly program?: string;
  /** Where each child shall be able to listen; see `forkProcesses`. Default: nowhere. */
  readonly listen?: readonly ProcessListenOptions[];
  /**
   * How long the children may take to end when they are stopped, or when their parent is gone, before they are killed.
   * Default 35 s: longer than the 30 s that a server drains by default.
   */
  readonly stopTimeoutMs?: number;
  /** Its clock measures lives and waits, its logger hears of deaths. Default: the loop of this thread. */
  readonly loop?: IOLoop;
}

type State = 'new' | 'running' | 'stopping' | 'ended';

const DEFAULT_STOP_TIMEOUT_MS = 35_000;
const DEFAULT_READY_TIMEOUT_MS = 30_000;
const DEFAULT_ASK_TIMEOUT_MS = 1_000;

export interface RollingRestartOptions {
  /** How long a successor may take until it calls `task.ready()`. Default 30 s. */
  readonly readyTimeoutMs?: number;
}

export interface AskOptions {
  /** How long to wait for answers. Default 1 s. */
  readonly timeoutMs?: number;
}

/** A child that its task does not count on: a successor that is not ready, or a predecessor that is to end. */
interface OtherChild {
  readonly ready?: () => void;
  readonly exited: (exit: ProcessExit) => void;
}

/**
 * Starts a program several times, and again when one of them dies.
 *
 * What `forkProcesses` does in the parent, for those who want to go on with a parent of their own: gather what the
 * children report, or decide when they stop. It takes no signals and ends no process but its children.
 *
 * A child that ends with exit code 0 has done its work; one that ends in another way is started again under the same
 * task id, with the same listeners, after a wait that doubles. The program must call `forkProcesses` to learn its task.
 *
 * @example
 * const supervisor = new ProcessSupervisor({ program: 'worker.js', count: 2, onMessage: (child, message) => collect(message) });
 * await supervisor.start();
 * await supervisor.wait();
 */
export class ProcessSupervisor {
  readonly #loop: IOLoop;
  readonly #hooks: SupervisorHooks;
  readonly #program: ChildProgram;
  readonly #listen: readonly ProcessListenOptions[];
  readonly #stopTimeoutMs: number;
  readonly #policy: RestartPolicy;
  readonly #tasks: readonly SupervisedTask[];
  readonly #ended: Promise<void>;
  #end!: { resolve(): void; reject(error: Error): void };
  #state: State = 'new';
  #launcher: ChildLauncher | undefined;
  #failure: ProcessLimitError | undefined;
  #killTimer: { cancel(): void } | undefined;
  readonly #others = new Map<ChildProcess, OtherChild>();
  readonly #questions = new OpenQuestions();
  #restarting: Promise<void> | undefined;

  /** @throws ProcessUsageError `ERR_PROCESS_USAGE` for options that cannot be. */
  constructor(options: ProcessSupervisorOptions = {}) {
    this.#stopTimeoutMs = requireDelayOption(
      'stopTimeoutMs',
      options.stopTimeoutMs ?? DEFAULT_STOP_TIMEOUT_MS,
    );
    this.#policy = new RestartPolicy(options);
    this.#program = resolveProgram(options.program, options);
    this.#listen = options.listen ?? [];
    this.#hooks = options;
    this.#loop = options.loop ?? IOLoop.current();
    this.#tasks = Array.from(
      { length: resolveProcessCount(options.count) },
      (_, id) => new SupervisedTask(id),
    );
    this.#ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
    this.#ended.catch(() => {}); // who does not wait for the end need not hear how it came
  }

  /** Every task, in the order of the ids, with the child that it has now. */
  get children(): readonly SupervisedChild[] {
    return this.#tasks.map((task) => task.describe());
  }

  /** How often a child was started again, all tasks together. */
  get restarts(): number {
    return this.#tasks.reduce((sum, task) => sum + task.restarts, 0);
  }

  /**
   * Opens the listeners and starts the children. They hold this process alive.
   *
   * @throws SystemError such as `EADDRINUSE`, before any child is started; ProcessUsageError `ERR_PROCESS_USAGE` for a
   *   second call, or for what cannot be listened on.
   */
  async start(): Promise<void> {
    if (this.#state !== 'new')
      throw new ProcessUsageError('start: the supervisor was started before, or stopped');
    this.#state = 'running';
    try {
      const plan = {
        program: this.#program,
        count: this.#tasks.length,
        stopTimeoutMs: this.#stopTimeoutMs,
        requests: await resolveListenRequests(this.#listen),
      };
      this.#launcher = await openLauncher(plan, this.#loop.reactor?.binding);
    } catch (error) {
      this.#finish();
      throw error;
    }
    if (this.#isStopping()) {
      for (const { id } of this.#tasks) this.#launcher.release(id);
      this.#finish();
      return;
    }
    for (const task of this.#tasks) this.#launch(task);
  }

  /**
   * Waits until every child has ended, be it because its work was done or because of {@link stop}.
   *
   * @throws ProcessLimitError `ERR_PROCESS_RESTARTS` when children died too often. The others were stopped then.
   */
  wait(): Promise<void> {
    return this.#ended;
  }

  /**
   * Stops the children: no further restart, the listeners of the parent closed, `signal` for each child, SIGKILL for
   * those that are there after `stopTimeoutMs`. A second call sends its signal, too.
   *
   * @returns when all have ended. Never rejects. On Windows every signal kills at once.
   */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#state === 'new') this.#finish();
    if (this.#state === 'running' || this.#state === 'stopping') this.#stop(signal);
    await this.#ended.catch(() => {});
  }

  /**
   * Sends a message to the child of a task, which hears it by `process.on('message')`.
   *
   * @returns false when it was not sent: no child is there, or earlier messages still fill its channel.
   * @throws what Node throws for a message that cannot be serialised.
   */
  send(taskId: number, message: unknown): boolean {
    return this.#tasks[taskId]?.send(message) ?? false;
  }

  /**
   * Asks every child for what it knows of `topic`; each answers by `task.answer`.
   *
   * @returns the answers by task id. A child that is not there, does not know, or does not answer in time is missing.
   */
  async ask(topic: string, options: AskOptions = {}): Promise<ReadonlyMap<number, unknown>> {
    const timeoutMs = requireDelayOption('timeoutMs', options.timeoutMs ?? DEFAULT_ASK_TIMEOUT_MS);
    const answers = new Map<number, unknown>();
    const asked = this.#tasks.map(async (task) => {
      const send = (id: number) => task.send({ landspout: { kind: 'ask', id, topic } } satisfies TaskMessage);
      const value = await this.#questions.ask(send, this.#loop.clock, timeoutMs);
      if (value !== undefined) answers.set(task.id, value);
    });
    await Promise.all(asked);
    return answers;
  }

  /**
   * Replaces the children, one after the other: a successor is started under the same task id and with the same
   * listeners; when it has called `task.ready()`, the child before it gets SIGTERM, and SIGKILL after `stopTimeoutMs`;
   * when that has ended, the next one's turn comes. Both accept connections meanwhile, so that none is refused.
   *
   * A successor that ends, or is not ready in time, ends the restart; all children go on. A second call meanwhile joins
   * the first. What is replaced is no restart of a dead child, and is not counted as one.
   *
   * @throws ProcessNotReadyError `ERR_PROCESS_NOT_READY`; ProcessUsageError `ERR_PROCESS_USAGE` when nothing is running.
   */
  async restart(options: RollingRestartOptions = {}): Promise<void> {
    const timeoutMs = requireDelayOption(
      'readyTimeoutMs',
      options.readyTimeoutMs ?? DEFAULT_READY_TIMEOUT_MS,
    );
    if (this.#state !== 'running' || this.#launcher === undefined) {
      throw new ProcessUsageError('restart: no children are running');
    }
    this.#restarting ??= this.#replaceAll(timeoutMs).finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #replaceAll(readyTimeoutMs: number): Promise<void> {
    for (const task of this.#tasks) {
      if (!task.isOver) await this.#replace(task, readyTimeoutMs);
    }
  }

  async #replace(task: SupervisedTask, readyTimeoutMs: number): Promise<void> {
    const successor = await this.#startSuccessor(task, readyTimeoutMs);
    if (this.#isStopping() || task.isOver) {
      successor.kill('SIGTERM');
      throw new ProcessNotReadyError(
        `the child of task ${task.id} was stopped while its successor got ready`,
      );
    }
    this.#others.delete(successor);
    const predecessor = task.handOver(successor);
    if (predecessor !== undefined) await this.#endPredecessor(predecessor);
  }

  async #startSuccessor(task: SupervisedTask, readyTimeoutMs: number): Promise<ChildProcess> {
    if (this.#isStopping())
      throw new ProcessNotReadyError('the children were stopped during a rolling restart');
    let child: ChildProcess;
    try {
      child = this.#spawn(task);
    } catch (cause) {
      throw new ProcessNotReadyError(`the successor of task ${task.id} could not be started`, { cause });
    }
    await new Promise<void>((resolve, reject) => {
      let late = false;
      const timer = this.#loop.clock.setTimeout(() => {
        late = true;
        child.kill('SIGKILL');
      }, readyTimeoutMs);
      const exited = (exit: ProcessExit): void => {
        timer.cancel();
        const why = late ? `was not ready within ${readyTimeoutMs} ms` : describeExit(exit);
        reject(new ProcessNotReadyError(`the successor of task ${task.id} ${why}`, { cause: exit.error }));
      };
      const ready = (): void => {
        timer.cancel();
        resolve();
      };
      this.#others.set(child, { ready, exited });
    });
    return child;
  }

  #endPredecessor(child: ChildProcess): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#loop.clock.setTimeout(() => child.kill('SIGKILL'), this.#stopTimeoutMs);
      const exited = (): void => {
        timer.cancel();
        resolve();
      };
      this.#others.set(child, { exited });
      child.kill('SIGTERM');
    });
  }

  #launch(task: SupervisedTask): void {
    try {
      task.run(this.#spawn(task));
    } catch (error) {
      // Decided on a later turn, as every other death is: no recursion, whatever the wait is.
      setImmediate(() => this.#died(task, 0, { code: null, signal: null, error: toError(error) }));
    }
  }

  /** Starts a child for a task. What becomes of it is heard of, whether or not the task counts on it. */
  #spawn(task: SupervisedTask): ChildProcess {
    const child = (this.#launcher as ChildLauncher).launch(task.id);
    const startedAt = this.#loop.clock.now();
    const exited = (exit: ProcessExit): void =>
      this.#exited(task, child, this.#loop.clock.now() - startedAt, exit);
    child.once('exit', (code, signal) => exited({ code, signal }));
    // Also says that a message or signal did not arrive, which is nothing that has to be dealt with.
    child.on('error', (error) => {
      if (child.pid === undefined) exited({ code: null, signal: null, error });
    });
    child.on('message', (message) => this.#heard(task, child, message));
    if (child.pid !== undefined) this.#tell(() => this.#hooks.onStarted?.(describe(task, child)));
    return child;
  }

  #heard(task: SupervisedTask, child: ChildProcess, message: unknown): void {
    const own = taskMessageOf(message);
    if (own === undefined) this.#tell(() => this.#hooks.onMessage?.(describe(task, child), message));
    else if (own.kind === 'ready') this.#others.get(child)?.ready?.();
    else if (own.kind === 'answer') this.#questions.answered(own.id, own.value);
  }

  #exited(task: SupervisedTask, child: ChildProcess, livedMs: number, exit: ProcessExit): void {
    if (task.holds(child)) {
      this.#died(task, livedMs, exit);
      return;
    }
    const other = this.#others.get(child);
    this.#others.delete(child);
    this.#tell(() => this.#hooks.onExited?.(describe(task, child), exit));
    other?.exited(exit);
    this.#checkEnd();
  }

  #died(task: SupervisedTask, livedMs: number, exit: ProcessExit): void {
    const child = task.describe();
    task.gone();
    this.#tell(() => this.#hooks.onExited?.(child, exit));
    if (this.#isStopping() || (exit.code === 0 && exit.signal === null)) {
      this.#retire(task);
      return;
    }
    const delayMs = this.#policy.afterDeath({ taskId: task.id, nowMs: this.#loop.clock.now(), livedMs });
    if (delayMs === undefined) {
      this.#giveUp(task, exit);
      return;
    }
    this.#loop.logger.warn(
      { taskId: task.id, pid: child.pid, ...exit },
      `the child of task ${task.id} ${describeExit(exit)}; it is started again in ${delayMs} ms`,
    );
    task.waitFor(
      this.#loop.clock.setTimeout(() => {
        task.restarts += 1;
        this.#launch(task);
      }, delayMs),
    );
  }

  #giveUp(task: SupervisedTask, exit: ProcessExit): void {
    const options = exit.error === undefined ? {} : { cause: exit.error };
    this.#failure = new ProcessLimitError(
      `no restart is left: the child of task ${task.id} ${describeExit(exit)}, after ${this.restarts} restarts of all`,
      options,
    );
    this.#loop.logger.error({ error: this.#failure }, 'children died too often; all are stopped');
    this.#retire(task);
    if (this.#state === 'running') this.#stop('SIGTERM');
  }

  #stop(signal: NodeJS.Signals): void {
    this.#state = 'stopping';
    if (this.#launcher === undefined) return; // start is under way, and will see it
    this.#killTimer ??= this.#loop.clock.setTimeout(() => this.#kill(), this.#stopTimeoutMs);
    for (const task of this.#tasks) {
      // First the listeners: what connects from now on shall be refused, not wait for a child that will not come.
      this.#launcher.release(task.id);
      if (!task.signal(signal)) this.#retire(task);
    }
    // A predecessor has been told to end: a second signal may mean to it that there is no time left.
    for (const [child, { ready }] of this.#others) if (ready !== undefined) child.kill(signal);
  }

  #kill(): void {
    for (const task of this.#tasks) {
      if (!task.signal('SIGKILL')) continue;
      this.#loop.logger.warn(
        { taskId: task.id },
        `the child of task ${task.id} did not end within ${this.#stopTimeoutMs} ms, and is killed`,
      );
    }
    for (const child of this.#others.keys()) child.kill('SIGKILL');
  }

  /** Nothing will run for this task any more. */
  #retire(task: SupervisedTask): void {
    if (task.isOver) return;
    task.end();
    this.#launcher?.release(task.id);
    this.#checkEnd();
  }

  #checkEnd(): void {
    if (this.#others.size === 0 && this.#tasks.every(({ isOver }) => isOver)) this.#finish();
  }

  #finish(): void {
    this.#state = 'ended';
    this.#killTimer?.cancel();
    if (this.#failure === undefined) this.#end.resolve();
    else this.#end.reject(this.#failure);
  }

  #isStopping(): boolean {
    return this.#state === 'stopping' || this.#state === 'ended';
  }

  #tell(call: () => unknown): void {
    try {
      call();
    } catch (error) {
      this.#loop.logger.error({ error }, 'a hook of the supervisor failed');
    }
  }
}

function describe({ id, restarts }: SupervisedTask, { pid }: ChildProcess): SupervisedChild {
  return { taskId: id, pid, restarts };
}

function requireDelayOption(name: string, value: number): number {
  if (typeof value === 'number' && value >= 0 && value <= MAX_DELAY_MS) return value;
  throw new ProcessUsageError(`${name} of 0 to ${MAX_DELAY_MS} was expected, not ${String(value)}`);
}

function describeExit({ code, signal, error }: ProcessExit): string {
  if (error !== undefined) return `could not be started (${error.message})`;
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
