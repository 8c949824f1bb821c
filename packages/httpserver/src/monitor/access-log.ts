import { isThenable, type Logger } from '@landspout/ioloop';
import type { AccessRecord } from './access-record.ts';

/**
 * Hears of each request when its answer is complete, or cut. It is called in the middle of the work, in the async
 * context of what has ended the answer: hand the record on, and return.
 *
 * One that throws or rejects hurts no request: it is logged, once until it has worked again.
 */
export type AccessLogHook = (record: AccessRecord) => unknown;

/** Calls the hook, and keeps what it throws away from the connection. */
export class AccessLog {
  readonly #hook: AccessLogHook;
  readonly #logger: Logger;
  #failing = false;

  constructor(hook: AccessLogHook, logger: Logger) {
    this.#hook = hook;
    this.#logger = logger;
  }

  write(record: AccessRecord): void {
    try {
      const result: unknown = this.#hook(record);
      if (isThenable(result)) Promise.resolve(result).then(this.#worked, this.#failed);
      else this.#failing = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  readonly #worked = (): void => {
    this.#failing = false;
  };

  /** One log record for each request would be a flood, when there are many. */
  readonly #failed = (error: unknown): void => {
    if (this.#failing) return;
    this.#failing = true;
    this.#logger.error({ error }, 'the access log failed');
  };
}
