import { onAbort } from '@landspout/ioloop/reactor';
import { StreamConnectError } from '../errors.ts';
import type { ResolvedAddress } from './resolver.ts';

interface Waiter {
  readonly resolve: (addresses: readonly ResolvedAddress[]) => void;
  readonly reject: (error: unknown) => void;
  /** Stops listening to the signal of this caller. */
  stopListening: () => void;
}

/**
 * One look-up for several callers, each with a signal of its own. An abort removes that caller alone, and everything
 * that it references; the look-up is aborted when no caller is left.
 */
export class SharedLookup {
  readonly #controller = new AbortController();
  readonly #waiters = new Set<Waiter>();
  readonly #onAbandoned: () => void;

  /** @param onAbandoned - called before the look-up is aborted. */
  constructor(onAbandoned: () => void) {
    this.#onAbandoned = onAbandoned;
  }

  /** The signal for the look-up itself. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Waits for the result. @throws the error of the look-up; the reason of `signal` if it aborts. */
  join(signal: AbortSignal | undefined): Promise<readonly ResolvedAddress[]> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject, stopListening() {} };
      this.#waiters.add(waiter);
      waiter.stopListening = onAbort(signal, (reason) => this.#leave(waiter, reason));
    });
  }

  succeed(addresses: readonly ResolvedAddress[]): void {
    for (const waiter of this.#waiters) {
      waiter.stopListening();
      waiter.resolve(addresses);
    }
    this.#waiters.clear();
  }

  fail(error: unknown): void {
    let isFirst = true;
    for (const waiter of this.#waiters) {
      waiter.stopListening();
      waiter.reject(isFirst ? error : copyOf(error));
      isFirst = false;
    }
    this.#waiters.clear();
  }

  #leave(waiter: Waiter, reason: unknown): void {
    this.#waiters.delete(waiter);
    waiter.reject(reason);
    if (this.#waiters.size > 0) return;
    this.#onAbandoned();
    this.#controller.abort(reason);
  }
}

/** Returns an error for another caller: each has a stack of its own. Errors of other classes are the resolver's. */
export function copyOf(error: unknown): unknown {
  if (!(error instanceof StreamConnectError)) return error;
  return new StreamConnectError(error.code, error.message, { cause: error, address: error.address });
}
