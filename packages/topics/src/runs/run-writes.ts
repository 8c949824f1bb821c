import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { BackplaneError, RunError } from '../errors.ts';
import type { Payload } from '../record.ts';
import { payloadOf } from '../topic/payload.ts';
import { WritePromise } from './write-promise.ts';

/** How many writes may be pending, and how many bytes they may have together. */
const MAX_PENDING_WRITES = 1000;
const MAX_PENDING_BYTES = 4 * 1024 * 1024;
/** How many failed writes are remembered until the program observes them. One is enough to fail the run. */
const MAX_FAILURES = 64;

/** What the writes of a run need of its task. */
export interface WriteTarget {
  readonly id: string;
  readonly maxRecordBytes: number;
  /** Sends a record to the backplane. @returns its cursor. */
  send(payload: Payload): Promise<string>;
  /** A write was refused because the producer has settled already: nothing reports that otherwise. */
  wroteLate(): void;
}

interface FailedWrite {
  readonly promise: WritePromise;
  readonly error: unknown;
}

/**
 * The writes of one producer. The backplane appends them in the order of the calls. Beyond the limits of pending ones,
 * writes are refused: to let them wait would not slow down a producer that does not await them.
 */
export class RunWrites {
  readonly #target: WriteTarget;
  #pending = 0;
  #pendingBytes = 0;
  #failures: FailedWrite[] = [];
  /** Why nothing may be written any more. */
  #refusal: string | undefined;
  #isSettled = false;
  readonly #onIdle: (() => void)[] = [];

  constructor(target: WriteTarget) {
    this.#target = target;
  }

  get pending(): number {
    return this.#pending;
  }

  write(data: unknown): Promise<string> {
    const { id, maxRecordBytes } = this.#target;
    try {
      if (this.#refusal !== undefined) {
        if (this.#isSettled) this.#target.wroteLate();
        throw new RunError(
          'ERR_RUN_LEASE_LOST',
          `write: nothing more can be written to the run ${id}: ${this.#refusal}`,
        );
      }
      const payload = payloadOf('write', data, maxRecordBytes);
      this.#requireRoom(payload);
      return this.#send(payload);
    } catch (error) {
      const promise = new WritePromise((_resolve, reject) => reject(error));
      this.#failed(promise, error);
      return promise;
    }
  }

  /** Refuses further writes; the first reason counts. */
  stop(reason: string): void {
    this.#refusal ??= reason;
  }

  /** Refuses further writes because the producer has settled. */
  producerSettled(): void {
    if (this.#refusal !== undefined) return;
    this.#isSettled = true;
    this.stop('its producer has settled');
  }

  /** Waits until no write is pending. */
  waitIdle(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  /** Returns a failed write that the program has not waited for. */
  unobservedFailure(): { readonly error: unknown } | undefined {
    return this.#failures.find(({ promise }) => !promise.isObserved);
  }

  [INSPECT](): object {
    return inspection(this, ['pending'], () => ({ pendingBytes: this.#pendingBytes }));
  }

  /** @throws BackplaneError `ERR_TOPICS_BUSY`. */
  #requireRoom({ length }: Payload): void {
    const isTooMuch = this.#pending > 0 && this.#pendingBytes + length > MAX_PENDING_BYTES;
    if (this.#pending < MAX_PENDING_WRITES && !isTooMuch) return;
    throw new BackplaneError(
      'ERR_TOPICS_BUSY',
      `write: ${this.#pending} writes of the run ${this.#target.id} are pending, which is the limit; await each write`,
    );
  }

  #send(payload: Payload): Promise<string> {
    const { length } = payload;
    this.#pending += 1;
    this.#pendingBytes += length;
    const promise = new WritePromise((resolve, reject) => {
      this.#target.send(payload).then(
        (cursor) => {
          resolve(cursor);
          this.#settled(length);
        },
        (error: unknown) => {
          reject(error);
          this.#failed(promise, error);
          this.#settled(length);
        },
      );
    });
    return promise;
  }

  #failed(promise: WritePromise, error: unknown): void {
    promise.markHandled();
    if (this.#failures.length >= MAX_FAILURES) {
      this.#failures = this.#failures.filter((failure) => !failure.promise.isObserved);
    }
    if (this.#failures.length < MAX_FAILURES) this.#failures.push({ promise, error });
  }

  #settled(bytes: number): void {
    this.#pending -= 1;
    this.#pendingBytes -= bytes;
    if (this.#pending > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
