// The native backend: which descriptors are ready, and which writes are sent together. Works on slots, bytes and
// errnos; streams, timers and the callbacks of programs are handled elsewhere.

import { getSystemErrorName } from 'node:util';
import { SystemError } from '../errors.ts';
import { INSPECT, inspection } from '../inspection.ts';
import type { Logger } from '../logger.ts';
import { runInBatch, runInRootContext } from '../node-async-context.ts';
import type { FlushQueue } from './flush-queue.ts';
import type { NativeBinding, NativeConstants } from './native-binding.ts';
import { SendBatch } from './send-batch.ts';
import { loadTls, type TlsLoad } from './tls-availability.ts';

/** A descriptor in the native table. The slot is valid only together with its generation. */
export interface Descriptor {
  readonly slot: number;
  readonly generation: number;
}

/** Handles the readiness of a descriptor. */
export interface ReadyHandler {
  /** `events` are the bits of epoll. Called in the root context, inside a batch. Must not throw. */
  ready(events: number): void;
}

/** What the reactor of a thread has done. Counts everything that uses it: streams, servers and `addHandler`. */
export interface ReactorStats {
  /** Descriptors that are watched now. */
  readonly descriptors: number;
  /** How often the reactor was woken. Each wake-up delivers one batch of events. */
  readonly wakeUps: number;
  /** Ready descriptors that were dispatched. Divided by `wakeUps`, this is the mean batch size. */
  readonly events: number;
  readonly maxEventsPerWakeUp: number;
}

/** Maximum number of events in one wake-up. epoll is level-triggered, so the next wake-up reports the other events. */
const BATCH_EVENTS = 256;
const READ_BUFFER_BYTES = 64 * 1024;
/** How often one batch may refill the read buffer for descriptors that have more data: 4 MiB, shared by all of them. */
const FURTHER_READS_PER_BATCH = 64;

/**
 * The native epoll instance inside Node's loop: dispatches each batch of ready descriptors to their handlers.
 *
 * For the layers above, which register once for each connection. Programs should use `IOLoop.addHandler`. All handlers
 * run in the root async context, no matter where the reactor was created.
 */
export class Reactor {
  readonly binding: NativeBinding;
  readonly constants: NativeConstants;
  readonly options: NativeConstants['options'];
  /**
   * One buffer for every read of this thread. Its bytes are borrowed: they are valid only until the callback that
   * receives them returns.
   */
  readonly readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

  readonly #events = new Int32Array(BATCH_EVENTS * 3);
  readonly #handlers: (ReadyHandler | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #flushes: FlushQueue;
  readonly #logger: Logger;
  readonly #poller: Descriptor;
  /** Handlers that {@link readyLater} will call in the next loop iteration. */
  #later: ReadyHandler[] = [];
  #tls: TlsLoad | undefined;
  #furtherReads = 0;
  #references = 0;
  #descriptors = 0;
  #wakeUps = 0;
  #eventCount = 0;
  #maxEvents = 0;

