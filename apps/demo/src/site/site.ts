import type { Runs, Topics } from 'landspout/topics';
import type { Visitors } from '../chat/visitors.ts';
import type { StatusBoard } from './status-board.ts';

/** What the handlers of the demo share. */
export interface Site {
  /** The rooms; in the journal, so that they outlive the process. */
  readonly topics: Topics;
  /** What is of no use after the process: its status, and the readers of each response. */
  readonly passing: Topics;
  /** The responses; in the journal. */
  readonly runs: Runs;
  readonly visitors: Visitors;
  readonly status: StatusBoard;
}
