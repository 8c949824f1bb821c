import { Deadline, type DeadlineEntry } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { HTTPDeadlineError } from '../errors.ts';
import type { ConnectionHost } from './connection-host.ts';

/**
 * The one deadline of a connection, and what a peer must have done by then: sent some of a body, or read some of
 * an answer. A fixed limit for a whole body would cut honest peers on slow lines; a minimum rate does not.
 */
export class PeerPace extends Deadline {
  readonly #host: ConnectionHost;
  /** Body bytes that have come since the last look. */
  #bodyBytes = 0;
  /** What is left of the time for the next request when the answer's reader has been looked at; 0 for none. */
  #restMs = 0;
  /** When the body must have come, whatever its pace; 0 where that does not matter. */
  #bodyEnd = 0;
  /** What of the answers had been sent at the last look, or -1 while nobody watches. */
  #sentMark = -1;

  constructor(host: ConnectionHost, entry: DeadlineEntry) {
    super(host.services.wheel, entry);
    this.#host = host;
  }

  /** A body is awaited from here on. @param timeoutMs - for all of it; 0 is no limit. */
  beginBody(timeoutMs: number): void {
    this.limitBody(timeoutMs);
    this.awaitBody();
  }

  /** The body must be complete `timeoutMs` from now; 0 is no limit. */
  limitBody(timeoutMs: number): void {
    this.#bodyEnd = timeoutMs === 0 ? 0 : this.#host.services.loop.clock.now() + timeoutMs;
  }

  /** The body is awaited again, after something of ours held it back for `heldMs`. */
  resumeBody(heldMs: number): void {
    if (this.#bodyEnd !== 0) this.#bodyEnd += heldMs;
    this.awaitBody();
  }

  /** Whether time spent on holding a body back matters, so that somebody must measure it. */
  get bodyIsLimited(): boolean {
    return this.#bodyEnd !== 0;
  }

  /** A stretch begins in which some of the body must come. */
  awaitBody(): void {
    this.#bodyBytes = 0;
    this.#sentMark = -1;
    const { progressMs } = this.#host.limits;
    const { clock } = this.#host.services.loop;
    const left = this.#bodyEnd === 0 ? progressMs : Math.max(1, this.#bodyEnd - clock.now());
    this.set(Math.min(progressMs, left));
  }

  countBody(byteLength: number): void {
    this.#bodyBytes += byteLength;
  }

  /** Whether enough of the body came in time; then the next stretch begins, else it is said what was too slow. */
  checkBody(): HTTPDeadlineError | undefined {
    const { progressMs } = this.#host.limits;
    const { clock } = this.#host.services.loop;
    if (this.#bodyEnd !== 0 && clock.now() >= this.#bodyEnd)
      return new HTTPDeadlineError('the body of a request took longer than it may');
    if (this.#bodyBytes < this.#wantedBytes())
      return new HTTPDeadlineError(
        `less than ${this.#wantedBytes()} bytes of a body came in ${progressMs} ms`,
      );
    this.awaitBody();
    return undefined;
  }

  /** An answer waits for its reader from here on. Harmless when that is watched already. */
  watchReader(stream: IOStream): void {
    if (this.#sentMark !== -1) return;
    this.#sentMark = stream.bytesSent;
    this.set(this.#host.limits.progressMs);
  }

  /**
   * The answer is complete, and the next request may take its time. Much that is still unsent of the answer must go on
   * being read, as while it was made; little costs us nothing.
   */
  rest(stream: IOStream, idleMs: number, muchBytes: number): void {
    if (stream.queuedBytes <= muchBytes) {
      this.#sentMark = -1;
      this.#restMs = 0;
      this.set(idleMs);
      return;
    }
    const stretchMs = Math.min(this.#host.limits.progressMs, idleMs);
    this.#sentMark = stream.bytesSent;
    this.#restMs = idleMs - stretchMs;
    this.set(stretchMs);
  }

  /** Whether more of the time for the next request is left, after all of the answer was read; then that begins. */
  restsOn(): boolean {
    if (this.#restMs === 0) return false;
    this.set(this.#restMs);
    this.#restMs = 0;
    return true;
  }

  /** Whether enough of the answer was read in time; then the next stretch begins, while anything is queued. */
  readerProgresses(stream: IOStream): boolean {
    const progress = stream.bytesSent - this.#sentMark;
    if (stream.queuedBytes === 0) {
      this.#sentMark = -1;
      return true;
    }
    if (this.#sentMark !== -1 && progress < this.#wantedBytes()) return false;
    this.#sentMark = stream.bytesSent;
    this.set(this.#host.limits.progressMs);
    return true;
  }

  /** Nothing has to be done by any time. */
  override clear(): void {
    super.clear();
    this.#sentMark = -1;
    this.#bodyEnd = 0;
  }

  #wantedBytes(): number {
    return (this.#host.limits.minBytesPerSecond * this.#host.limits.progressMs) / 1000;
  }
}
