import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { ByteWriter } from '../codec/byte-writer.ts';
import { encodeHeader, HEADER_BYTES, seedOf } from './file-header.ts';
import { FileWriter } from './file-writer.ts';
import { writeFrame } from './frame.ts';
import type { JournalItem } from './item-codec.ts';
import { baseName } from './journal-folder.ts';
import type { JournalFormat } from './segment-chain.ts';

/** What is encoded and written at once. In between, the loop does other work. */
const PIECE_BYTES = 256 * 1024;

/** Writes a base under temporary names, which it loses as the last step. */
export class BaseWriter {
  readonly #format: JournalFormat;
  readonly #number: number;
  readonly #firstSequence: number;
  readonly #seed: number;
  readonly #piece = new ByteWriter();
  #part: FileWriter | undefined;
  #parts = 0;
  #bytes = 0;
  #isFinished = false;

  /** @param firstSequence - of the first item that the base does not contain for certain. */
  constructor(format: JournalFormat, number: number, firstSequence: number) {
    this.#format = format;
    this.#number = number;
    this.#firstSequence = firstSequence;
    this.#seed = seedOf(format.journalId);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds an item. @param sequence - that of the last item which the log of this one contains. */
  async add(sequence: number, stamp: number, item: JournalItem): Promise<void> {
    writeFrame(this.#piece, this.#seed, sequence, stamp, item);
    if (this.#piece.length >= Math.min(PIECE_BYTES, this.#format.segmentBytes / 2)) await this.#writePiece();
  }

  /** Completes the base: from now on it replaces what was before. */
  async finish(): Promise<void> {
    const { folder } = this.#format;
    await this.#writePiece();
    await this.#endPart();
    // Part 0 last, which makes it a base.
    for (let part = this.#parts - 1; part >= 0; part -= 1) {
      const name = baseName(this.#number, part);
      await folder.rename(`${name}.tmp`, name);
    }
    this.#isFinished = true;
    await folder.sync();
  }

  /** Removes what was written, unless the base has its name already. */
  async abandon(): Promise<void> {
    if (this.#isFinished) return;
    const { folder } = this.#format;
    await this.#part?.close();
    for (let part = 0; part < this.#parts; part += 1) {
      await folder.remove(`${baseName(this.#number, part)}.tmp`);
      // Without part 0 the others are no base.
      if (part > 0) await folder.remove(baseName(this.#number, part));
    }
  }

  [INSPECT](): object {
    return inspection(this, ['bytes'], () => ({ number: this.#number, parts: this.#parts }));
  }

  async #writePiece(): Promise<void> {
    const { length } = this.#piece;
    if (this.#part !== undefined && this.#part.size > HEADER_BYTES) {
      if (this.#part.size + length > this.#format.segmentBytes) await this.#endPart();
    }
    const part = this.#part ?? (await this.#beginPart());
    await part.append(this.#piece.written());
    this.#bytes += length;
    this.#piece.reset();
  }

  async #beginPart(): Promise<FileWriter> {
    const { folder, journalId } = this.#format;
    const name = `${baseName(this.#number, this.#parts)}.tmp`;
    const part = await FileWriter.create(folder.pathOf(name), name);
    const header = { journalId, number: this.#number, part: this.#parts, firstSequence: this.#firstSequence };
    this.#part = part;
    this.#parts += 1;
    await part.append(encodeHeader(header));
    this.#bytes += HEADER_BYTES;
    return part;
  }

  async #endPart(): Promise<void> {
    const part = this.#part;
    if (part === undefined) return;
    await part.sync();
    this.#part = undefined;
    await part.close();
  }
}
