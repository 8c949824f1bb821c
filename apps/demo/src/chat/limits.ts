/** What the room holds and takes. Everything that somebody could send without end has its bound here. */
export interface RoomLimits {
  /** Messages that a late comer sees. */
  readonly historyMessages: number;
  /** Connections at a time, those included that have not said their name yet. */
  readonly visitors: number;
  /** Visible characters of a name. */
  readonly nameCharacters: number;
  /** UTF-16 units of one message's text. */
  readonly textLength: number;
  /** Messages that one visitor may send at once, before the pace holds. */
  readonly burstMessages: number;
  /** Messages per second that one visitor may go on with after that. */
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

/** What one connection may cost. */
export const CONNECTION_LIMITS = {
  /** 2,000 characters may be 12,000 bytes of escapes in JSON. */
  maxMessageBytes: 16 * 1024,
  /** What waits for a page that reads slowly; beyond it the page is closed, and comes back to the history. */
  maxQueuedBytes: 1024 * 1024,
  /** A page that is gone without a word leaves the list of people within a minute. */
  pingIntervalMs: 30_000,
} as const;
