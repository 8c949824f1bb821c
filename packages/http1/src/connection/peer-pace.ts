import { Deadline, type DeadlineEntry, type DeadlineWheel } from '@landspout/ioloop';
import type { IOStream } from '@landspout/iostream';

/** How much a peer must get done in each stretch of time. */
export interface PaceSettings {
  readonly wheel: DeadlineWheel;
  readonly minBytesPerSecond: number;
  readonly progressMs: number;
}

/**
 * The one deadline of a connection, and what a peer must have done by then: sent some of a body, or read some of
 * an answer. A fixed limit for a whole body would cut honest peers on slow lines; a minimum rate does not.
 */
export class PeerPace extends Deadline {
  readonly #settings: PaceSettings;
  /** Body bytes that have come since the last look. */
  #bodyBytes = 0;
  /** What of the answers had been sent at the last look, or -1 while nobody watches. */
  #sentMark = -1;

  constructor(settings: PaceSettings, entry: DeadlineEntry) {
    super(settings.wheel, entry);
    this.#settings = settings;
  }

  /** A body is awaited from here on, or again after the delegate held it back. */
  awaitBody(): void {
    this.#bodyBytes = 0;
    this.set(this.#settings.progressMs);
  }

  countBody(byteLength: number): void {
    this.#bodyBytes += byteLength;
  }

  /** Whether enough of the body came in time; then the next stretch begins. */
  bodyProgresses(): boolean {
    if (this.#bodyBytes < this.#wantedBytes) return false;
    this.awaitBody();
    return true;
  }

  /** An answer waits for its reader from here on. Harmless when that is watched already. */
  watchReader(stream: IOStream): void {
    if (this.#sentMark !== -1) return;
    this.#sentMark = stream.bytesSent;
    this.set(this.#settings.progressMs);
  }

  /** The answers so far belong to the past; what is queued of them is looked at after `delayMs`. */
  restReader(stream: IOStream, delayMs: number): void {
    this.#sentMark = stream.queuedBytes > 0 ? stream.bytesSent : -1;
    this.set(delayMs);
  }

  /** Whether enough of the answer was read in time; then the next stretch begins, while anything is queued. */
  readerProgresses(stream: IOStream): boolean {
    const progress = stream.bytesSent - this.#sentMark;
    if (stream.queuedBytes === 0) {
      this.#sentMark = -1;
      return true;
    }
    if (this.#sentMark !== -1 && progress < this.#wantedBytes) return false;
    this.#sentMark = stream.bytesSent;
    this.set(this.#settings.progressMs);
    return true;
  }

  /** Nothing has to be done by any time. */
  override clear(): void {
    super.clear();
    this.#sentMark = -1;
  }

  get #wantedBytes(): number {
    return (this.#settings.minBytesPerSecond * this.#settings.progressMs) / 1000;
  }
}
