import { MAX_DELAY_MS } from '../clock.ts';
import { INSPECT, inspection } from '../inspection.ts';
import type { IOLoop } from '../loop/io-loop.ts';
import type { SystemdNotice } from './notice.ts';
import { notifySocket, notifySystemd } from './notify-systemd.ts';
import { type SystemdWatchdog, startSystemdWatchdog } from './systemd-watchdog.ts';

/** How much longer systemd waits than the service takes to stop by its own limits. */
const MARGIN_MS = 5_000;

/**
 * Reports the states of a service to systemd, in their order. Nothing here throws or rejects: a service works without
 * its manager, so failures are logged.
 */
export class SystemdService {
  readonly #loop: IOLoop;
  #last: Promise<void> = Promise.resolve();
  #watchdog: SystemdWatchdog | undefined;
  #isStopping = false;

  private constructor(loop: IOLoop) {
    this.#loop = loop;
  }

  /** @returns undefined if nothing expects notices of this process. */
  static open(loop: IOLoop): SystemdService | undefined {
    return notifySocket() === undefined ? undefined : new SystemdService(loop);
  }

  /** The service has started, or a reload is complete. Starts the watchdog, if the unit has one. */
  ready(status?: string): Promise<void> {
    if (this.#isStopping) return this.#last;
    this.#watchdog ??= startSystemdWatchdog({ loop: this.#loop });
    return this.#send({ ready: true, ...(status === undefined ? {} : { status }) });
  }

  reloading(): Promise<void> {
    return this.#isStopping ? this.#last : this.#send({ reloading: true });
  }

  /** @param withinMs - how long the service may take to stop. Calls after the first are ignored. */
  stopping(withinMs: number): Promise<void> {
    if (this.#isStopping) return this.#last;
    this.#isStopping = true;
    return this.#send({ stopping: true, extendTimeoutMs: Math.min(withinMs + MARGIN_MS, MAX_DELAY_MS) });
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({ isStopping: this.#isStopping, watchdog: this.#watchdog }));
  }

  #send(notice: SystemdNotice): Promise<void> {
    this.#last = this.#last.then(async () => {
      try {
        await notifySystemd(notice);
      } catch (error) {
        this.#loop.logger.warn({ error }, 'systemd could not be notified');
      }
    });
    return this.#last;
  }
}
