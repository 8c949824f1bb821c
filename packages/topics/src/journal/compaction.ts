import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { RateLimitedLog } from '@landspout/ioloop/reactor';
import type { LogStore } from '../logs/log-store.ts';
import { BaseWriter } from './base-writer.ts';
import { type ImageEntry, imageOfRun, imageOfTopic } from './image.ts';
import type { BasePlace, SegmentChain } from './segment-chain.ts';

/** What a topic or run takes in a file beside its records, about. */
const LOG_BYTES = 200;
/** After a compaction that failed, another one begins when this part of a segment was written. */
const RETRY_FRACTION = 8;

/**
 * Replaces the files of a journal by a base that contains only what is alive, when more of them is dead than is alive,
 * and more than a segment.
 *
 * The logs are written one after the other while others change: each as it is at one moment, with the sequence number of
 * the last item that it contains. What is appended meanwhile is in segments after the base, and the replay leaves out
 * what a log contains already.
 */
export class Compaction {
  readonly #store: LogStore;
  readonly #chain: SegmentChain;
  readonly #log: RateLimitedLog;
  /** How many bytes of a file one byte of the logs takes, as the last base has shown. */
  #ratio = 1;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #count = 0;
  /** No compaction begins before the files have so many bytes. */
  #notBefore = 0;

  constructor(store: LogStore, chain: SegmentChain, log: RateLimitedLog) {
    this.#store = store;
    this.#chain = chain;
    this.#log = log;
  }

  /** Number of compactions that have ended well. */
  get count(): number {
    return this.#count;
  }

  /** Bytes that the live part would take, about. */
  get liveBytes(): number {
    return this.#weight() * this.#ratio;
  }

  /**
   * Begins a compaction if one is needed, and waits for one that is slower than what is written. To be called between
   * two batches, and to be awaited before the next.
   */
  async keepUp(): Promise<void> {
    const { bytes, format } = this.#chain;
    const live = this.liveBytes;
    const most = Math.max(live, format.segmentBytes);
    const dead = bytes - live;
    if (this.#running !== undefined) {
      // Otherwise the files would grow without limit.
      if (dead > 2 * most) await this.#running;
      return;
    }
    if (this.#isStopped || dead <= most || bytes < this.#notBefore) return;
    const place = this.#chain.makePlace();
    // Before the place is made, so that stop waits for it.
    this.#running = this.#runAt(place);
    await place.catch(() => {});
  }

  /**
   * Writes all files anew. To be called between two batches, and to be awaited before the next.
   *
   * @throws the error of the system.
   */
  async renew(): Promise<void> {
    await this.#running;
    await this.#run(await this.#chain.makePlace());
    this.#chain.trust();
  }

  /** Ends a compaction that is running, and begins no other. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  [INSPECT](): object {
    return inspection(this, ['count', 'liveBytes'], () => ({ isRunning: this.#running !== undefined }));
  }

  async #runAt(place: Promise<BasePlace>): Promise<void> {
    try {
      await this.#run(await place);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#running = undefined;
    }
  }

  async #run(place: BasePlace): Promise<void> {
    const { format } = this.#chain;
    const base = new BaseWriter(format, place.number, place.firstSequence);
    const weight = this.#weight();
    try {
      await this.#writeLogs(base);
      if (this.#isStopped) {
        await base.abandon();
        return;
      }
      // The base contains items of the segments after it, and must not outlive them.
      await this.#chain.syncAll();
      const { clock } = format;
      await base.add(this.#chain.appliedSequence, clock.now(), {
        type: 'base-end',
        wallAhead: clock.wallAhead,
      });
      await base.finish();
      this.#chain.replaced(place.number, base.bytes);
      await this.#removeReplaced();
    } catch (error) {
      await base.abandon();
      throw error;
    }
    if (weight > 0) this.#ratio = base.bytes / weight;
    this.#count += 1;
    this.#notBefore = 0;
  }

  async #writeLogs(base: BaseWriter): Promise<void> {
    const { clock } = this.#chain.format;
    // The names of now: what begins later is in the segments.
    for (const name of this.#store.topics.names()) {
      await this.#write(base, imageOfTopic(this.#store, name, clock.now()));
      if (this.#isStopped) return;
    }
    for (const id of this.#store.runs.ids()) {
      await this.#write(base, imageOfRun(this.#store, id, clock.now()));
      if (this.#isStopped) return;
    }
  }

  async #write(base: BaseWriter, image: Iterable<ImageEntry> | undefined): Promise<void> {
    const sequence = this.#chain.appliedSequence;
    for (const { entry, stamp } of image ?? []) await base.add(sequence, stamp, entry);
  }

  async #removeReplaced(): Promise<void> {
    const { folder } = this.#chain.format;
    const { obsolete } = await folder.list();
    for (const name of obsolete) await folder.remove(name);
  }

  #failed(error: unknown): void {
    this.#notBefore = this.#chain.bytes + this.#chain.format.segmentBytes / RETRY_FRACTION;
    this.#log.warn('compaction', { error }, 'the compaction of the journal failed; it is tried again later');
  }

  #weight(): number {
    const { bytes, topicCount, runCount, runs } = this.#store;
    return bytes + runs.textBytes + LOG_BYTES * (topicCount + runCount);
  }
}
