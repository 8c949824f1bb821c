/** The codes that the client for browsers adds to those of topics and of their WebSocket door. */
export const TOPICS_CLIENT_ERRORS = {
  ERR_TOPICS_BAD_OPTION: {
    meaning:
      'The TopicsClient has no option of that name, or the handlers of a subscription are no object; nothing was opened.',
  },
  ERR_TOPICS_QUEUE_FULL: {
    meaning:
      '`maxPending` publishes of the TopicsClient wait for the server already; this one was not queued.',
  },
  ERR_TOPICS_TIMEOUT: {
    meaning: 'The publish or cancel of a TopicsClient was not sent within `timeoutMs`, and will not be.',
  },
} as const satisfies Record<string, { meaning: string }>;

/**
 * A code of the client, or one of the server as it is. Of the codes that both use:
 *
 * - `ERR_TOPICS_CLOSED`: the client is closed. A publish that was waiting may have reached the server.
 * - `ERR_TOPICS_DUPLICATE`: this client has a subscription of that topic or run already.
 * - `ERR_TOPICS_OUTCOME_UNKNOWN`: the publish was sent, but not acknowledged in time. The record may exist; to be sure,
 *   publish again with the same `ref` within two minutes of the first time.
 * - `ERR_TOPICS_RECORD_TOO_LARGE`: the server does not accept records of that size. If it has closed the WebSocket for
 *   that reason, the largest publish on its way is the one.
 * - `ERR_TOPICS_REFUSED`: the server does not allow it; over HTTP, also for any other reason, which `status` tells.
 */
export type TopicsErrorCode =
  | keyof typeof TOPICS_CLIENT_ERRORS
  | 'ERR_TOPICS_CLOSED'
  | 'ERR_TOPICS_DUPLICATE'
  | 'ERR_TOPICS_OUTCOME_UNKNOWN'
  | 'ERR_TOPICS_RECORD_TOO_LARGE'
  | 'ERR_TOPICS_REFUSED'
  | (string & {});

/** Why a subscription has failed for good, or a publish was not acknowledged. Match on {@link code}. */
export class TopicsError extends Error {
  override readonly name = 'TopicsError';
  declare readonly code: TopicsErrorCode;
  /** The status of the HTTP response, if the error is from one. */
  declare readonly status: number | undefined;

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
