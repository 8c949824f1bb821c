import { clearInterval, setInterval } from 'node:timers'; // not the globals, which a test may have replaced

// The memory that the two threads share. Only the main thread writes to it.
const BYTES = 32;
/** Int32: the number of beats. Written last, so that the other fields are at least as recent as this one. */
const BEATS = 0;
/** Int32: the number of the last beat that was late by the threshold or more. */
const LATE_BEAT = 1;
/** BigInt64: the time of the last beat, in nanoseconds of `process.hrtime`, which all threads share. */
const BEAT_AT = 1;
/** BigInt64: how late {@link LATE_BEAT} was, in nanoseconds. */
const LATE_BY = 2;

/** The name of the heartbeat's function, by which the watchdog recognises it in a stack. */
export const HEARTBEAT = 'landspoutHeartbeat';

/** Beats on the main thread. Does not keep the process alive. */
export class Heartbeat {
  readonly memory = new SharedArrayBuffer(BYTES);
  readonly #timer: NodeJS.Timeout;

  constructor(intervalMs: number, thresholdMs: number) {
    const counters = new Int32Array(this.memory);
    const times = new BigInt64Array(this.memory);
    const intervalNs = BigInt(intervalMs) * 1_000_000n;
    const thresholdNs = BigInt(Math.floor(thresholdMs * 1e6));
    let beats = 0;
    let beatAt = process.hrtime.bigint();
    Atomics.store(times, BEAT_AT, beatAt);
    const landspoutHeartbeat = (): void => {
      const now = process.hrtime.bigint();
      const late = now - beatAt - intervalNs;
      beats = (beats + 1) | 0;
      beatAt = now;
      if (late >= thresholdNs) {
        Atomics.store(times, LATE_BY, late);
        Atomics.store(counters, LATE_BEAT, beats);
      }
      Atomics.store(times, BEAT_AT, now);
      Atomics.store(counters, BEATS, beats);
    };
    this.#timer = setInterval(landspoutHeartbeat, intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Reads the heartbeat, in the thread of the watchdog. */
export class HeartbeatView {
  readonly #counters: Int32Array;
  readonly #times: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#counters = new Int32Array(memory);
    this.#times = new BigInt64Array(memory);
  }

  /** A number that changes with each beat. */
  get beats(): number {
    return Atomics.load(this.#counters, BEATS);
  }

  /** The time of the last beat, in milliseconds of {@link hrtimeMs}. */
  get beatAtMs(): number {
    return Number(Atomics.load(this.#times, BEAT_AT)) / 1e6;
  }

  /**
   * How late the beat after `beats` was, as measured by the main thread; `undefined` if it was late by less than the
   * threshold.
   */
  lateByMs(beats: number): number | undefined {
    if (Atomics.load(this.#counters, LATE_BEAT) !== ((beats + 1) | 0)) return undefined;
    return Number(Atomics.load(this.#times, LATE_BY)) / 1e6;
  }
}

/** Returns the milliseconds of the clock that all threads of a process share. */
export function hrtimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
