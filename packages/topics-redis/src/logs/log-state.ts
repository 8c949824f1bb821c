import { frozen, type TopicEnd } from '@landspout/topics';
import type { RedisReply } from '../connection/redis-link.ts';
import { compareIds, cursorOf, START_ID } from '../cursor.ts';
import { FORMAT_VERSION, listOf, textOf } from './replies.ts';

/** What is known of a log beside its records. */
export interface LogState {
  readonly version: number;
  readonly epoch: string;
  /** The id of the newest entry. */
  readonly last: string;
  /** Number of revocations in this epoch. */
  readonly revocations: number;
  /** Number of deletions of a topic that has been in use since. */
  readonly deletions: number;
  /** Number of changes of presence. */
  readonly presence: number;
  /** Of a run that has ended: JSON. */
  readonly end: string;
  readonly isCancelRequested: boolean;
}

/** What is known of a log before it was read. */
export const UNKNOWN: LogState = {
  version: FORMAT_VERSION,
  epoch: '',
  last: START_ID,
  revocations: 0,
  deletions: 0,
  presence: 0,
  end: '',
  isCancelRequested: false,
};

/** Reads the state that a script replies. */
export function stateOf(reply: RedisReply | undefined): LogState {
  const [version, epoch, last, revocations, deletions, presence, end, cancel] = listOf(reply).map(textOf);
  return {
    version: Number(version),
    epoch: epoch ?? '',
    last: last ?? '',
    revocations: Number(revocations),
    deletions: Number(deletions),
    presence: Number(presence),
    end: end ?? '',
    isCancelRequested: cancel !== '' && cancel !== undefined,
  };
}

/** Whether a log has entries of which followers that know `known` were not notified. */
export function isBehind(known: LogState, state: LogState): boolean {
  return state.epoch !== known.epoch || compareIds(state.last, known.last) > 0;
}

/**
 * The end of a run.
 *
 * @param json - of an object with `how`, and `result` or `error` if there is one.
 * @param id - of the entry.
 */
export function endOf(json: string, epoch: string, id: string): TopicEnd {
  // All readers in the process share it.
  return frozen({ kind: 'end', cursor: cursorOf(epoch, id), ...JSON.parse(json) });
}
