/** A writer of a {@link WriteBudget}; the budget alone reads and changes both fields. */
export interface BudgetedWriter {
  /** The turn that `spentInTurn` belongs to. Starts at 0. */
  writeTurn: number;
  /** Starts at 0. */
  spentInTurn: number;
}

/** Most bytes that one turn of the loop hands to the kernel. Copying them takes one or two milliseconds. */
const LOOP_BYTES = 4 * 1024 * 1024;
/** Most bytes of one writer in one turn. */
const WRITER_BYTES = 1024 * 1024;
/** A writer's share while many wait for their turn: smaller ones would cost more in calls than they gain in fairness. */
const LEAST_SHARE_BYTES = 64 * 1024;
/** A writer that stays below this in a turn never waits for one: a short response is not held up by a crowd of long ones. */
const SHORT_BYTES = 16 * 1024;
/** What a system call counts for in addition to its bytes: about as long as copying them takes. */
const CALL_BYTES = 4 * 1024;
/** What each write of the program counts for in addition to its bytes. */
const PIECE_BYTES = 256;

/**
 * How much one turn of the loop writes, in all and for each writer. Without it a program that writes and awaits runs
 * in microtasks for as long as the kernel takes its bytes, which a fast reader makes seconds, and nothing else runs
 * meanwhile: no other descriptor, no timer, no deadline.
 *
 * Counts bytes in place of time, since a clock read for each write would cost more than most writes do.
 */
export class WriteBudget {
  #turn = 1;
  #left = LOOP_BYTES;
  #share = WRITER_BYTES;

  /** Whether only short writers may still write in this turn. */
  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /** How many bytes `writer`, which has `queuedBytes` waiting, may write now; 0 if it has to wait for its next turn. */
  allowance(writer: BudgetedWriter, queuedBytes: number): number {
    if (writer.writeTurn !== this.#turn) {
      writer.writeTurn = this.#turn;
      writer.spentInTurn = 0;
    }
    const spent = writer.spentInTurn;
    if (this.#left > 0) return spent < this.#share ? Math.max(this.#share - spent, LEAST_SHARE_BYTES) : 0;
    return spent + queuedBytes <= SHORT_BYTES ? queuedBytes : 0;
  }

  /** Counts one system call that took `byteLength` bytes, which the program had written in `pieces` pieces. */
  spend(writer: BudgetedWriter, byteLength: number, pieces: number): void {
    const cost = byteLength + CALL_BYTES + pieces * PIECE_BYTES;
    writer.spentInTurn += cost;
    this.#left -= cost;
  }

  /** A new turn of the loop. @param waiting - writers that wait for it: they share it. */
  renew(waiting: number): void {
    this.#turn += 1;
    this.#left = LOOP_BYTES;
    const share = waiting > 1 ? Math.floor(LOOP_BYTES / waiting) : WRITER_BYTES;
    this.#share = Math.min(WRITER_BYTES, Math.max(LEAST_SHARE_BYTES, share));
  }
}
