import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { MAX_MESSAGE_BYTES, type MessageDoor } from '@landspout/ioloop/processes';
import type { LogName } from '../backplane/backplane.ts';
import { ByteWriter } from '../codec/byte-writer.ts';
import { BackplaneError, TopicsLimitError } from '../errors.ts';

/**
 * Most calls without a reply. All clients of a process may come back at once, and each reads a page then: so many take
 * about 30 MiB.
 */
const MAX_CALLS = 100_000;

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
  /** The log of a record that is appended. */
  readonly log?: LogName;
}

/** A call without a reply yet. */
export interface PendingCall {
  readonly plan: CallPlan<unknown>;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
  /** The parts of a long reply that have arrived. */
  parts: unknown[] | undefined;
}

/** The calls of a child to its parent. Each is settled by its reply, or by the end of the door. */
export class ChildCalls {
  readonly #door: MessageDoor;
  readonly #writer = new ByteWriter();
  readonly #pending = new Map<number, PendingCall>();
  #last = 0;
  /** Why no more calls are made. */
  #refusal: ((operation: string) => BackplaneError) | undefined;
  #onIdle: (() => void) | undefined;

  constructor(door: MessageDoor) {
    this.#door = door;
  }

  get size(): number {
    return this.#pending.size;
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
      this.requireOpen(plan.operation);
      if (this.#pending.size >= MAX_CALLS)
        throw busy(plan.operation, `${MAX_CALLS} calls have had no reply yet`);
      const call = this.#nextNumber();
      const message = plan.encode(this.#writer, call);
      requireLength(plan.operation, message);
      if (!this.#door.send(message, plan.isUrgent))
        throw busy(plan.operation, 'the queue to the parent is full (maxQueuedBytes)');
      // A process with nothing else to do waits for the reply.
      if (this.#pending.size === 0) this.#door.ref();
      this.#pending.set(call, { plan, resolve, reject, parts: undefined });
    });
  }

  /** Sends a message that has no reply and has to arrive. */
  tell(encode: (writer: ByteWriter) => Uint8Array): void {
    this.#door.send(encode(this.#writer), true);
  }

  /** Takes the call to which a reply belongs. */
  take(call: number): PendingCall | undefined {
    const pending = this.#pending.get(call);
    if (pending === undefined) return undefined;
    this.#pending.delete(call);
    if (this.#pending.size === 0) this.#idle();
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
    const { plan, parts, resolve, reject } = pending;
    const { resultOf } = plan;
    try {
      resolve((resultOf === undefined ? reply : resultOf(reply as never, parts ?? [])) as never);
    } catch (error) {
      reject(error as Error);
    }
  }

  /** Makes no more calls. Those that have no reply yet can still get it. */
  refuse(refusal: (operation: string) => BackplaneError): void {
    this.#refusal = refusal;
  }

  /** Settles all calls without a reply. */
  fail(errorOf: (plan: CallPlan<unknown>) => BackplaneError): void {
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    for (const { plan, reject } of calls) reject(errorOf(plan));
    this.#idle();
  }

  /** Resolves when all calls have their reply. */
  waitIdle(): Promise<void> {
    if (this.#pending.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  [INSPECT](): object {
    return inspection(this, ['size'], () => ({ isRefused: this.#refusal !== undefined }));
  }

  #nextNumber(): number {
    do this.#last = (this.#last + 1) >>> 0;
    while (this.#pending.has(this.#last));
    return this.#last;
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

function requireLength(operation: string, { byteLength }: Uint8Array): void {
  if (byteLength <= MAX_MESSAGE_BYTES) return;
  throw new TopicsLimitError(
    'ERR_TOPICS_RECORD_TOO_LARGE',
    `${operation}: at most ${MAX_MESSAGE_BYTES} bytes can be sent to the parent, and these are ${byteLength}`,
  );
}
