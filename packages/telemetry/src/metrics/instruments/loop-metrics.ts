import { performance } from 'node:perf_hooks';
import {
  type Clock,
  type ClockTimer,
  type IOLoop,
  LOOP_BLOCK_CHANNEL,
  type LoopBlock,
} from '@landspout/ioloop';
import { runInRootContext } from '@landspout/ioloop/reactor';
import type { Histogram } from '../registry/histogram.ts';
import type { Definitions } from './definitions.ts';
import { secondsOf } from './label-texts.ts';

/** In seconds: from what is not noticeable to what a client waits for. */
const LAG_BUCKETS: readonly number[] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** How often the lag is measured. The time between two timers is not seen; a block of that length is, in part. */
const SAMPLE_MS = 100;
const SECOND_MS = 1_000;

/** Measures the loop of this thread, and counts the blocks that its watchdog reports. */
export function measureLoop(definitions: Definitions, loop: Pick<IOLoop, 'clock'>): void {
  const lag = definitions.histogram('event_loop_lag_seconds', {
    help: 'How late a timer of the event loop was called; measured ten times a second.',
    buckets: LAG_BUCKETS,
  });
  const sampler = new LagSampler(loop.clock, lag);
  definitions.atEnd(() => sampler.stop());
  definitions.readCounter('event_loop_busy_seconds_total', {
    help: 'Time that the event loop has spent on JavaScript and on its own work.',
    collect: (report) => report(performance.eventLoopUtilization().active / SECOND_MS),
  });
  definitions.readCounter('event_loop_idle_seconds_total', {
    help: 'Time that the event loop has waited for events.',
    collect: (report) => report(performance.eventLoopUtilization().idle / SECOND_MS),
  });
  const blocks = definitions.counter('event_loop_blocks_total', {
    help: 'Blocks of the event loop that were reported by its watchdog, by cause.',
    labels: ['cause'],
  });
  const blocked = definitions.counter('event_loop_blocked_seconds_total', {
    help: 'How long these blocks were.',
    labels: ['cause'],
  });
  definitions.on<LoopBlock>(LOOP_BLOCK_CHANNEL, ({ cause, blockedMs, suppressed }) => {
    blocks.inc({ cause }, 1 + suppressed);
    blocked.inc({ cause }, secondsOf(blockedMs));
  });
}

/** Calls itself in equal distances, and observes how late each call is. It does not keep the process alive. */
class LagSampler {
  readonly #clock: Clock;
  readonly #lag: Histogram;
  #timer: ClockTimer | undefined;

  constructor(clock: Clock, lag: Histogram) {
    this.#clock = clock;
    this.#lag = lag;
    runInRootContext(() => this.#schedule(), undefined);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #schedule(): void {
    const dueAt = this.#clock.now() + SAMPLE_MS;
    this.#timer = this.#clock.setTimeout(() => {
      this.#lag.observe(secondsOf(this.#clock.now() - dueAt));
      this.#schedule();
    }, SAMPLE_MS);
    this.#timer.unref();
  }
}
