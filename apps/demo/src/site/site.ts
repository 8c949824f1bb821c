import type { Runs, Topics } from 'landspout/topics';
import type { Visitors } from '../chat/visitors.ts';
import type { OwnProcess } from './own-process.ts';

/** What the handlers of the demo share. */
export interface Site {
  /** The rooms, which outlive the server. */
  readonly topics: Topics;
  /** What is of no use after the server: the tabs that are open, and the readers of each response. */
  readonly passing: Topics;
  /** The responses, which outlive the process that writes them. */
  readonly runs: Runs;
  readonly visitors: Visitors;
  readonly process: OwnProcess;
}
