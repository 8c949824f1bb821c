/** What a {@link TopicsError} of the client itself can mean; a server's codes are passed on as they are. */
export const TOPICS_CLIENT_ERRORS = {
  ERR_TOPICS_BAD_OPTION: {
    meaning: 'An option of the client is unknown or out of range; nothing was opened.',
  },
  ERR_TOPICS_CLOSED: {
    meaning:
      'The client is closed. A publish that was waiting for its acknowledgement may have reached the server.',
  },
  ERR_TOPICS_DUPLICATE: { meaning: 'This client already has a subscription of that topic or run.' },
  ERR_TOPICS_QUEUE_FULL: {
    meaning: 'More than `maxPending` publishes wait for the server; this one was not queued.',
  },
  ERR_TOPICS_TIMEOUT: { meaning: 'The publish or cancel was not sent within `timeoutMs`, and will not be.' },
  ERR_TOPICS_OUTCOME_UNKNOWN: {
    meaning:
      'The publish was sent, but not acknowledged in time. The record may exist; to find out, publish again with the same `ref` within 2 minutes.',
  },
  ERR_TOPICS_REFUSED: { meaning: 'The server refused a request over HTTP; see `status`.' },
} as const satisfies Record<string, { meaning: string }>;

/** A code of the client, or one of a server such as `ERR_TOPICS_CURSOR`. */
export type TopicsErrorCode = keyof typeof TOPICS_CLIENT_ERRORS | (string & {});

/** Why a subscription has failed for good, or a publish was not acknowledged. Match on {@link code}. */
export class TopicsError extends Error {
  override readonly name = 'TopicsError';
  readonly code: TopicsErrorCode;
  /** The status of the HTTP response, if the error is from one. */
  readonly status: number | undefined;

  /** @param detail - what a server says, or what is wrong. */
  constructor(code: unknown, detail?: unknown, status?: number) {
    super(detail ? `${code}: ${detail}` : (code as string));
    this.code = code as string;
    this.status = status;
  }
}

/** Codes of a server that is only busy: the same request may succeed later. */
export function isTemporary(code: string): boolean {
  return /_(UNAVAILABLE|BUSY|RATE_LIMIT|OUTCOME_UNKNOWN|INTERNAL)/.test(code);
}

/** The server has no time, or there is no connection. */
export const UNAVAILABLE = 'ERR_TOPICS_UNAVAILABLE';
