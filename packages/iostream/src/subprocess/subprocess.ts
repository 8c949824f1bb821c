// This room knows child processes whose standard input and output are streams. It does not know how processes are
// supervised: `@landspout/ioloop` has that.

import { AsyncResource } from 'node:async_hooks';
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { type ClockTimer, type IOLoop, LoopClosedError, SystemError, withTimeout } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { isThenable, withCallerStack } from '@landspout/ioloop/reactor';
import type { IOStream } from '../stream/io-stream.ts';
import { type CommunicateOptions, type CommunicateResult, communicate } from './communicate.ts';
import { spawnChild, takeChildStreams } from './spawn-child.ts';
import { CalledProcessError, processChecks, requireProcessSignal } from './subprocess-errors.ts';
import { planSubprocess, type SubprocessOptions, type SubprocessPlan } from './subprocess-options.ts';

export interface WaitForExitOptions {
  /** Whether a code other than 0 is an error. Default true. */
  readonly raiseError?: boolean;
  /** Stops the wait; the child runs on. */
  readonly signal?: AbortSignal;
  /** Most milliseconds to wait; default: no limit. */
  readonly timeoutMs?: number;
}

const WAIT_OPTIONS: OptionNames<WaitForExitOptions> = {
  raiseError: true,
  signal: true,
  timeoutMs: true,
};

/**
 * A child process, with streams for what it reads and writes.
 *
 * `stdin` is for writing: `endWrite()` is the child's end of file. `stdout` and `stderr` are for reading: they end
 * when nobody has the other end any longer, which may be long after the exit where the child has left children of its
 * own. A child whose output is not read stands still once some hundred kilobytes of it wait; no byte is lost. Read
 * each stream to its end, or {@link close}.
 *
 * A running child keeps the process alive until {@link unref}. No shell stands between: where one is wanted, it is the
 * command.
 */
export class Subprocess {
  readonly command: string;
  readonly pid: number;
  readonly stdin: IOStream | undefined;
  readonly stdout: IOStream | undefined;
  readonly stderr: IOStream | undefined;
  readonly loop: IOLoop;

  readonly #child: ChildProcess;
  readonly #killAfterMs: number;
  readonly #exited: Promise<void>;
  #returnCode: number | undefined;
  #exitSignal: NodeJS.Signals | undefined;
  #exitCallback: ((returnCode: number) => unknown) | undefined;
  #killTimer: ClockTimer | undefined;
  /** What Node reports of a `kill` that was refused, while it is under way. */
  #refusal: Error | undefined;
  /** Why the child was told to end, where a signal of the caller did. */
  #abortReason: unknown;

  /**
   * Starts a program.
   *
   * @param command - a path, or a name that is looked for in the PATH of `env`.
   * @param args - its arguments, each as it is.
   * @throws SystemError such as `ENOENT`, `EACCES` or `EMFILE`, its `syscall` `spawn` and its `address` the command,
   *   or the folder where that is what is missing; ProcessUsageError `ERR_PROCESS_USAGE` and StreamUsageError
   *   `ERR_STREAM_USAGE` for what cannot be meant; the reason of `signal` when it has aborted. Nothing stays open.
   *
   * @example
   * const child = await Subprocess.spawn('sort', ['-u'], { stdin: 'stream', stdout: 'stream' });
   * const { stdout } = await child.communicate('b\na\nb\n');
   */
  static async spawn(
    command: string,
    args: readonly string[] = [],
    options: SubprocessOptions = {},
  ): Promise<Subprocess> {
    const plan = planSubprocess(command, args, options);
    plan.signal?.throwIfAborted();
    const child = spawnChild(plan);
    if (isThenable(child)) throw withCallerStack((await child) as Error);
    return new Subprocess(child, plan);
  }

