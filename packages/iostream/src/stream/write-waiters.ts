import { onAbort } from '@landspout/ioloop/reactor';

/** A promise to settle when all written bytes up to a certain position have been sent. */
interface Waiter {
  position: number;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The promises that wait for written bytes to reach the kernel. This object exists only while a promise is pending: the
 * layers above write without promises, and an idle stream has none.
 */
export class WriteWaiters {
  /** Bytes sent since this object was created; positions are relative to its creation. */
  #sentBytes = 0;
  #waiters: Waiter[] = [];
  /** The promise that the writes of this loop iteration share. No more writes join it once bytes have been sent. */
  #shared: Waiter | undefined;

  get isAwaited(): boolean {
    return this.#waiters.length > 0;
  }

  /**
   * Returns a promise that resolves when the `queuedBytes` bytes now queued are sent. It is shared until bytes are
   * sent.
   */
  settleAfter(queuedBytes: number): Promise<void> {
    const position = this.#sentBytes + queuedBytes;
    if (this.#shared === undefined) this.#shared = this.#wait(position);
    else this.#shared.position = position;
    return this.#shared.promise;
  }

  /** Returns a promise that resolves when `byteLength` of the bytes now queued are sent. */
  waitFor(byteLength: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const waiter = this.#wait(this.#sentBytes + byteLength);
    if (signal === undefined) return waiter.promise;
    const stopListening = onAbort(signal, (reason) => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      waiter.reject(reason);
    });
    waiter.promise.then(stopListening, stopListening);
    return waiter.promise;
  }

  sent(byteLength: number): void {
    this.#sentBytes += byteLength;
    this.#shared = undefined;
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.position <= this.#sentBytes) waiter.resolve();
      else waiting.push(waiter);
    }
    this.#waiters = waiting;
  }

  fail(error: Error): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#shared = undefined;
    for (const waiter of waiters) waiter.reject(error);
  }

  #wait(position: number): Waiter {
    let resolve!: () => void;
    let reject!: (error: unknown) => void;
    const promise = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    // The promise of a write may be ignored, so its rejection must not be reported as unhandled.
    promise.catch(() => {});
    const waiter: Waiter = { position, promise, resolve, reject };
    this.#waiters.push(waiter);
    return waiter;
  }
}
