import { withCallerStack } from '../../caller-stack.ts';
import { INSPECT, inspection } from '../../inspection.ts';
import { IOLoop } from '../../loop/io-loop.ts';
import { errorOf } from '../../shown-value.ts';
import { callReporting } from '../../thenable.ts';
import { type ChildProgram, resolveProgram } from '../launching/child-program.ts';
import { type ChildLauncher, openLauncher } from '../launching/launchers.ts';
import { type ProcessListenOptions, resolveListenRequests } from '../launching/listen-requests.ts';
import { ProcessLimitError, ProcessTimeoutError, ProcessUsageError } from '../launching/process-errors.ts';
import { OpenQuestions } from '../messages/questions.ts';
import { FirstReadiness } from './first-readiness.ts';
import { RestartPolicy } from './restart-policy.ts';
import { describeExit, restartOneByOne } from './rolling-restart.ts';
import { SecretSender } from './secret-sender.ts';
import { parentDoors } from './serve-door.ts';
import { type SupervisedChild, SupervisedTask } from './supervised-task.ts';
import {
  ASK_OPTIONS,
  type AskOptions,
  type ProcessSupervisorOptions,
  ROLLING_OPTIONS,
  type RollingRestartOptions,
  requireProcessOptions,
  resolveDelay,
  resolveProcessCount,
  SUPERVISOR_OPTIONS,
  type SupervisorHooks,
} from './supervisor-options.ts';
import { type ProcessExit, TaskChild } from './task-child.ts';

type State = 'new' | 'running' | 'stopping' | 'ended';

