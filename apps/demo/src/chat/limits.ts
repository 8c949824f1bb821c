/** Limits of the room. Everything that a client could send without end has a limit here. */
export interface RoomLimits {
  /** Messages that are kept for visitors who join later. */
  readonly historyMessages: number;
  /** Concurrent connections, including those that have not joined yet. */
  readonly visitors: number;
  /** Visible characters of a name. */
  readonly nameCharacters: number;
  /** UTF-16 code units in the text of one message. */
  readonly textLength: number;
  /** Messages that one visitor may send at once, before the rate is limited. */
  readonly burstMessages: number;
  /** Messages per second that one visitor may send after that. */
  readonly messagesPerSecond: number;
}

export const ROOM_LIMITS: RoomLimits = {
  historyMessages: 100,
  visitors: 200,
  nameCharacters: 24,
  textLength: 2_000,
  burstMessages: 10,
  messagesPerSecond: 2,
};

/** Limits of one connection. */
export const CONNECTION_LIMITS = {
  /** 2,000 characters may take 12,000 bytes as JSON escapes. */
  maxMessageBytes: 16 * 1024,
  /**
   * Bytes queued for a page that reads slowly. If there are more, its connection is closed; the page reconnects and
   * gets the history.
   */
  maxQueuedBytes: 1024 * 1024,
  /** A page that vanishes without closing its connection leaves the list of people within a minute. */
  pingIntervalMs: 30_000,
} as const;
