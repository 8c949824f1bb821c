import { CodedError } from '@landspout/ioloop/errors';

/**
 * The limits that an event stream can exceed. For each: the status of a gateway that relays the stream, and the limit.
 */
export const EVENT_STREAM_VIOLATIONS = {
  ERR_HTTP1_EVENT_STREAM_LINE: {
    meaning: 'A line of the event stream is longer than `maxLineBytes`.',
    status: 502,
    rule: 'maxLineBytes',
  },
  ERR_HTTP1_EVENT_STREAM_EVENT: {
    meaning: 'The lines of one event are larger than `maxEventBytes`.',
    status: 502,
    rule: 'maxEventBytes',
  },
} as const satisfies Record<string, { meaning: string; status: number; rule: string }>;

export type EventStreamErrorCode = keyof typeof EVENT_STREAM_VIOLATIONS;

/**
 * The peer sent an event stream that exceeds a limit. Events before the excess were delivered. Further calls of the
 * decoder throw the same error.
 *
 * Match on the code: the message is for humans, and its wording may change in any release.
 */
export class EventStreamProtocolError extends CodedError<EventStreamErrorCode> {
  override readonly name = 'EventStreamProtocolError';

  /** The status with which a gateway responds, if it has not responded yet: 502. */
  readonly status: number;
  /** The limit that was exceeded. */
  readonly rule: string;

  constructor(code: EventStreamErrorCode, detail: string, options?: ErrorOptions) {
    const { status, rule } = EVENT_STREAM_VIOLATIONS[code];
    super(code, `${detail} (${rule})`, options);
    this.status = status;
    this.rule = rule;
  }
}
