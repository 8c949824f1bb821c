import { Deadline, type DeadlineEntry } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { quietAfterPeerEnded } from '../errors.ts';
import type { ConnectionHost } from './connection-host.ts';

/**
 * The deadline that applies after the response headers were sent and the peer has half-closed: more of the response
 * must be written within `halfClosedMs`. If the peer is still reading queued bytes at the deadline, the deadline is
 * extended, because the delegate may be waiting for that.
 */
export class HalfClosed implements DeadlineEntry {
  readonly #stream: IOStream;
  readonly #halfClosedMs: number;
  readonly #cut: (reason: Error) => void;
  readonly #deadline: Deadline;
  /** Bytes sent on the stream when the deadline was last set. */
  #sentMark = 0;

  /** @param cut - called if nothing was written in time. The deadline has then ended. */
  constructor(stream: IOStream, { limits, services }: ConnectionHost, cut: (reason: Error) => void) {
    this.#stream = stream;
    this.#halfClosedMs = limits.halfClosedMs;
    this.#cut = cut;
    this.#deadline = new Deadline(services.wheel, this);
  }

  /** Starts the deadline, or restarts it after a write. */
  expectWrite(): void {
    if (this.#halfClosedMs === 0) return;
    this.#sentMark = this.#stream.bytesSent;
    this.#deadline.set(this.#halfClosedMs);
  }

  /** Ends the deadline: the response is complete or was given up. */
  close(): void {
    this.#deadline.close();
  }

  deadlinePassed(): void {
    if (this.#stream.queuedBytes > 0 && this.#stream.bytesSent > this.#sentMark) this.expectWrite();
    else this.#cut(quietAfterPeerEnded(this.#halfClosedMs));
  }
}
