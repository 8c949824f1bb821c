import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { ByteWriter } from '../codec/byte-writer.ts';
import { encodeHeader, HEADER_BYTES, seedOf } from './file-header.ts';
import { FileWriter } from './file-writer.ts';
import { writeFrame } from './frame.ts';
import type { JournalItem } from './item-codec.ts';
import type { JournalClock } from './journal-clock.ts';
import { type JournalFolder, segmentName } from './journal-folder.ts';

/** What the files of one journal have in common. */
export interface JournalFormat {
  readonly folder: JournalFolder;
  readonly journalId: Uint8Array;
  /** No file is larger, unless a single entry is. */
  readonly segmentBytes: number;
  /** Whether files are made durable as they are made. */
  readonly isDurable: boolean;
  readonly clock: JournalClock;
}

/** Where a chain goes on. */
export interface ChainStart {
  /** The last segment; undefined if a new one is to be begun. */
  readonly segment: FileWriter | undefined;
  readonly number: number;
  readonly sequence: number;
  /** Bytes of the base. */
  readonly baseBytes: number;
  /** Bytes of the segments before that one, by number. */
  readonly finished: ReadonlyMap<number, number>;
  /** Whether the journal was not closed, so that the present epochs are over. */
  readonly isRecovered: boolean;
}

/** Where a base may be written. */
export interface BasePlace {
  /** It replaces all files before it. */
  readonly number: number;
  /** The sequence number of the first item after it. */
  readonly firstSequence: number;
}

/** Appends items to the newest segment of a journal, batch by batch. A batch is in the file as a whole or not at all. */
export class SegmentChain {
  readonly format: JournalFormat;
  readonly #seed: number;
  readonly #batch = new ByteWriter();
  readonly #isRecovered: boolean;
  #batchItems = 0;
  #segment: FileWriter | undefined;
  #number: number;
  #sequence: number;
  #appliedSequence: number;
  #baseBytes: number;
  /** Bytes of the segments before the newest, by number. */
  readonly #finished: Map<number, number>;
  #hasOpened = false;
  #isDoubtful = false;
  #isClosed = false;
  /** The last segment that is being closed. */
  #closing: Promise<void> = Promise.resolve();

  constructor(format: JournalFormat, start: ChainStart) {
    this.format = format;
    this.#seed = seedOf(format.journalId);
    this.#segment = start.segment;
    this.#number = start.number;
    this.#sequence = start.sequence;
    this.#appliedSequence = start.sequence;
    this.#baseBytes = start.baseBytes;
    this.#finished = new Map(start.finished);
    this.#isRecovered = start.isRecovered;
  }

  /** Bytes of all files. */
  get bytes(): number {
    let bytes = this.#baseBytes + (this.#segment?.size ?? 0);
    for (const size of this.#finished.values()) bytes += size;
    return bytes;
  }

  /** Bytes of the batch so far. */
  get batchBytes(): number {
    return this.#batch.length;
  }

  /** The sequence number of the last item that the logs contain. */
  get appliedSequence(): number {
    return this.#appliedSequence;
  }

  /** Whether anything was written since the journal was opened. */
  get hasOpened(): boolean {
    return this.#hasOpened;
  }

  /** Whether `fdatasync` has failed, after which the state of the files is unknown: they have to be written anew. */
  get isDoubtful(): boolean {
    return this.#isDoubtful;
  }

  /** Adds an item to the batch. */
  add(item: JournalItem): void {
    if (!this.#hasOpened && this.#batchItems === 0) {
      this.#encode({ type: 'open', wallTime: this.format.clock.wallTime(), isRecovered: this.#isRecovered });
    }
    this.#encode(item);
  }

  /**
   * Writes the batch, which is empty then in any case.
   *
   * @param isSynced - makes it durable as well.
   * @throws the error of the system. Nothing of the batch is in the file then.
   */
  async commit(isSynced: boolean): Promise<void> {
    try {
      const segment = await this.#segmentFor(this.#batch.length);
      const { size } = segment;
      await segment.append(this.#batch.written());
      if (isSynced) await this.#sync(segment, size);
      this.#sequence += this.#batchItems;
      this.#hasOpened = true;
    } finally {
      this.discard();
    }
  }

  /** Empties the batch. */
  discard(): void {
    this.#batch.reset();
    this.#batchItems = 0;
  }

  /** Notes that the logs contain everything that was written. */
  markApplied(): void {
    this.#appliedSequence = this.#sequence;
  }

  /** Begins a segment after a place for a base. */
  async makePlace(): Promise<BasePlace> {
    const number = this.#number + 1;
    await this.#begin(number + 1);
    return { number, firstSequence: this.#sequence + 1 };
  }

  /** Notes that a base has replaced the files before it. */
  replaced(number: number, baseBytes: number): void {
    this.#baseBytes = baseBytes;
    for (const segment of this.#finished.keys()) if (segment < number) this.#finished.delete(segment);
  }

  /** Makes everything durable that the logs contain. */
  async syncAll(): Promise<void> {
    await this.#closing;
    await this.#segment?.sync();
  }

  /** Notes that the files were written anew. */
  trust(): void {
    this.#isDoubtful = false;
  }

  /** Closes the files. To be called when no other call is going on; each later one rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#closing;
    await this.#segment?.close();
    this.#segment = undefined;
  }

  [INSPECT](): object {
    return inspection(this, ['bytes', 'appliedSequence', 'isDoubtful'], () => ({
      segment: this.#segment?.name,
    }));
  }

  #encode(item: JournalItem): void {
    const { clock } = this.format;
    const stamp = clock.now();
    clock.sawWallTime(stamp, clock.wallTime());
    writeFrame(this.#batch, this.#seed, this.#sequence + this.#batchItems + 1, stamp, item);
    this.#batchItems += 1;
  }

  async #segmentFor(bytes: number): Promise<FileWriter> {
    const segment = this.#segment;
    const isFull = segment !== undefined && segment.size > HEADER_BYTES;
    if (segment !== undefined && !(isFull && segment.size + bytes > this.format.segmentBytes)) return segment;
    return this.#begin(segment === undefined ? this.#number : this.#number + 1);
  }

  async #begin(number: number): Promise<FileWriter> {
    // The lock may be another process's by now.
    if (this.#isClosed) throw new Error('the journal is closed');
    const { folder, journalId, isDurable } = this.format;
    await this.#segment?.settle();
    const name = segmentName(number);
    const next = await FileWriter.create(folder.pathOf(name), name);
    try {
      await next.append(encodeHeader({ journalId, number, part: 0, firstSequence: this.#sequence + 1 }));
      if (isDurable) {
        await next.sync();
        await folder.sync();
      }
    } catch (error) {
      await next.close();
      await folder.remove(name);
      throw error;
    }
    await this.#closing;
    if (this.#segment !== undefined) this.#finish(this.#segment, this.#number);
    this.#segment = next;
    this.#number = number;
    return next;
  }

  /** Makes a segment durable and closes it, while others are written: what follows it must not outlive it. */
  #finish(segment: FileWriter, number: number): void {
    this.#finished.set(number, segment.size);
    this.#closing = segment
      .sync()
      .catch(() => {
        this.#isDoubtful = true;
      })
      .then(() => segment.close());
  }

  async #sync(segment: FileWriter, size: number): Promise<void> {
    try {
      await segment.sync();
    } catch (error) {
      this.#isDoubtful = true;
      // What is in the file now may or may not be found after a power cut; after a kill of this process it would be.
      await segment.cutTo(size).catch(() => {});
      throw error;
    }
  }
}
