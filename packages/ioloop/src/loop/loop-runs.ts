import { MAX_DELAY_MS } from '../argument-checks.ts';
import type { Clock, ClockTimer } from '../clock.ts';
import { LoopStoppedError, LoopTimeoutError, LoopUsageError } from '../loop-errors.ts';

/**
 * The active calls of `start` (at most one) and `run` (any number) of a loop. Node's loop works without them; they only
 * wait, and keep the process alive meanwhile.
 */
export class LoopRuns {
  /** Functions that {@link stop} calls; each ends one `start` or `run`. */
  readonly #ends = new Set<() => void>();
  #started = false;

  get running(): boolean {
    return this.#ends.size > 0;
  }

  async start(): Promise<void> {
    if (this.#started) {
      throw new LoopUsageError('ERR_LOOP_RUNNING', 'start: the loop is already started; call stop first');
    }
    this.#started = true;
    const keepAlive = setInterval(() => {}, MAX_DELAY_MS);
    await new Promise<void>((resolve) => this.#ends.add(resolve));
    clearInterval(keepAlive);
  }

  stop(): void {
    if (!this.running) {
      throw new LoopUsageError(
        'ERR_LOOP_NOT_RUNNING',
        'stop: the loop is not running; neither start nor run is active',
      );
    }
    for (const end of this.#ends) end();
    // The loop stops running now, although the awaiting callers resume a little later.
    this.#ends.clear();
    this.#started = false;
  }

  async run<T>(
    main: (signal: AbortSignal) => T | Promise<T>,
    clock: Clock,
    timeoutMs: number | undefined,
  ): Promise<T> {
    const controller = new AbortController();
    const keepAlive = setInterval(() => {}, MAX_DELAY_MS);
    let timer: ClockTimer | undefined;
    let end = (): void => {};
    try {
      const cutShort = new Promise<never>((_, reject) => {
        const fail = (error: Error): void => {
          reject(error);
          controller.abort(error);
        };
        end = () => fail(new LoopStoppedError('run: the loop was stopped before there was a result'));
        this.#ends.add(end);
        if (timeoutMs === undefined) return;
        const expire = (): void => fail(new LoopTimeoutError(`run: no result within ${timeoutMs} ms`));
        timer = clock.setTimeout(expire, timeoutMs);
      });
      return await Promise.race([main(controller.signal), cutShort]);
    } finally {
      this.#ends.delete(end);
      timer?.cancel();
      clearInterval(keepAlive);
    }
  }
}