/**
 * Starts several processes of a program, and restarts those that die.
 *
 * `forkProcesses` uses it in the parent. Use it directly if your own code runs in the parent, for example to collect
 * messages from the children or to decide when they stop. It does not handle signals, and ends no process other than
 * its children.
 *
 * A child that exits with code 0 has finished its task. One that ends in any other way is restarted with the same task
 * id and the same listeners, after a delay that doubles each time. The program must call `forkProcesses` to get its
 * task.
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
  readonly #readiness: FirstReadiness;
  readonly #ended: Promise<void>;
  #end!: { resolve(): void; reject(error: Error): void };
  #state: State = 'new';
  #hasExplained = false;
  #launcher: ChildLauncher | undefined;
  #failure: ProcessLimitError | undefined;
  #killTimer: { cancel(): void } | undefined;
  readonly #questions: OpenQuestions;
  readonly #secrets: SecretSender;
  #restarting: Promise<void> | undefined;

  /** @throws ProcessUsageError `ERR_PROCESS_USAGE` if an option is invalid. */
  constructor(options: ProcessSupervisorOptions = {}) {
    requireProcessOptions(options, SUPERVISOR_OPTIONS, 'ProcessSupervisor');
    this.#stopTimeoutMs = resolveDelay(options, 'stopTimeoutMs');
    this.#policy = new RestartPolicy(options);
    this.#program = resolveProgram(options.program, options);
    this.#listen = options.listen ?? [];
    this.#hooks = options;
    this.#loop = options.loop ?? IOLoop.current();
    this.#questions = new OpenQuestions(this.#loop.clock);
    this.#secrets = new SecretSender(this.#loop.clock);
    this.#tasks = Array.from(
      { length: resolveProcessCount(options.count) },
      (_, id) => new SupervisedTask(id),
    );
    this.#readiness = new FirstReadiness(this.#tasks);
    this.#ended = new Promise((resolve, reject) => {
      this.#end = { resolve, reject };
    });
    this.#ended.catch(() => {}); // no unhandled rejection if the caller does not call wait()
  }

  /**
   * One entry for each task, in the order of the ids, with its current child. While a child is being replaced, its task
   * has two entries: first the current child, which is the old one until the new one is ready, then the other child.
   */
  get children(): readonly SupervisedChild[] {
    return this.#tasks.flatMap((task) => task.describeAll());
  }

  /** The number of restarts of all tasks together. */
  get restarts(): number {
    return this.#tasks.reduce((sum, task) => sum + task.restarts, 0);
  }

  /**
   * Opens the listeners and starts the children. They keep this process alive.
   *
   * @throws SystemError such as `EADDRINUSE`, before any child is started; ProcessUsageError `ERR_PROCESS_USAGE` if it
   *   is called a second time, or if `listen` is invalid.
   */
  async start(): Promise<void> {
    if (this.#state !== 'new')
      throw new ProcessUsageError('start: the supervisor was already started or stopped');
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
      throw withCallerStack(error);
    }
    if (this.#isStopping()) {
      for (const { id } of this.#tasks) this.#launcher.release(id);
      this.#finish();
      return;
    }
    for (const task of this.#tasks) this.#launch(task);
  }

  /**
   * Waits until every task has had a child that was ready, in the sense of {@link restart}, or is over. Never rejects.
   * Pending for ever if a child never becomes ready.
   */
  waitReady(): Promise<void> {
    return this.#readiness.reached;
  }

  /**
   * Waits until every child has ended, because its work was done or because of {@link stop}.
   *
   * @throws ProcessLimitError `ERR_PROCESS_RESTARTS` if children died too often; the other children have been stopped.
   */
  wait(): Promise<void> {
    return this.#ended;
  }

  /**
   * Stops the children: cancels pending restarts, closes the listeners of the parent, and sends `signal` to each child,
   * then SIGKILL to those still running after `stopTimeoutMs`. A second call also sends its signal.
   *
   * @returns a promise that resolves when all children have ended. Never rejects. On Windows, every signal ends a child
   *   immediately.
   */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#state === 'new') this.#finish();
    if (this.#state === 'running' || this.#state === 'stopping') this.#stop(signal);
    await this.#ended.catch(() => {});
  }

  /**
   * Sends a message to the child of a task, which receives it by `process.on('message')`.
   *
   * @returns false if it was not sent: the task has no child, or earlier messages still fill its channel.
   * @throws the error of Node if the message cannot be serialised.
   */
  send(taskId: number, message: unknown): boolean {
    return this.#tasks[taskId]?.child?.send(message) ?? false;
  }

  /**
   * Asks every child about `topic`; each responds with the result of the callback that it registered with
   * `task.answer`. While a child is being replaced, the current one is asked.
   *
   * @returns the answers by task id. A task has no entry if it has no child, or if its child has no answer or does not
   *   respond in time.
   */
  async ask(topic: string, options: AskOptions = {}): Promise<ReadonlyMap<number, unknown>> {
    requireProcessOptions(options, ASK_OPTIONS, 'ask');
    const timeoutMs = resolveDelay(options, 'timeoutMs');
    const results = await Promise.all(
      this.#tasks.map(({ child }) => this.#questions.ask(child, topic, timeoutMs)),
    );
    const answers = new Map<number, unknown>();
    for (const [taskId, result] of results.entries()) {
      if (result.kind === 'answered' && result.value !== undefined) answers.set(taskId, result.value);
    }
    return answers;
  }

  /**
   * Asks one child; see {@link ask}.
   *
   * @returns its answer; `undefined` if the task has no child, or if the child has no answer.
   * @throws ProcessTimeoutError `ERR_PROCESS_TIMEOUT` if it does not answer in time.
   */
  async askTask(taskId: number, topic: string, options: AskOptions = {}): Promise<unknown> {
    requireProcessOptions(options, ASK_OPTIONS, 'askTask');
    const timeoutMs = resolveDelay(options, 'timeoutMs');
    const task = this.#tasks[taskId];
    if (task === undefined) return undefined;
    const result = await this.#questions.ask(task.child, topic, timeoutMs);
    if (result.kind === 'late') {
      throw new ProcessTimeoutError(
        `the child of task ${taskId} did not answer about ${topic} within ${timeoutMs} ms`,
      );
    }
    return result.kind === 'answered' ? result.value : undefined;
  }

  /**
   * Replaces the children one by one: starts a successor with the same task id and the same listeners; when the
   * successor is ready, sends SIGTERM to the old child, and SIGKILL after `stopTimeoutMs`; when the old child has
   * ended, continues with the next task. While both children run, both accept connections, so no connection is refused.
   *
   * A child is ready once Landspout servers listen on all of its `task.listeners`, or once it calls `task.ready()`. A
   * child without listeners, or with servers of another library, must call `task.ready()`.
   *
   * If a successor ends before it is ready, or is not ready in time, the restart fails; all current children keep
   * running. A second call during a restart returns the result of the first. Replacements are not counted as restarts.
   *
   * @throws ProcessNotReadyError `ERR_PROCESS_NOT_READY`; ProcessUsageError `ERR_PROCESS_USAGE` if no children are
   *   running.
   */
  async restart(options: RollingRestartOptions = {}): Promise<void> {
    requireProcessOptions(options, ROLLING_OPTIONS, 'restart');
    const readyTimeoutMs = resolveDelay(options, 'readyTimeoutMs');
    if (this.#state !== 'running' || this.#launcher === undefined) {
      throw new ProcessUsageError('restart: no children are running');
    }
    this.#restarting ??= restartOneByOne({
      tasks: this.#tasks,
      clock: this.#loop.clock,
      readyTimeoutMs,
      startSuccessor: (task) => this.#spawn(task, (successor) => task.prepare(successor)),
      endChild: (task, child) => this.#endChild(task, child),
      isStopping: () => this.#isStopping(),
    }).finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  [INSPECT](): object {
    return inspection(this, ['children', 'restarts'], () => ({ state: this.#state }));
  }

  #launch(task: SupervisedTask): void {
    try {
      this.#spawn(task, (child) => task.run(child));
    } catch (error) {
      // Handled in a later loop iteration, like every other death, so that there is no recursion even if restarts have
      // no delay.
      setImmediate(() => this.#died(task, undefined, 0, { code: null, signal: null, error: errorOf(error) }));
    }
  }

  /**
   * @param keep - stores the child. Called before any hook, so that a hook which throws cannot make the supervisor lose
   *   the child.
   */
  #spawn(task: SupervisedTask, keep: (child: TaskChild) => void): TaskChild {
    const launched = (this.#launcher as ChildLauncher).launch(task.id);
    const startedAt = this.#loop.clock.now();
    const child = new TaskChild(launched, this.#loop, {
      exited: (one, exit) => this.#exited(task, one, this.#loop.clock.now() - startedAt, exit),
      message: (one, message) => this.#tell(() => this.#hooks.onMessage?.(task.describe(one), message)),
      answered: (id, value) => this.#questions.answered(id, value),
      refused: (message) => {
        task.refusal = message;
      },
      secretRequested: (one) => this.#secrets.requested(one),
      doorOpened: (one, opening) => parentDoors.opened(opening, () => task.describe(one)),
    });
    keep(child);
    this.#readiness.started(task, child);
    if (child.pid !== undefined) this.#tell(() => this.#hooks.onStarted?.(task.describe(child)));
    return child;
  }

  async #endChild(task: SupervisedTask, child: TaskChild): Promise<void> {
    const timer = this.#loop.clock.setTimeout(() => this.#killLate(task, child), this.#stopTimeoutMs);
    child.kill('SIGTERM');
    await child.ended;
    timer.cancel();
  }

  #exited(task: SupervisedTask, child: TaskChild, livedMs: number, exit: ProcessExit): void {
    if (task.forget(child)) {
      this.#died(task, child, livedMs, exit);
      return;
    }
    this.#tell(() => this.#hooks.onExited?.(task.describe(child), exit));
    this.#checkEnd();
  }

  /** Handles the death of the current child of a task. */
  #died(task: SupervisedTask, child: TaskChild | undefined, livedMs: number, exit: ProcessExit): void {
    this.#tell(() => this.#hooks.onExited?.(task.describe(child), exit));
    if (this.#isStopping() || (exit.code === 0 && exit.signal === null)) {
      this.#retire(task);
      return;
    }
    const delayMs = this.#policy.afterDeath({ taskId: task.id, nowMs: this.#loop.clock.now(), livedMs });
    if (delayMs === undefined) {
      this.#giveUp(task, exit);
      return;
    }
    this.#explainOnce(task);
    this.#loop.logger.warn(
      { taskId: task.id, pid: child?.pid, ...exit },
      `the child of task ${task.id} ${describeExit(exit)}; it will be restarted in ${delayMs} ms`,
    );
    task.waitFor(
      this.#loop.clock.setTimeout(() => {
        task.restarts += 1;
        this.#launch(task);
      }, delayMs),
    );
  }

  /** Logs why the children cannot listen. Only once, since the reason is the same for all of them. */
  #explainOnce(task: SupervisedTask): void {
    if (task.refusal === undefined || this.#hasExplained) return;
    this.#hasExplained = true;
    this.#loop.logger.error(
      { taskId: task.id },
      `the child of task ${task.id} could not listen: ${task.refusal}`,
    );
  }

  #giveUp(task: SupervisedTask, exit: ProcessExit): void {
    const options = exit.error === undefined ? {} : { cause: exit.error };
    const why = task.refusal === undefined ? '' : `; it could not listen: ${task.refusal}`;
    this.#failure = new ProcessLimitError(
      `restart limit reached: the child of task ${task.id} ${describeExit(exit)} after ${this.restarts} restarts in all${why}`,
      options,
    );
    this.#loop.logger.error({ error: this.#failure }, 'children died too often; stopping all children');
    this.#retire(task);
    if (this.#state === 'running') this.#stop('SIGTERM');
  }

  #stop(signal: NodeJS.Signals): void {
    const isFirst = this.#state !== 'stopping';
    this.#state = 'stopping';
    if (this.#launcher === undefined) return; // start() is still running and checks the state
    this.#killTimer ??= this.#loop.clock.setTimeout(() => this.#kill(), this.#stopTimeoutMs);
    for (const task of this.#tasks) {
      // The listeners are closed first: later connections must be refused, not wait for a child that will not be
      // started.
      this.#launcher.release(task.id);
      for (const child of task.children) {
        // A second signal of the same kind may end a child at once, and one that is being replaced has already received
        // it.
        if (!isFirst || child.toldBy !== signal) child.kill(signal);
      }
      if (task.child === undefined) this.#retire(task);
    }
  }

  #kill(): void {
    for (const task of this.#tasks) {
      for (const child of task.children) this.#killLate(task, child);
    }
  }

  #killLate(task: SupervisedTask, child: TaskChild): void {
    child.kill('SIGKILL');
    this.#loop.logger.warn(
      { taskId: task.id, pid: child.pid },
      `the child of task ${task.id} did not end within ${this.#stopTimeoutMs} ms; killing it`,
    );
  }

  /** Ends a task: no child will be started for it any more. */
  #retire(task: SupervisedTask): void {
    if (task.isOver) return;
    task.end();
    this.#readiness.settled(task);
    this.#launcher?.release(task.id);
    this.#checkEnd();
  }

  #checkEnd(): void {
    if (this.#tasks.every(({ isOver, children }) => isOver && children.length === 0)) this.#finish();
  }

  #finish(): void {
    this.#state = 'ended';
    this.#killTimer?.cancel();
    this.#secrets.close();
    if (this.#failure === undefined) this.#end.resolve();
    else this.#end.reject(this.#failure);
  }

  #isStopping(): boolean {
    return this.#state === 'stopping' || this.#state === 'ended';
  }

  #tell(call: () => unknown): void {
    callReporting(call, undefined, (error) =>
      this.#loop.logger.error({ error }, 'a hook of the process supervisor threw'),
    );
  }
}
