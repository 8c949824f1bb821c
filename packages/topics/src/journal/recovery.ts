import { Buffer } from 'node:buffer';
import type { Logger } from '@landspout/ioloop';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import type { LogStore } from '../logs/log-store.ts';
import { type FileHeader, FORMAT_VERSION, seedOf } from './file-header.ts';
import { type FileEnd, FileReader } from './file-reader.ts';
import type { JournalClock } from './journal-clock.ts';
import { JournalError } from './journal-error.ts';
import type { JournalFile, JournalFiles, JournalFolder } from './journal-folder.ts';
import { Replay } from './replay.ts';

/** Where a file is damaged. */
export interface Damage {
  readonly file: JournalFile;
  readonly offset: number;
}

/** Reads a journal. Changes no file. */
export class Recovery {
  readonly replay: Replay;
  readonly #folder: JournalFolder;
  readonly #logger: Logger;
  /** Whether reading ends at a damage, instead of failing. */
  readonly #isRepaired: boolean;
  #journalId: Uint8Array | undefined;
  #newerVersion: number | undefined;
  #damage: Damage | undefined;
  #lastSegmentBytes: number | undefined;

  constructor(
    folder: JournalFolder,
    store: LogStore,
    clock: JournalClock,
    logger: Logger,
    isRepaired: boolean,
  ) {
    this.#folder = folder;
    this.#logger = logger;
    this.#isRepaired = isRepaired;
    this.replay = new Replay(store, clock);
  }

  /** Undefined if there is no file to read it from. */
  get journalId(): Uint8Array | undefined {
    return this.#journalId;
  }

  /** The version that has written the journal, if it is newer than this one. */
  get newerVersion(): number | undefined {
    return this.#newerVersion;
  }

  /** Where reading ended; undefined if everything was read. */
  get damage(): Damage | undefined {
    return this.#damage;
  }

  /** The bytes of the last segment that count. Undefined if it has no header, so that it does not count at all. */
  get lastSegmentBytes(): number | undefined {
    return this.#lastSegmentBytes;
  }

  /** @throws JournalError `ERR_TOPICS_JOURNAL_CORRUPT`, `ERR_TOPICS_JOURNAL_VERSION`. */
  async read({ base, segments }: JournalFiles): Promise<void> {
    for (const [index, file] of base.entries()) {
      if (file.part !== index) {
        this.#foundDamage(file, 0, `part ${index} of the base is missing`);
        return;
      }
      await this.#readFile(file, (reader, header) => this.#readBase(file, reader, header));
      if (this.#damage !== undefined) return;
    }
    const last = base.at(-1);
    if (last !== undefined && !this.replay.isBaseComplete) {
      this.#foundDamage(last, last.bytes, 'the end of the base is missing');
      return;
    }
    for (const [index, file] of segments.entries()) {
      const isLast = index === segments.length - 1;
      await this.#readFile(file, (reader, header) => this.#readSegment(file, reader, header, isLast));
      if (this.#damage !== undefined) return;
    }
  }

  [INSPECT](): object {
    return inspection(this, ['replay', 'damage', 'newerVersion']);
  }

  async #readFile(
    file: JournalFile,
    read: (reader: FileReader, header: FileHeader | undefined) => Promise<void>,
  ) {
    const reader = await FileReader.open(this.#folder.pathOf(file.name));
    try {
      const header = await reader.header();
      if (header !== undefined) this.#checkVersion(file, header);
      await read(reader, header);
    } finally {
      await reader.close();
    }
  }

  async #readBase(file: JournalFile, reader: FileReader, header: FileHeader | undefined): Promise<void> {
    if (header === undefined || !this.#isOwn(header)) {
      this.#foundDamage(file, 0, 'it has no valid header');
      return;
    }
    if (header.part === 0) this.replay.startBase(header.firstSequence);
    const { replay } = this;
    const end = await reader.frames(seedOf(header.journalId), 0, (frame) => replay.baseFrame(frame));
    if (end.kind !== 'whole') this.#foundDamage(file, end.offset, CHECKSUM);
  }

  async #readSegment(
    file: JournalFile,
    reader: FileReader,
    header: FileHeader | undefined,
    isLast: boolean,
  ): Promise<void> {
    if (header === undefined && isLast && !reader.hasFrames) {
      this.#cutTail(file, 0);
      return;
    }
    if (header === undefined || !this.#isOwn(header)) {
      this.#foundDamage(file, 0, 'it has no valid header');
      return;
    }
    const { replay } = this;
    let isMissing = false;
    const end: FileEnd = await reader.frames(seedOf(header.journalId), replay.sequence, (frame) => {
      isMissing = !replay.segmentFrame(frame);
      return !isMissing;
    });
    if (end.kind === 'damaged' || (end.kind === 'torn' && !isLast)) {
      const problem = isMissing ? 'entries before this one are missing' : CHECKSUM;
      this.#foundDamage(file, end.offset, problem);
      return;
    }
    if (end.kind === 'torn') this.#cutTail(file, end.offset);
    if (isLast) this.#lastSegmentBytes = end.offset;
  }

  #isOwn({ journalId }: FileHeader): boolean {
    this.#journalId ??= journalId;
    return Buffer.compare(this.#journalId, journalId) === 0;
  }

  #checkVersion(file: JournalFile, { version, readableFrom }: FileHeader): void {
    if (version <= FORMAT_VERSION) return;
    this.#newerVersion = Math.max(version, this.#newerVersion ?? 0);
    if (readableFrom <= FORMAT_VERSION) return;
    throw new JournalError(
      'ERR_TOPICS_JOURNAL_VERSION',
      `the journal has version ${version}, and this version of @landspout/topics reads ${FORMAT_VERSION}; use the newer version of the package`,
      { file: this.#folder.pathOf(file.name), offset: 0 },
    );
  }

  #cutTail(file: JournalFile, offset: number): void {
    const bytes = file.bytes - offset;
    const details = { file: this.#folder.pathOf(file.name), offset, bytes };
    this.#logger.warn(
      details,
      'the journal ends with an entry that was not written to its end, which is cut off',
    );
  }

  #foundDamage(file: JournalFile, offset: number, problem: string): void {
    const path = this.#folder.pathOf(file.name);
    if (!this.#isRepaired) {
      throw new JournalError(
        'ERR_TOPICS_JOURNAL_CORRUPT',
        `${path} is damaged at byte ${offset}: ${problem}; restore the folder from a backup, or open it with repair: true to keep what comes before`,
        { file: path, offset },
      );
    }
    this.#damage = { file, offset };
    this.#logger.error({ file: path, offset, problem }, 'the journal is damaged; what follows is left out');
  }
}

const CHECKSUM = 'the checksum of an entry is wrong, and it is not the last one';
