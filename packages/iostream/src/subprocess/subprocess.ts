// Child processes whose standard input and output are streams. To supervise processes, see `@landspout/ioloop`.

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
  /** Whether to reject if the return code is not 0. Default: true. */
  readonly raiseError?: boolean;
  /** Cancels the wait; the child keeps running. */
  readonly signal?: AbortSignal;
  /** How long to wait, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number;
}

const WAIT_OPTIONS: OptionNames<WaitForExitOptions> = {
  raiseError: true,
  signal: true,
  timeoutMs: true,
};

/**
 * A child process, with streams for its standard input and output.
 *
 * `stdin` is writable; after `endWrite()`, the child reads end of file. `stdout` and `stderr` are readable; they end
 * when the last process that has the other end open closes it, which may be long after the exit if the child has
 * started children of its own. If its output is not read, the child blocks after writing a few hundred kilobytes; no
 * byte is lost. Read each stream to its end, or call {@link close}.
 *
 * A running child keeps this process alive unless {@link unref} is called. No shell is involved: to use one, pass it as
 * the command.
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
  /** The error that Node reports during a `kill` that fails. */
  #refusal: Error | undefined;
  /** The reason of the caller's `AbortSignal`, if that ended the child. */
  #abortReason: unknown;

  /**
   * Starts a program.
   *
   * @param command - a path, or a name that is looked up in the PATH of `env`.
   * @param args - its arguments, passed on unchanged.
   * @throws SystemError such as `ENOENT`, `EACCES` or `EMFILE`, with `syscall` `spawn` and the command as `address`, or
   *   the working directory if it is missing; ProcessUsageError `ERR_PROCESS_USAGE` or StreamUsageError
   *   `ERR_STREAM_USAGE` if an argument or option is invalid; the reason of `signal` if it is aborted. Nothing stays
   *   open then.
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
   * The exit code, or the negative number of the signal that ended the child; `undefined` while it is running. Node has
   * no names for real-time signals: if one of those ended the child, Node reports 0.
   */
  get returnCode(): number | undefined {
    return this.#returnCode;
  }

  /** The signal that ended the child, such as `SIGKILL`; `undefined` if none did. */
  get exitSignal(): NodeJS.Signals | undefined {
    return this.#exitSignal;
  }

  /**
   * Sends a signal to the child only; its own children keep running.
   *
   * @param signal - a name or number. 0 checks whether the child can be signalled. Default: `SIGTERM`.
   * @returns whether it was sent; false after the exit.
   * @throws SystemError such as `EPERM`; ProcessUsageError `ERR_PROCESS_USAGE` if `signal` is not a signal.
   */
  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    requireProcessSignal('kill', signal);
    this.#refusal = undefined;
    const isSent = this.#child.kill(signal);
    if (this.#refusal !== undefined) throw SystemError.from(this.#refusal, 'kill', String(this.pid));
    return isSent;
  }

  /**
   * Waits for the exit, but not for the end of the streams, which other processes may keep open.
   *
   * @returns the exit code, or the negative number of the signal.
   * @throws CalledProcessError `ERR_PROCESS_FAILED` if the code is not 0, unless `raiseError` is false;
   *   LoopTimeoutError `ERR_LOOP_TIMEOUT` if `timeoutMs` pass first, or the reason of `signal`: the child keeps running
   *   then.
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
   * Calls `callback(returnCode)` one loop iteration after the exit, even if the child has already exited, in the async
   * context of this call. Replaces the previous callback. An error of the callback is logged by the loop.
   */
  setExitCallback(callback: (returnCode: number) => unknown): void {
    processChecks.callback('setExitCallback', 'callback', callback);
    this.#exitCallback = AsyncResource.bind(callback);
    if (this.#returnCode !== undefined) this.#tellExit();
  }

  /**
   * Writes `input` and ends stdin, reads both outputs to their ends at the same time, and waits for the exit. Input
   * that the child does not read is lost. An output ends when the last process that has it open closes it.
   *
   * @param input - bytes, owned by the stream after the call, or text, which is encoded as UTF-8.
   * @throws SubprocessLimitError `ERR_PROCESS_OUTPUT` if an output exceeds `maxBytes`: the child was ended and its
   *   streams are closed then. LoopTimeoutError `ERR_LOOP_TIMEOUT`, or the reason of `signal`: the child keeps running
   *   then, no byte of its output is lost, and another call without input can continue reading. ProcessUsageError
   *   `ERR_PROCESS_USAGE` if there is input but no open stdin; StreamUsageError `ERR_STREAM_BUSY` if another read is
   *   waiting.
   */
  communicate(input?: string | Uint8Array, options: CommunicateOptions = {}): Promise<CommunicateResult> {
    return communicate(this, input, options);
  }

  /** Keeps this process alive while the child is running, which is the default. */
  ref(): void {
    this.#child.ref();
    for (const stream of this.#streams) stream.ref();
  }

  /** Lets this process exit while the child is running. */
  unref(): void {
    this.#child.unref();
    for (const stream of this.#streams) stream.unref();
  }

  /**
   * Closes the streams and ends the child: sends SIGTERM, and SIGKILL if it has not exited after `killAfterMs`.
   * Resolves after the exit. Idempotent.
   *
   * @throws SystemError such as `EPERM` if the child cannot be signalled. It keeps running then.
   */
  async close(): Promise<void> {
    this.#child.ref(); // this call waits for the exit
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

  /**
   * Uses `withTimeout`, whose waits share one listener per signal; with one listener for each child, Node would warn of
   * a leak.
   */
  #endWith(signal: AbortSignal): void {
    withTimeout(this.#exited, { signal }).catch(() => {
      if (this.#returnCode !== undefined) return;
      this.#abortReason = signal.reason;
      try {
        this.#terminate();
      } catch (error) {
        this.loop.logger.error(
          { error },
          'SIGTERM could not be sent to a child process, which keeps running',
        );
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
        this.loop.logger.error(
          { error },
          'SIGKILL could not be sent to a child process, which keeps running',
        );
      }
    };
    this.#killTimer = this.loop.clock.setTimeout(killForGood, this.#killAfterMs);
    // The child itself keeps the process alive, unless it is unref'd.
    this.#killTimer.unref();
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#exitSignal = signal ?? undefined;
    this.#returnCode = signal === null ? (code as number) : -constants.signals[signal];
    this.#killTimer?.cancel();
    // Node does not close the stdin of a child that has exited, since Node no longer has the pipe; queued data may
    // still be read by a grandchild.
    this.stdin?.endWrite();
    this.#tellExit();
  }

  #tellExit(): void {
    if (this.#exitCallback === undefined) return;
    try {
      this.loop.addCallback(this.#exitCallback, this.#returnCode as number);
    } catch (error) {
      // The loop was closed in the meantime and dropped its callbacks, so this one is dropped too.
      if (!(error instanceof LoopClosedError)) throw error;
    }
  }
}
