import type { DoorEnd } from '@landspout/ioloop/processes';
import { BackplaneError } from '../errors.ts';

/** `broken`: this process has closed the door, since it is of no use any more. */
export type LostReason = DoorEnd | 'broken';

/** What has happened, by the end of the door of a backplane with this name. */
export const PROBLEMS: Readonly<Record<LostReason, (name: string) => string>> = {
  broken: () => 'the messages of the parent are damaged, or it does not take any',
  ended: () => 'the parent has ended',
  closed: () => 'the parent has closed its backplane, or the door of this process',
  refused: (name) =>
    `the parent has no backplane named ${JSON.stringify(name)}; call ProcessesBackplane.open with the same name above server.start or forkProcesses, so that it runs in the parent too, and restart the whole program`,
};

/** The error of a call whose reply was lost with the door. */
export function lostReply(operation: string, isChange: boolean, problem: string): BackplaneError {
  return isChange
    ? new BackplaneError(
        'ERR_TOPICS_OUTCOME_UNKNOWN',
        `${operation}: ${problem} before it replied, so it may have been done`,
      )
    : new BackplaneError('ERR_TOPICS_UNAVAILABLE', `${operation}: ${problem}`);
}
