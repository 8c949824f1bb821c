import type { ChildProcess } from 'node:child_process';
import { MAX_DELAY_MS } from '../delay.ts';
import { IOLoop } from '../io-loop.ts';
import { type ChildProgram, type ChildProgramOptions, resolveProgram } from './child-program.ts';
import type { ChildLauncher } from './launch-plan.ts';
import { type ProcessListenOptions, resolveListenRequests } from './listen-requests.ts';
import { openLauncher } from './open-launcher.ts';
import { resolveProcessCount } from './process-count.ts';
import { ProcessLimitError, ProcessUsageError } from './process-errors.ts';
import { RestartPolicy, type RestartPolicyOptions } from './restart-policy.ts';
import { type ProcessExit, SupervisedTask } from './supervised-task.ts';

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

  /** @throws ProcessUsageError `ERR_PROCESS_USAGE` for options that cannot be. */
  constructor(options: ProcessSupervisorOptions = {}) {
    const { stopTimeoutMs = DEFAULT_STOP_TIMEOUT_MS } = options;
    if (typeof stopTimeoutMs !== 'number' || !(stopTimeoutMs >= 0 && stopTimeoutMs <= MAX_DELAY_MS)) {
      throw new ProcessUsageError(
        `stopTimeoutMs of 0 to ${MAX_DELAY_MS} was expected, not ${String(stopTimeoutMs)}`,
      );
    }
    this.#stopTimeoutMs = stopTimeoutMs;
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #launch(task: SupervisedTask): void {
    let child: ChildProcess;
    try {
      child = (this.#launcher as ChildLauncher).launch(task.id);
    } catch (error) {
      // Decided on a later turn, as every other death is: no recursion, whatever the wait is.
      setImmediate(() => this.#died(task, 0, { code: null, signal: null, error: toError(error) }));
      return;
    }
    const startedAt = this.#loop.clock.now();
    task.run(child, {
      exited: (exit) => this.#died(task, this.#loop.clock.now() - startedAt, exit),
      message: (message) => this.#tell(() => this.#hooks.onMessage?.(task.describe(), message)),
    });
    if (child.pid !== undefined) this.#tell(() => this.#hooks.onStarted?.(task.describe()));
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
  }

  #kill(): void {
    for (const task of this.#tasks) {
      if (!task.signal('SIGKILL')) continue;
      this.#loop.logger.warn(
        { taskId: task.id },
        `the child of task ${task.id} did not end within ${this.#stopTimeoutMs} ms, and is killed`,
      );
    }
  }

  /** Nothing will run for this task any more. */
  #retire(task: SupervisedTask): void {
    if (task.isOver) return;
    task.end();
    this.#launcher?.release(task.id);
    if (this.#tasks.every(({ isOver }) => isOver)) this.#finish();
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

function describeExit({ code, signal, error }: ProcessExit): string {
  if (error !== undefined) return `could not be started (${error.message})`;
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
