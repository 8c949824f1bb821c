import { CodedError } from '@landspout/ioloop/errors';

/** What can be wrong with sockets that a service manager passes to a process. */
export const LISTEN_ERRORS = {
  ERR_LISTEN_NOT_ACTIVATED: {
    meaning: 'No service manager has passed sockets to this process, or none that is left.',
  },
  ERR_LISTEN_ACTIVATION: {
    meaning: 'LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES contradict each other or the call.',
  },
} as const satisfies Record<string, { meaning: string }>;

/** The sockets that were to be inherited are not there as they should be. Nothing listens because of the call. */
export class ListenUsageError extends CodedError<keyof typeof LISTEN_ERRORS> {
  override readonly name = 'ListenUsageError';
}
