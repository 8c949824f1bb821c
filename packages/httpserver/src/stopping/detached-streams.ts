import type { StopNotice } from '@landspout/http1';
import type { IOLoop } from '@landspout/ioloop';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { serverChecks } from './stop-options.ts';

/** How the new owners of streams are notified of a stop. */
interface NoticeOptions extends StopNotice {
  /** Maximum number of notices in any second, unless {@link withinMs} requires more. */
  readonly closesPerSecond: number;
  /** The time within which all streams that are open now must be notified. */
  readonly withinMs: number;
  /** Returns numbers from 0 to 1, which choose the next stream. */
  readonly random: () => number;
}

/** How often a part of the streams is notified. */
const SLICE_MS = 20;
const SECOND_MS = 1_000;
/** More than the rounding errors of a sum of slices, and much less than one notice. */
const ROUNDING = 1e-6;

interface Detached {
  readonly stream: IOStream;
  readonly onStopping: (notice: StopNotice) => void;
  /** The position in the list of streams that are not yet notified; -1 after that. */
  position: number;
}

interface Notices {
  readonly options: NoticeOptions;
  readonly deadline: number;
  readonly random: () => number;
}

/**
 * The streams that delegates have taken over with a stop callback, and the pace at which these callbacks are called.
 *
 * If all clients of a server lost their connections at the same moment, they would also reconnect at the same moment,
 * to servers that must authenticate each of them. Their streams are therefore closed over time and in random order.
 */
export class DetachedStreams {
  readonly #loop: IOLoop;
  readonly #streamClosed: () => void;
  /** Those not yet notified, in no particular order, so that each can be removed in constant time. */
  readonly #waiting: Detached[] = [];
  readonly #notified = new Set<Detached>();
  #notices: Notices | undefined;
  #timer: ReturnType<IOLoop['callLater']> | undefined;
  #sliceAt = 0;
  /** Notices that were due but not sent, such as the fraction that the last slice left. */
  #credit = 0;
  /** How many were notified at which time of the last second. */
  readonly #recent: { readonly at: number; readonly count: number }[] = [];

  /** @param streamClosed - called after each stream that is closed, whoever closed it. */
  constructor(loop: IOLoop, streamClosed: () => void) {
    this.#loop = loop;
    this.#streamClosed = streamClosed;
  }

  /** The number of open streams. */
  get size(): number {
    return this.#waiting.length + this.#notified.size;
  }

  /** The open streams. */
  get streams(): IOStream[] {
    return [...this.#waiting, ...this.#notified].map(({ stream }) => stream);
  }

  /** Adds a stream until it is closed. If notices are being sent, its owner gets one soon. */
  add(stream: IOStream, onStopping: Detached['onStopping']): void {
    const detached: Detached = { stream, onStopping, position: this.#waiting.length };
    this.#waiting.push(detached);
    stream.setCloseCallback(() => {
      if (!this.#notified.delete(detached)) this.#leaveWaiting(detached);
      if (this.#waiting.length === 0) this.#cancelTimer();
      this.#streamClosed();
    });
    this.#resume();
  }

  /**
   * Notifies each owner once, in random order. If there are at most `closesPerSecond`, all are notified in the next
   * loop iteration. Streams that are added later are included.
   */
  notify(options: NoticeOptions): void {
    this.#cancelTimer();
    const deadline = this.#loop.clock.now() + options.withinMs;
    this.#notices = { options, deadline, random: this.#checked(options.random) };
    this.#resume();
  }

  /** Ends the effect of {@link notify}: streams that are added from now on get no notice. */
  endNotices(): void {
    this.#notices = undefined;
    this.#cancelTimer();
  }

  #resume(): void {
    if (this.#notices === undefined || this.#timer !== undefined) return;
    this.#credit = 0;
    this.#sliceAt = this.#loop.clock.now();
    // The stop, or the request that takes a stream over, causes notices to the owners of other streams.
    runInRootContext(this.#notifySlice, this);
  }

  #cancelTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #notifySlice(): void {
    const notices = this.#notices as Notices;
    const now = this.#loop.clock.now();
    let count = this.#sliceOf(notices, now);
    if (count > 0) this.#recent.push({ at: now, count });
    for (; count > 0; count -= 1) this.#notifyOne(notices);
    this.#sliceAt = now;
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const delayMs = Math.max(0, Math.min(SLICE_MS, notices.deadline - now));
    this.#timer = this.#loop.callLater(delayMs, () => this.#notifySlice());
  }

  /** Returns how many owners to notify now. */
  #sliceOf({ options, deadline }: Notices, now: number): number {
    const { closesPerSecond } = options;
    const waiting = this.#waiting.length;
    const allowed = closesPerSecond - this.#countOfLastSecond(now);
    if (now >= deadline || waiting <= allowed) return waiting;
    // Timers are late by an unknown time, so the time since the last slice is measured.
    const elapsedMs = now - this.#sliceAt;
    const usualRate = closesPerSecond / SECOND_MS;
    const requiredRate = waiting / (deadline - this.#sliceAt);
    this.#credit += Math.max(usualRate, requiredRate) * elapsedMs;
    const most = requiredRate > usualRate ? waiting : Math.max(0, Math.floor(allowed));
    const count = Math.min(most, Math.floor(this.#credit + ROUNDING));
    this.#credit -= count;
    return count;
  }

  #countOfLastSecond(now: number): number {
    const first = this.#recent.findIndex(({ at }) => at > now - SECOND_MS);
    this.#recent.splice(0, first === -1 ? this.#recent.length : first);
    return this.#recent.reduce((sum, { count }) => sum + count, 0);
  }

  #notifyOne({ options: { final }, random }: Notices): void {
    const { length } = this.#waiting;
    const detached = this.#waiting[Math.min(length - 1, Math.floor(random() * length))] as Detached;
    this.#leaveWaiting(detached);
    this.#notified.add(detached);
    // Not called now: if the stream was taken over in this iteration, its new owner is not ready.
    this.#loop.addCallback(() => {
      if (!detached.stream.isClosed) return detached.onStopping({ final });
    });
  }

  #leaveWaiting(detached: Detached): void {
    const { position } = detached;
    const last = this.#waiting.pop() as Detached;
    if (last !== detached) {
      this.#waiting[position] = last;
      last.position = position;
    }
    detached.position = -1;
  }

  /** Returns a source of numbers that never fails: a stop must not hang because of a faulty one. */
  #checked(random: () => number): () => number {
    let source = random;
    return () => {
      try {
        return serverChecks.number('stop', 'the result of random', source(), 0, 1);
      } catch (error) {
        source = Math.random;
        this.#loop.logger.error(
          { error },
          'the random function of a stop failed; Math.random is used instead',
        );
        return source();
      }
    };
  }
}
