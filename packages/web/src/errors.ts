import { CodedError } from '@landspout/ioloop/errors';

/** Everything that this package throws by itself. What must not reach the wire is an `Http1UsageError`. */
export const WEB_ERRORS = {
  ERR_WEB_HTTP: { meaning: 'A handler refuses its request with the status that the error carries.' },
  ERR_WEB_MISSING_ARGUMENT: { meaning: 'The request lacks an argument that the handler cannot do without.' },
  ERR_WEB_FINISH: { meaning: 'A handler ends its answer as it stands; caught before anybody sees it.' },
  ERR_WEB_USAGE: { meaning: 'An argument of the call is wrong.' },
  ERR_WEB_FINISHED: { meaning: 'The answer was complete, or given away by detach, before the call.' },
  ERR_WEB_HEAD_SENT: { meaning: 'Status and headers were sent before the call, and can no longer change.' },
  ERR_WEB_BODY_FORBIDDEN: { meaning: 'A body was written for a status that must not have one.' },
  ERR_WEB_ROUTE: {
    meaning: 'A route that no request could reach, or no handler serve; the application was not made.',
  },
  ERR_WEB_REVERSE: { meaning: 'No URL can be made: unknown name, wrong arguments, or a pattern too free.' },
} as const satisfies Record<string, { meaning: string }>;

export type WebErrorCode = keyof typeof WEB_ERRORS;

/** The codes that name a mistake of the program. */
export type WebUsageErrorCode = Exclude<
  WebErrorCode,
  'ERR_WEB_HTTP' | 'ERR_WEB_MISSING_ARGUMENT' | 'ERR_WEB_FINISH'
>;

/** The program asked for something that cannot be. Nothing of the refused call was done or written. */
export class WebUsageError extends CodedError<WebUsageErrorCode> {
  override readonly name = 'WebUsageError';
}
