import type { Clock, ClockTimer } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { MAX_MESSAGE_BYTES, type MessageDoor } from '@landspout/ioloop/processes';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { LogName } from '../backplane/backplane.ts';
import { ByteWriter } from '../codec/byte-writer.ts';
import { BackplaneError, TopicsLimitError } from '../errors.ts';

/**
 * Most calls without a reply. All clients of a process may come back at once, and each reads a page then: so many take
 * about 30 MiB.
 */
const MAX_CALLS = 100_000;
/** A parent that has not replied in three rounds is stopped, or far too busy. */
const ROUND_MS = 10_000;
const ROUNDS = 3;

/** How a call is made. */
export interface CallPlan<Result> {
  /** For messages, such as `publish`. */
  readonly operation: string;
  /** Whether it changes something: if its reply is lost, its outcome is not known. */
  readonly isChange: boolean;
  /** Whether it is sent even if much waits already: for small calls that are few. */
  readonly isUrgent?: boolean;
  /** Encodes the call with its number. */
  readonly encode: (writer: ByteWriter, call: number) => Uint8Array;
  /** Makes the result of a reply, when it arrives: before later messages are read. Default: the reply is the result. */
  readonly resultOf?: (reply: never, parts: readonly unknown[]) => Result;
  /** Called if there will be no result, before the call is rejected; not if only its time is over. */
  readonly failed?: () => void;
  /** The log of a record that is appended. */
  readonly log?: LogName;
}

/** A call without a reply yet. */
export interface PendingCall {
  readonly plan: CallPlan<unknown>;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  /** In which round it began. */
  readonly round: number;
  /** Its time is over: it is rejected, but its reply may still come. */
  isLate: boolean;
  /** The parts of a long reply that have arrived. */
  parts: unknown[] | undefined;
}

/** What calls need of the backplane. */
export interface CallServices {
  readonly door: MessageDoor;
  readonly clock: Clock;
  /** The parent does not take what has to arrive: the door cannot be used any more. */
  readonly broken: () => void;
}

/** The calls of a child to its parent. Each is settled by its reply, by the end of the door, or after 30 to 40 s. */
export class ChildCalls {
  readonly #services: CallServices;
  #door: MessageDoor;
  readonly #writer = new ByteWriter();
  readonly #pending = new Map<number, PendingCall>();
  #last = 0;
  /** Calls whose time is not over. */
  #waiting = 0;
  #round = 0;
  #timer: ClockTimer | undefined;
  /** Why no more calls are made. */
  #refusal: ((operation: string) => BackplaneError) | undefined;
  #onIdle: (() => void) | undefined;

  constructor(services: CallServices) {
    this.#services = services;
    this.#door = services.door;
  }

  /** Number of calls that wait for their reply. */
  get size(): number {
    return this.#waiting;
  }

  /** @throws BackplaneError if no more calls are made. */
  requireOpen(operation: string): void {
    if (this.#refusal !== undefined) throw this.#refusal(operation);
  }

  /**
   * Makes a call. It is sent before this function returns, so calls keep their order.
   *
   * @throws BackplaneError `ERR_TOPICS_BUSY` if the door is full, and others; TopicsLimitError
   *   `ERR_TOPICS_RECORD_TOO_LARGE`.
   */
  make<Result>(plan: CallPlan<Result>): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      try {
        const call = this.#send(plan);
        const round = this.#round;
        this.#pending.set(call, { plan, resolve, reject, round, isLate: false, parts: undefined });
      } catch (error) {
        plan.failed?.();
        throw error;
      }
      this.#waiting += 1;
      // A process with nothing else to do waits for the reply.
      if (this.#waiting === 1) this.#door.ref();
      if (this.#timer === undefined) this.#schedule();
    });
  }