  constructor(binding: NativeBinding, flushes: FlushQueue, logger: Logger) {
    this.binding = binding;
    this.constants = binding.constants;
    this.options = binding.constants.options;
    this.#flushes = flushes;
    flushes.batch = new SendBatch(binding, logger);
    this.#logger = logger;
    const slot = checked(binding.pollerOpen(), 'epoll_create1');
    this.#poller = { slot, generation: binding.generation(slot) };
    const dispatch = (batch: object, count: number): void => this.#dispatch(batch, count);
    binding.watch(slot, this.#poller.generation, this.#events, function (this: object, count) {
      dispatch(this, count);
    });
    binding.unref();
  }

  /** Watches a descriptor until {@link unregister} or until it is closed. */
  register(descriptor: Descriptor, events: number, handler: ReadyHandler): void {
    const { slot, generation } = descriptor;
    const { slot: poller, generation: pollerGeneration } = this.#poller;
    checked(
      this.binding.pollerControl(poller, pollerGeneration, CTL_ADD, slot, generation, events),
      'epoll_ctl',
    );
    this.#handlers[slot] = handler;
    this.#generations[slot] = generation;
    this.#descriptors += 1;
  }

  modify(descriptor: Descriptor, events: number): void {
    const { slot: poller, generation: pollerGeneration } = this.#poller;
    const { slot, generation } = descriptor;
    checked(
      this.binding.pollerControl(poller, pollerGeneration, CTL_MOD, slot, generation, events),
      'epoll_ctl',
    );
  }

  /** Stops watching. Events of the current batch that are still undelivered are dropped. */
  unregister(descriptor: Descriptor): void {
    const { slot, generation } = descriptor;
    if (this.#generations[slot] !== generation) return;
    this.forget(descriptor);
    this.binding.pollerControl(this.#poller.slot, this.#poller.generation, CTL_DEL, slot, generation, 0);
  }

  /**
   * Drops the handler of a descriptor that is about to be closed or released. Closing or releasing it ends the watch.
   */
  forget(descriptor: Descriptor): void {
    if (this.#generations[descriptor.slot] !== descriptor.generation) return;
    this.#handlers[descriptor.slot] = undefined;
    this.#generations[descriptor.slot] = 0;
    this.#descriptors -= 1;
  }

  /** Adds one reference that keeps the process alive; {@link unref} removes it. */
  ref(): void {
    this.#references += 1;
    if (this.#references === 1) this.binding.ref();
  }

  unref(): void {
    this.#references -= 1;
    if (this.#references === 0) this.binding.unref();
  }

  /**
   * Whether a descriptor that was read in this batch, and has more data, may be read again before the others are
   * served.
   */
  mayReadAgain(): boolean {
    this.#furtherReads -= 1;
    return this.#furtherReads >= 0;
  }

  /**
   * Calls `handler.ready` with EPOLLIN in the next loop iteration, in a batch like those of the kernel: for bytes that
   * epoll does not report, because a layer above the descriptor has already received them. The handler may be closed by
   * then, and must check that itself.
   */
  readyLater(handler: ReadyHandler): void {
    this.#later.push(handler);
    if (this.#later.length > 1) return;
    runInRootContext(() => {
      setImmediate(() => this.#dispatchLater());
    }, undefined);
  }

  /**
   * The TLS calls of the binding, or why node:tls is used instead. Decided at the first call.
   *
   * @throws LoopUsageError `ERR_LOOP_BACKEND` if `LANDSPOUT_TLS` has an invalid value, or asks for native TLS that is not
   *   available.
   */
  get tls(): TlsLoad {
    this.#tls ??= loadTls(this.binding);
    return this.#tls;
  }

  /** Whether {@link tls} was decided, which takes some milliseconds. */
  get isTlsDecided(): boolean {
    return this.#tls !== undefined;
  }

  stats(): ReactorStats {
    return {
      descriptors: this.#descriptors,
      wakeUps: this.#wakeUps,
      events: this.#eventCount,
      maxEventsPerWakeUp: this.#maxEvents,
    };
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      descriptors: this.#descriptors,
      wakeUps: this.#wakeUps,
      events: this.#eventCount,
      binding: undefined,
      constants: undefined,
      options: undefined,
      readBuffer: undefined,
      tls: undefined,
    }));
  }

  #dispatchLater(): void {
    const handlers = this.#later;
    this.#later = [];
    this.#furtherReads = FURTHER_READS_PER_BATCH;
    this.#flushes.beginBatch();
    for (const handler of handlers) {
      try {
        runInBatch({}, callReady, handler, this.constants.EPOLLIN);
      } catch (error) {
        this.#logger.error({ error }, 'a descriptor handler threw');
      }
    }
    this.#flushes.endBatch();
  }

  #dispatch(batch: object, count: number): void {
    const events = this.#events;
    this.#wakeUps += 1;
    this.#eventCount += count;
    if (count > this.#maxEvents) this.#maxEvents = count;
    this.#furtherReads = FURTHER_READS_PER_BATCH;
    this.#flushes.beginBatch();
    for (let at = 0; at < count * 3; at += 3) {
      const slot = events[at] as number;
      // A handler of this batch may have closed the slot, and the slot may have been reused since.
      if (this.#generations[slot] !== events[at + 1]) continue;
      try {
        runInBatch(batch, callReady, this.#handlers[slot] as ReadyHandler, events[at + 2] as number);
      } catch (error) {
        this.#logger.error({ error }, 'a descriptor handler threw');
      }
    }
    this.#flushes.endBatch();
  }
}

function callReady(handler: ReadyHandler, events: number): void {
  handler.ready(events);
}

const CTL_ADD = 1;
const CTL_DEL = 2;
const CTL_MOD = 3;

/** Returns `result`, or throws the {@link SystemError} for a negative errno. */
export function checked(result: number, syscall: string, address?: string): number {
  if (result < 0) throw systemError(result, syscall, address);
  return result;
}

/** Returns the error for a negative errno. */
export function systemError(result: number, syscall: string, address?: string): SystemError {
  const name = getSystemErrorName(result);
  // For numbers without a name, Node returns a sentence instead.
  return name.startsWith('E')
    ? new SystemError(name, syscall, address)
    : new SystemError('EUNKNOWN', `${syscall} (errno ${-result})`, address);
}