  private constructor(child: ChildProcess, plan: SubprocessPlan) {
    this.#child = child;
    this.#killAfterMs = plan.killAfterMs;
    this.command = plan.command;
    this.loop = plan.loop;
    this.pid = child.pid as number;
    const { stdin, stdout, stderr } = takeChildStreams(child, plan);
    this.stdin = stdin;
    this.stdout = stdout;
    this.stderr = stderr;
    child.on('error', (error) => {
      this.#refusal = error;
    });
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#onExit(code, signal);
        resolve();
      });
    });
    if (plan.signal !== undefined) this.#endWith(plan.signal);
  }

  /**
   * The exit code, or the negative number of the signal that ended the child; `undefined` while it runs. Node has no
   * names for the real-time signals, and says 0 of a child that one of those has ended.
   */
  get returnCode(): number | undefined {
    return this.#returnCode;
  }

  /** The signal that ended the child, such as `SIGKILL`, where one did. */
  get exitSignal(): NodeJS.Signals | undefined {
    return this.#exitSignal;
  }

  /**
   * Sends a signal to the child, and to nobody else: its own children run on.
   *
   * @param signal - a name or number; 0 asks whether there is a child to be signalled. Default `SIGTERM`.
   * @returns whether it was sent; false after the exit.
   * @throws SystemError such as `EPERM`; ProcessUsageError `ERR_PROCESS_USAGE` for what is no signal.
   */
  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    requireProcessSignal('kill', signal);
    this.#refusal = undefined;
    const isSent = this.#child.kill(signal);
    if (this.#refusal !== undefined) throw SystemError.from(this.#refusal, 'kill', String(this.pid));
    return isSent;
  }

  /**
   * Waits for the exit; not for the streams, which others may hold open.
   *
   * @returns the exit code, or the negative number of the signal.
   * @throws CalledProcessError `ERR_PROCESS_FAILED` when it is not 0, unless `raiseError` is false; LoopTimeoutError
   *   `ERR_LOOP_TIMEOUT` when `timeoutMs` pass first; the reason of `signal`. The child runs on then.
   */
  async waitForExit(options: WaitForExitOptions = {}): Promise<number> {
    processChecks.options('waitForExit', options, WAIT_OPTIONS);
    const { raiseError = true, signal, timeoutMs } = options;
    processChecks.boolean('waitForExit', 'raiseError', raiseError);
    await withTimeout(this.#exited, { signal, timeoutMs, clock: this.loop.clock });
    const returnCode = this.#returnCode as number;
    if (!raiseError || returnCode === 0) return returnCode;
    const cause = this.#abortReason === undefined ? {} : { cause: this.#abortReason };
    throw new CalledProcessError(this.command, returnCode, this.#exitSignal, cause);
  }

  /**
   * Calls `callback(returnCode)` one turn after the exit, also when that is past, in the async context of this call.
   * Takes the place of the callback before. What it throws is logged by the loop.
   */
  setExitCallback(callback: (returnCode: number) => unknown): void {
    processChecks.callback('setExitCallback', 'callback', callback);
    this.#exitCallback = AsyncResource.bind(callback);
    if (this.#returnCode !== undefined) this.#tellExit();
  }

  /**
   * Writes `input` and ends stdin, reads both outputs to their ends at the same time, and waits for the exit. What the
   * child does not want of the input is lost. The outputs end with the last process that has them.
   *
   * @param input - bytes, which belong to the stream from here on, or text as UTF-8.
   * @throws SubprocessLimitError `ERR_PROCESS_OUTPUT` when an output passes `maxBytes`: then the child was ended and
   *   its streams are closed. LoopTimeoutError `ERR_LOOP_TIMEOUT`, or the reason of `signal`: then the child runs on,
   *   no byte of its output is lost, and a call without input goes on. ProcessUsageError `ERR_PROCESS_USAGE` for input
   *   without an open stdin; StreamUsageError `ERR_STREAM_BUSY` when somebody else reads.
   */
  communicate(input?: string | Uint8Array, options: CommunicateOptions = {}): Promise<CommunicateResult> {
    return communicate(this, input, options);
  }

  /** Keeps the process alive while the child runs, which is so from the start. */
  ref(): void {
    this.#child.ref();
    for (const stream of this.#streams) stream.ref();
  }

  /** Lets the process exit although the child runs. */
  unref(): void {
    this.#child.unref();
    for (const stream of this.#streams) stream.unref();
  }

  /**
   * Closes the streams and ends the child: SIGTERM, and SIGKILL when it has not ended after `killAfterMs`. Resolves
   * after the exit. Idempotent.
   *
   * @throws SystemError such as `EPERM` when the child must not be signalled. Then it runs on.
   */
  async close(): Promise<void> {
    this.#child.ref(); // somebody waits now
    for (const stream of this.#streams) stream.close();
    this.#terminate();
    await this.#exited;
    await Promise.all(this.#streams.map((stream) => stream.waitClosed()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [INSPECT](): object {
    return inspection(this, ['command', 'pid', 'returnCode', 'exitSignal'], () => ({ loop: undefined }));
  }

  get #streams(): IOStream[] {
    return [this.stdin, this.stdout, this.stderr].filter((stream) => stream !== undefined);
  }

  /** The wait listens, as many share one listener there; a listener for each child would have Node warn of a leak. */
  #endWith(signal: AbortSignal): void {
    withTimeout(this.#exited, { signal }).catch(() => {
      if (this.#returnCode !== undefined) return;
      this.#abortReason = signal.reason;
      try {
        this.#terminate();
      } catch (error) {
        this.loop.logger.error({ error }, 'a child process could not be ended');
      }
    });
  }

  #terminate(): void {
    if (this.#returnCode !== undefined || this.#killTimer !== undefined) return;
    this.kill('SIGTERM');
    const killForGood = (): void => {
      try {
        this.kill('SIGKILL');
      } catch (error) {
        this.loop.logger.error({ error }, 'a child process could not be killed');
      }
    };
    this.#killTimer = this.loop.clock.setTimeout(killForGood, this.#killAfterMs);
    // The child itself keeps the process alive, if anything is to.
    this.#killTimer.unref();
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#exitSignal = signal ?? undefined;
    this.#returnCode = signal === null ? (code as number) : -constants.signals[signal];
    this.#killTimer?.cancel();
    // Nobody closes the stdin of a child that is gone; what is queued may still be for a child of its own.
    this.stdin?.endWrite();
    this.#tellExit();
  }

  #tellExit(): void {
    if (this.#exitCallback === undefined) return;
    try {
      this.loop.addCallback(this.#exitCallback, this.#returnCode as number);
    } catch (error) {
      // A loop that was closed meanwhile has dropped what waited on it, and this with it.
      if (!(error instanceof LoopClosedError)) throw error;
    }
  }
}
