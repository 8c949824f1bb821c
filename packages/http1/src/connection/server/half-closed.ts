import { Deadline, type DeadlineEntry } from '@landspout/ioloop/reactor';
import type { IOStream } from '@landspout/iostream';
import { quietAfterPeerEnded } from '../errors.ts';
import type { ConnectionHost } from './connection-host.ts';

/**
 * The deadline of a response whose headers were sent and whose peer has ended its side: something must be written to it
 * within `halfClosedMs`. What the peer still reads counts as a write: it may be what the delegate waits for.
 */
export class HalfClosed implements DeadlineEntry {
  readonly #stream: IOStream;
  readonly #halfClosedMs: number;
  readonly #cut: (reason: Error) => void;
  readonly #deadline: Deadline;
  /** What had left when this was last looked at. */
  #sentMark = 0;

  /** @param cut - is called once nothing was written in time; the deadline runs no further then. */
  constructor(stream: IOStream, { limits, services }: ConnectionHost, cut: (reason: Error) => void) {
    this.#stream = stream;
    this.#halfClosedMs = limits.halfClosedMs;
    this.#cut = cut;
    this.#deadline = new Deadline(services.wheel, this);
  }

  /** From here on something must be written. */
  expectWrite(): void {
    if (this.#halfClosedMs === 0) return;
    this.#sentMark = this.#stream.bytesSent;
    this.#deadline.set(this.#halfClosedMs);
  }

  /** The response is complete, or given up. */
  close(): void {
    this.#deadline.close();
  }

  deadlinePassed(): void {
    if (this.#stream.queuedBytes > 0 && this.#stream.bytesSent > this.#sentMark) this.expectWrite();
    else this.#cut(quietAfterPeerEnded(this.#halfClosedMs));
  }
}
