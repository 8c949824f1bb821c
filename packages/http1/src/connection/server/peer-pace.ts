import { Deadline, type DeadlineEntry } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { HTTPDeadlineError } from '../errors.ts';
import type { ConnectionHost } from './connection-host.ts';

/**
 * The deadline of a connection. By then, the peer must have sent part of a body or read part of a response. A fixed
 * limit for the whole body would cut off honest clients on slow lines; a minimum rate does not.
 */
export class PeerPace extends Deadline {
  readonly #host: ConnectionHost;
  /** Body bytes received since the last check. */
  #bodyBytes = 0;
  /** The part of the idle time that starts after the peer has read the whole response; 0 for none. */
  #restMs = 0;
  /** Time by which the whole body must be received, whatever its rate; 0 for no limit. */
  #bodyEnd = 0;
  /** Bytes sent on the stream at the last check; -1 while the reader is not watched. */
  #sentMark = -1;

  constructor(host: ConnectionHost, entry: DeadlineEntry) {
    super(host.services.wheel, entry);
    this.#host = host;
  }

  /** Starts to check the progress of a body. @param timeoutMs - for the whole body; 0 means no limit. */
  beginBody(timeoutMs: number): void {
    this.limitBody(timeoutMs);
    this.awaitBody();
  }

  /** Requires the body to be complete `timeoutMs` from now; 0 means no limit. */
  limitBody(timeoutMs: number): void {
    this.#bodyEnd = timeoutMs === 0 ? 0 : this.#host.services.loop.clock.now() + timeoutMs;
  }

  /** Resumes checking the body after we did not read it for `heldMs`. That time is not counted. */
  resumeBody(heldMs: number): void {
    if (this.#bodyEnd !== 0) this.#bodyEnd += heldMs;
    this.awaitBody();
  }

  /** Whether the body has a timeout, so that the caller must measure how long it does not read the body. */
  get bodyIsLimited(): boolean {
    return this.#bodyEnd !== 0;
  }

  /** Starts an interval in which part of the body must be received. */
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

  /**
   * Checks the interval that ended. If enough was received, starts the next interval.
   *
   * @returns an error if the peer was too slow; otherwise undefined.
   */
  checkBody(): HTTPDeadlineError | undefined {
    const { progressMs } = this.#host.limits;
    const { clock } = this.#host.services.loop;
    if (this.#bodyEnd !== 0 && clock.now() >= this.#bodyEnd)
      return new HTTPDeadlineError('the request body took longer than its timeout');
    if (this.#bodyBytes < this.#wantedBytes())
      return new HTTPDeadlineError(
        `less than ${this.#wantedBytes()} bytes of the request body were received in ${progressMs} ms`,
      );
    this.awaitBody();
    return undefined;
  }

  /** Starts to check that the peer reads the response. Does nothing if the check is already running. */
  watchReader(stream: IOStream): void {
    if (this.#sentMark !== -1) return;
    this.#sentMark = stream.bytesSent;
    this.set(this.#host.limits.progressMs);
  }

  /**
   * Starts the idle time after a complete response. If more than `muchBytes` of the response are still unsent, the peer
   * must first continue to read them at the minimum rate.
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

  /**
   * Starts the remaining idle time after the peer has read the whole response.
   *
   * @returns false if no idle time remains.
   */
  restsOn(): boolean {
    if (this.#restMs === 0) return false;
    this.set(this.#restMs);
    this.#restMs = 0;
    return true;
  }

  /** Whether the peer read enough of the response. If it did and more is queued, the next interval starts. */
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

  /** Clears the deadline: the peer may take any time. */
  override clear(): void {
    super.clear();
    this.#sentMark = -1;
    this.#bodyEnd = 0;
  }

  #wantedBytes(): number {
    return (this.#host.limits.minBytesPerSecond * this.#host.limits.progressMs) / 1000;
  }
}