  /** Sends a message that has no reply and has to arrive, unless no more calls are made. */
  tell(encode: (writer: ByteWriter) => Uint8Array): void {
    if (this.#refusal !== undefined) return;
    if (!this.#door.send(encode(this.#writer), true)) this.#services.broken();
  }

  /** Takes the call to which a reply belongs. */
  take(call: number): PendingCall | undefined {
    const pending = this.#pending.get(call);
    if (pending === undefined) return undefined;
    this.#pending.delete(call);
    if (!pending.isLate) this.#done();
    return pending;
  }

  /** Keeps a part of a long reply. */
  addPart(call: number, items: readonly unknown[]): void {
    const pending = this.#pending.get(call);
    if (pending === undefined) return;
    pending.parts ??= [];
    for (const item of items) pending.parts.push(item);
  }

  /** Settles a call with its reply. */
  settle(call: number, reply: unknown): void {
    const pending = this.take(call);
    if (pending === undefined) return;
    const { plan, parts, resolve } = pending;
    const { resultOf } = plan;
    resolve((resultOf === undefined ? reply : resultOf(reply as never, parts ?? [])) as never);
  }

  /** Settles a call that the parent has refused. */
  reject(call: number, error: Error): void {
    const pending = this.take(call);
    pending?.plan.failed?.();
    pending?.reject(error);
  }

  /** Makes no more calls. Those that have no reply yet can still get it. */
  refuse(refusal: (operation: string) => BackplaneError): void {
    this.#refusal = refusal;
  }

  /** Makes calls again, through another door. */
  allow(door: MessageDoor): void {
    this.#door = door;
    this.#refusal = undefined;
  }

  /** Settles all calls without a reply. */
  fail(errorOf: (plan: CallPlan<unknown>) => BackplaneError): void {
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    for (const { plan, reject } of calls) {
      plan.failed?.();
      reject(errorOf(plan));
    }
    this.#waiting = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#idle();
  }

  /** Resolves when all calls have their reply, or after this time. */
  async waitIdle(mostMs: number): Promise<void> {
    if (this.#waiting === 0) return;
    await new Promise<void>((resolve) => {
      runInRootContext(() => {
        const timer = this.#services.clock.setTimeout(resolve, mostMs);
        this.#onIdle = () => {
          timer.cancel();
          resolve();
        };
      }, undefined);
    });
  }

  [INSPECT](): object {
    return inspection(this, ['size'], () => ({ isRefused: this.#refusal !== undefined }));
  }

  /** @returns the number of the call. */
  #send({ operation, isUrgent, encode }: CallPlan<unknown>): number {
    this.requireOpen(operation);
    if (this.#pending.size >= MAX_CALLS) throw busy(operation, `${MAX_CALLS} calls have had no reply yet`);
    const call = this.#nextNumber();
    const message = encode(this.#writer, call);
    requireLength(operation, message);
    if (!this.#door.send(message, isUrgent))
      throw busy(operation, 'the queue to the parent is full (maxQueuedBytes)');
    return call;
  }

  #nextNumber(): number {
    do this.#last = (this.#last + 1) >>> 0;
    while (this.#pending.has(this.#last));
    return this.#last;
  }

  #done(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#idle();
  }

  /** The timer stays for one more round when all calls are done, since the next ones are likely to come soon. */
  #schedule(): void {
    runInRootContext(() => {
      this.#timer = this.#services.clock.setTimeout(() => this.#nextRound(), ROUND_MS);
      this.#timer.unref();
    }, undefined);
  }

  #nextRound(): void {
    this.#timer = undefined;
    this.#round += 1;
    if (this.#waiting === 0) return;
    // In the order in which they began.
    for (const pending of this.#pending.values()) {
      if (this.#round - pending.round <= ROUNDS) break;
      if (pending.isLate) continue;
      pending.isLate = true;
      pending.reject(late(pending.plan));
      this.#done();
    }
    if (this.#waiting > 0) this.#schedule();
  }

  #idle(): void {
    this.#door.unref();
    this.#onIdle?.();
    this.#onIdle = undefined;
  }
}

function busy(operation: string, reason: string): BackplaneError {
  return new BackplaneError(
    'ERR_TOPICS_BUSY',
    `${operation}: ${reason}; nothing was done, so try again later`,
  );
}

function late({ operation, isChange }: CallPlan<unknown>): BackplaneError {
  const problem = `${operation}: the parent has not replied for ${(ROUND_MS * ROUNDS) / 1000} s`;
  return isChange
    ? new BackplaneError(
        'ERR_TOPICS_OUTCOME_UNKNOWN',
        `${problem}, so it may have been done, or be done later`,
      )
    : new BackplaneError('ERR_TOPICS_UNAVAILABLE', `${problem}; try again`);
}

function requireLength(operation: string, { byteLength }: Uint8Array): void {
  if (byteLength <= MAX_MESSAGE_BYTES) return;
  throw new TopicsLimitError(
    'ERR_TOPICS_RECORD_TOO_LARGE',
    `${operation}: at most ${MAX_MESSAGE_BYTES} bytes can be sent to the parent, and these are ${byteLength}`,
  );
}
