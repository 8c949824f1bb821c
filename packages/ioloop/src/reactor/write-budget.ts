/** A writer of a {@link WriteBudget}. Only the budget reads and changes these fields. */
export interface BudgetedWriter {
  /** The turn in which `spentInTurn` was counted. Starts at 0. */
  writeTurn: number;
  /** Starts at 0. */
  spentInTurn: number;
}

/** Maximum number of bytes passed to the kernel in one loop iteration. Copying them takes one or two milliseconds. */
const LOOP_BYTES = 4 * 1024 * 1024;
/** Maximum number of bytes of one writer in one iteration. */
const WRITER_BYTES = 1024 * 1024;
/**
 * Minimum share of a writer when many are waiting. Smaller shares would cost more in calls than they gain in fairness.
 */
const LEAST_SHARE_BYTES = 64 * 1024;
/** A writer with at most this many bytes per iteration never has to wait: long responses do not delay a short one. */
const SHORT_BYTES = 16 * 1024;
/** Cost added for each system call, in bytes: copying this many takes about as long as the call itself. */
const CALL_BYTES = 4 * 1024;
/** Cost added for each write of the program, in bytes. */
const PIECE_BYTES = 256;

/**
 * Limits how much is written in one loop iteration, in total and for each writer.
 *
 * Without it, a program that writes and awaits would run in microtasks for as long as the kernel accepts its bytes.
 * With a fast reader that can take seconds, during which nothing else runs: no other descriptor, no timer, no deadline.
 *
 * It counts bytes rather than time, since reading a clock for each write would cost more than most writes do.
 */
export class WriteBudget {
  #turn = 1;
  #left = LOOP_BYTES;
  #share = WRITER_BYTES;

  /** Whether only short writers may still write in this iteration. */
  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /**
   * Returns how many bytes `writer`, which has `queuedBytes` waiting, may write now; 0 if it must wait for a later
   * iteration.
   */
  allowance(writer: BudgetedWriter, queuedBytes: number): number {
    if (writer.writeTurn !== this.#turn) {
      writer.writeTurn = this.#turn;
      writer.spentInTurn = 0;
    }
    const spent = writer.spentInTurn;
    if (this.#left > 0) return spent < this.#share ? Math.max(this.#share - spent, LEAST_SHARE_BYTES) : 0;
    return spent + queuedBytes <= SHORT_BYTES ? queuedBytes : 0;
  }

  /** Records one system call that took `byteLength` bytes, which the program had written in `pieces` pieces. */
  spend(writer: BudgetedWriter, byteLength: number, pieces: number): void {
    const cost = byteLength + CALL_BYTES + pieces * PIECE_BYTES;
    writer.spentInTurn += cost;
    this.#left -= cost;
  }

  /** Begins a new loop iteration. @param waiting - number of waiting writers, which share its budget. */
  renew(waiting: number): void {
    this.#turn += 1;
    this.#left = LOOP_BYTES;
    const share = waiting > 1 ? Math.floor(LOOP_BYTES / waiting) : WRITER_BYTES;
    this.#share = Math.min(WRITER_BYTES, Math.max(LEAST_SHARE_BYTES, share));
  }
}
