import type { RunInfo } from '../backplane/backplane.ts';
import type { Log } from './log.ts';
import type { ClaimEntry, EndEntry } from './log-entry.ts';

/** The state of one run beside its records. */
export class RunState {
  readonly claim: ClaimEntry;
  readonly log: Log;
  attempt: number;
  cancelRequested = false;
  /** How the run has ended, as it is written. */
  end: EndEntry | undefined;
  /** When the lease ends, by the monotonic clock; -Infinity if no producer has one. */
  leaseUntil = Number.NEGATIVE_INFINITY;
  /** When the log may be forgotten, by the monotonic clock; Infinity while the run goes on. */
  forgetAt = Number.POSITIVE_INFINITY;

  constructor(claim: ClaimEntry, log: Log) {
    this.claim = claim;
    this.log = log;
    this.attempt = claim.attempt;
  }

  /** The fencing token of the present producer. It grows with each claim, also over restarts. */
  get token(): number {
    return this.attempt + 1;
  }

  /** Bytes of its records, and the length of its input and result. */
  get bytes(): number {
    return this.log.bytes + this.textBytes;
  }

  /** Length of the input and the result. */
  get textBytes(): number {
    return (this.claim.input?.length ?? 0) + (this.end?.result?.length ?? 0);
  }

  info(): RunInfo {
    const { id, owner, input, time } = this.claim;
    const { end, cursor, length: records } = this.log;
    const { attempt, cancelRequested } = this;
    return { id, owner, input, startedAt: time, records, attempt, cancelRequested, end, cursor };
  }
}
