import { IOLoop } from '@landspout/ioloop';
import type { Flushable } from '@landspout/ioloop/reactor';
import type { Transport } from '../transport.ts';
import type { OutgoingFile } from './outgoing-file.ts';

/** Maximum number of bytes read at a time: smaller chunks would need more loop iterations, larger ones more memory. */
const CHUNK_BYTES = 128 * 1024;

/** The events that the queue reports to the stream. */
export interface OutgoingFilesEvents {
  /** Bytes of a file have reached the kernel or, with `isSent` false, never will because the file was skipped. */
  moved(byteLength: number, isSent: boolean): void;
  /** A file ended early or cannot be read, so that the peer cannot get the bytes it expects. */
  failed(error: unknown): void;
}

/**
 * Files to be sent, and the pieces written after them. Each file starts when everything before it has been sent. If the
 * transport can send a part of a file directly, it does; other parts are read in libuv's threads, one chunk at a time,
 * and written.
 */
export class OutgoingFiles implements Flushable {
  /** Bytes of files that have not been passed to the transport; they are not in memory. */
  fileBytes = 0;

  readonly #transport: Transport;
  readonly #events: OutgoingFilesEvents;
  #files: OutgoingFile[] = [];
  /** Bytes given to the transport that it has not reported as sent. */
  #unsentBytes: number;
  #endWriteWanted = false;
  #isGoing = false;

  /** @param unsentBytes - bytes that the transport has not sent yet. */
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

  /** Queues a piece after the last file. */
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

  /** Called by the loop at the end of the iteration in which the first file was added. */
  flush(): void {
    this.goOn();
  }

  /** Sends what can be sent now. */
  goOn(): void {
    // The events reported below may call this method again.
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

  /** The stream is closed: nothing more is sent. */
  fail(error: Error): void {
    const files = this.#files;
    this.#files = [];
    for (const file of files) file.fail(error);
  }

  /** @returns whether it may be possible to send more immediately. */
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
    // Update the queue before reporting the event, whose receiver may close the stream when everything is sent.
    const isWhole = file.left === 0;
    if (isWhole) this.#leave(file);
    this.#events.moved(taken, true);
    return isWhole;
  }

  async #readSome(file: OutgoingFile): Promise<void> {
    // A new chunk each time: a Duplex may have passed the previous one on to code that still uses it.
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

  /** The file was sent or skipped: continues with the pieces written after it. */
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
