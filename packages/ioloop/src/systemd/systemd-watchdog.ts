import { loopChecks } from '../checks.ts';
import type { ClockTimer } from '../clock.ts';
import { MAX_DELAY_MS } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';
import { IOLoop } from '../loop/io-loop.ts';
import type { OptionNames } from '../option-names.ts';
import { notifySocket, notifySystemd } from './notify-systemd.ts';

export interface SystemdWatchdogOptions {
  /** The loop whose clock makes the notices due, and whose logger gets failures. Default: the loop of this thread. */
  readonly loop?: IOLoop;
}

const OPTIONS: OptionNames<SystemdWatchdogOptions> = { loop: true };
/** `WATCHDOG_USEC` is a whole number; more digits than this are a mistake. */
const DIGITS = /^[1-9]\d{0,15}$/;

/**
 * Resets the watchdog of the unit (`WatchdogSec=`) at half its time, for as long as the event loop works: if the loop is
 * blocked for longer, systemd ends the process with SIGABRT and restarts it as `Restart=` says. Does not keep the
 * process alive. `server.start`, `app.start` and `forkProcesses` call it themselves.
 *
 * The first notice is sent at once. A notice that fails is logged once, and the next one is tried nevertheless.
 *
 * @returns undefined if the unit has no watchdog for this process: WATCHDOG_USEC or NOTIFY_SOCKET is not set, or
 *   WATCHDOG_PID names another process; also in a child of `forkProcesses`.
 * @throws LoopUsageError `ERR_LOOP_USAGE` if an option is unknown.
 */
export function startSystemdWatchdog(options: SystemdWatchdogOptions = {}): SystemdWatchdog | undefined {
  loopChecks.options('startSystemdWatchdog', options, OPTIONS);
  const intervalMs = watchdogIntervalMs(process.env, process.pid);
  if (intervalMs === undefined || notifySocket() === undefined) return undefined;
  return new SystemdWatchdog(options.loop ?? IOLoop.current(), intervalMs);
}

/** Returns half the time of the watchdog; undefined if there is none for the process. Exported for its test. */
export function watchdogIntervalMs(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { WATCHDOG_USEC: usec = '', WATCHDOG_PID: owner } = env;
  if (!DIGITS.test(usec) || (owner !== undefined && owner !== String(pid))) return undefined;
  return Math.min(MAX_DELAY_MS, Math.max(1, Math.floor(Number(usec) / 2_000)));
}

/** Resets the watchdog of a unit periodically, until it is stopped. */
export class SystemdWatchdog implements Disposable {
  readonly intervalMs: number;
  readonly #loop: IOLoop;
  #timer: ClockTimer | undefined;
  #isStopped = false;
  #isFailing = false;

  /** @internal Call {@link startSystemdWatchdog}. */
  constructor(loop: IOLoop, intervalMs: number) {
    this.#loop = loop;
    this.intervalMs = intervalMs;
    void this.#reset();
  }

  /** Stops the notices. systemd then ends the process when the time of the watchdog has passed. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  [INSPECT](): object {
    return inspection(this, ['intervalMs'], () => ({ isStopped: this.#isStopped }));
  }

  /** The next timer is set after the notice, so that slow notices do not pile up. */
  async #reset(): Promise<void> {
    try {
      await notifySystemd({ watchdog: true });
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#loop.logger.warn({ error }, 'the watchdog of systemd could not be reset');
      this.#isFailing = true;
    }
    if (this.#isStopped) return;
    this.#timer = this.#loop.clock.setTimeout(() => void this.#reset(), this.intervalMs);
    this.#timer.unref();
  }
}
