/** The codes of `err` frames that the WebSocket door of topics makes itself. Those of topics and runs come on top. */
export const TOPIC_DOOR_ERRORS = {
  ERR_TOPICS_REFUSED: {
    meaning:
      'The topic or run does not exist, or `authorize` does not allow what the client asked for: the two look alike.',
  },
  ERR_TOPICS_BAD_FRAME: {
    meaning:
      'A message of the client is not text with one JSON object, or one of its members is missing or invalid.',
  },
  ERR_TOPICS_UNKNOWN_OP: { meaning: 'The `op` of a frame is none of sub, unsub, pub and cancel.' },
  ERR_TOPICS_DUPLICATE: {
    meaning:
      'The connection is subscribed to the topic or run already. Unsubscribe first to begin elsewhere.',
  },
  ERR_TOPICS_TOO_MANY_SUBSCRIPTIONS: {
    meaning: 'The connection has `maxSubscriptions` subscriptions already.',
  },
  ERR_TOPICS_RATE_LIMIT: {
    meaning:
      'The client, or all clients together, publish too fast; `retryMs` of the frame says when to try again.',
  },
  ERR_TOPICS_INTERNAL: { meaning: 'The server has failed; its log has the details.' },
} as const satisfies Record<string, { meaning: string }>;

export type TopicDoorErrorCode = keyof typeof TOPIC_DOOR_ERRORS;

/** What a client learns of an error: never the message of the error, which may contain what clients must not know. */
export interface PublicFault {
  readonly code: string;
  readonly message: string;
  /** When to try again. */
  readonly retryMs?: number;
}

export const REFUSED: PublicFault = {
  code: 'ERR_TOPICS_REFUSED',
  message: 'the topic or run does not exist, or you may not do that',
};

const UNAVAILABLE: PublicFault = {
  code: 'ERR_TOPICS_UNAVAILABLE',
  message: 'the topic is not available at present; try again later',
};

/** The errors of topics and runs that a client may know of. */
const PUBLIC_FAULTS: Readonly<Record<string, PublicFault>> = {
  ERR_RUN_NOT_FOUND: REFUSED,
  ERR_TOPICS_CURSOR: { code: 'ERR_TOPICS_CURSOR', message: 'after: a cursor was expected' },
  ERR_TOPICS_INVALID_DATA: {
    code: 'ERR_TOPICS_INVALID_DATA',
    message: 'the data is not what the topic accepts',
  },
  ERR_TOPICS_RECORD_TOO_LARGE: { code: 'ERR_TOPICS_RECORD_TOO_LARGE', message: 'the data is too large' },
  ERR_TOPICS_TOO_MANY_TOPICS: {
    code: 'ERR_TOPICS_TOO_MANY_TOPICS',
    message: 'too many topics are in use; try again later',
  },
  ERR_TOPICS_TOO_MANY_MEMBERS: {
    code: 'ERR_TOPICS_TOO_MANY_MEMBERS',
    message: 'the topic has too many members',
  },
  ERR_TOPICS_OUTCOME_UNKNOWN: {
    code: 'ERR_TOPICS_OUTCOME_UNKNOWN',
    message: 'the record may have been published; publish again with the same ref to be sure',
  },
  ERR_TOPICS_UNAVAILABLE: UNAVAILABLE,
  ERR_TOPICS_JOURNAL_WRITE: UNAVAILABLE,
  ERR_TOPICS_CLOSED: UNAVAILABLE,
  ERR_TOPICS_BUSY: { code: 'ERR_TOPICS_BUSY', message: 'the server is busy; try again later' },
};

/** Returns what a client may know of an error; undefined if the error is not one of topics and runs. */
export function publicFault(error: unknown): PublicFault | undefined {
  const code: unknown = error instanceof Error ? (error as { readonly code?: unknown }).code : undefined;
  if (typeof code !== 'string' || !Object.hasOwn(PUBLIC_FAULTS, code)) return undefined;
  return PUBLIC_FAULTS[code];
}
