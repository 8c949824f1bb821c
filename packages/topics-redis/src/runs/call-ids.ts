import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { BackplaneError, newEpoch } from '@landspout/topics';

/** Most calls that are remembered. Of a forgotten one, a repetition is a new call. */
const MAX_REMEMBERED = 1000;

/**
 * Ids of calls that must not take effect twice. If the outcome of a call is unknown, the next call for the same purpose
 * has the same id, so that Redis recognises it if the first one has taken effect.
 */
export class CallIds {
  readonly #unknown = new Map<string, string>();

  /** Number of calls whose outcome is unknown. */
  get size(): number {
    return this.#unknown.size;
  }

  /** @param purpose - two calls with one purpose are one that is repeated. */
  async call<Result>(purpose: string, call: (callId: string) => Promise<Result>): Promise<Result> {
    const known = this.#unknown.get(purpose);
    // While this call is on its way, another one is not its repetition.
    this.#unknown.delete(purpose);
    const callId = known ?? newEpoch();
    try {
      return await call(callId);
    } catch (error) {
      if (error instanceof BackplaneError && (known !== undefined || isUnknown(error))) {
        this.#remember(purpose, callId);
      }
      throw error;
    }
  }

  [INSPECT](): object {
    return inspection(this, ['size']);
  }

  #remember(purpose: string, callId: string): void {
    const [oldest] = this.#unknown.keys();
    if (oldest !== undefined && this.size >= MAX_REMEMBERED) this.#unknown.delete(oldest);
    this.#unknown.set(purpose, callId);
  }
}

function isUnknown({ code }: BackplaneError): boolean {
  return code === 'ERR_TOPICS_OUTCOME_UNKNOWN';
}
