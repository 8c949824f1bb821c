import { IOLoop } from '@landspout/ioloop';
import type { Flushable } from '@landspout/ioloop/reactor';
import type { Transport } from '../transport.ts';
import type { OutgoingFile } from './outgoing-file.ts';

/** What is read at a time, where that is how a file leaves: a smaller chunk costs more turns, a larger one memory. */
const CHUNK_BYTES = 128 * 1024;

/** What the queue tells the stream. */
export interface OutgoingFilesEvents {
  /** Bytes of a file have reached the kernel, or never will since the file was passed over. */
  moved(byteLength: number, isSent: boolean): void;
  /** A file ended early or cannot be read: what the peer was promised cannot be kept. */
  failed(error: unknown): void;
}

/**
 * Files that wait to be sent, and what was written behind them: one after the other, each when all before it has
 * left. What the transport can send by itself goes that way; the rest is read in libuv's threads, one chunk at a
 * time, and written.
 */
export class OutgoingFiles implements Flushable {
  /** Bytes of files that were not handed over yet: they are no memory of ours. */
  fileBytes = 0;

  readonly #transport: Transport;
  readonly #events: OutgoingFilesEvents;
  #files: OutgoingFile[] = [];
  /** Bytes given to the transport that it has not reported as sent. */
  #unsentBytes: number;
  #endWriteWanted = false;
  #isGoing = false;

  /** @param unsentBytes - what the transport has not sent yet. */
  constructor(transport: Transport, unsentBytes: number, events: OutgoingFilesEvents) {
    this.#transport = transport;
    this.#unsentBytes = unsentBytes;
    this.#events = events;
  }

  get count(): number {
    return this.#files.length;
  }

  add(file: OutgoingFile): void {
    this.#files.push(file);
    this.fileBytes += file.left;
    if (this.#files.length === 1) IOLoop.current().scheduleFlush(this);
  }

  /** Queues a piece behind the last file. */
  write(piece: string | Uint8Array): void {
    const last = this.#files[this.#files.length - 1];
    if (last === undefined) this.#writeNow(piece);
    else last.behind.push(piece);
  }

  endWrite(): void {
    this.#endWriteWanted = true;
    if (this.#files.length === 0) this.#transport.endWrite();
  }

  /** The transport has sent bytes that were written to it. */
  sent(byteLength: number): void {
    this.#unsentBytes -= byteLength;
    this.goOn();
  }

  /** For the loop: the end of the turn in which the first file came. */
  flush(): void {
    this.goOn();
  }

  /** Does what can be done now. */
  goOn(): void {
    // What is told in here may lead to here again.
    if (this.#isGoing) return;
    this.#isGoing = true;
    try {
      while (this.#unsentBytes === 0 && this.#files.length > 0) {
        if (!this.#sendSome(this.#files[0] as OutgoingFile)) break;
      }
    } finally {
      this.#isGoing = false;
    }
  }

  /** The stream is closed: nothing leaves any more. */
  fail(error: Error): void {
    const files = this.#files;
    this.#files = [];
    for (const file of files) file.fail(error);
  }

  /** @returns whether there may be more to do at once. */
  #sendSome(file: OutgoingFile): boolean {
    if (file.isReading) return false;
    if (file.isDropped || file.left === 0) {
      this.#leave(file);
      return true;
    }
    const { fd } = file;
    const taken = fd < 0 ? -1 : (this.#transport.sendFile?.(fd, file.position, file.left) ?? -1);
    if (taken < 0) {
      void this.#readSome(file);
      return false;
    }
    if (taken === 0) return false;
    this.#advance(file, taken);
    // First, since whoever hears that all is sent may close the stream.
    const isWhole = file.left === 0;
    if (isWhole) this.#leave(file);
    this.#events.moved(taken, true);
    return isWhole;
  }

  async #readSome(file: OutgoingFile): Promise<void> {
    // Always a new one: a Duplex may pass the one before on to somebody who still looks at it.
    const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, file.left));
    let count = 0;
    let failure: { readonly error: unknown } | undefined;
    try {
      count = await file.read(chunk);
    } catch (error) {
      failure = { error };
    }
    if (this.#files[0] !== file) {
      file.finish();
    } else if (file.isDropped) {
      this.goOn();
    } else if (failure !== undefined) {
      file.fail(failure.error);
      this.#events.failed(failure.error);
    } else {
      this.#advance(file, count);
      this.#writeNow(count === chunk.length ? chunk : chunk.subarray(0, count));
    }
  }

  #writeNow(piece: string | Uint8Array): void {
    this.#unsentBytes += piece.length;
    this.#transport.write(piece);
  }

  #advance(file: OutgoingFile, byteLength: number): void {
    file.advance(byteLength);
    this.fileBytes -= byteLength;
  }

  /** The file is through, or passed over: on with what was written behind it. */
  #leave(file: OutgoingFile): void {
    this.#files.shift();
    const { left } = file;
    this.#advance(file, left);
    file.finish();
    for (const piece of file.behind.pieces) this.#writeNow(piece);
    if (this.#files.length === 0 && this.#endWriteWanted) this.#transport.endWrite();
    if (left > 0) this.#events.moved(left, false);
  }
}
