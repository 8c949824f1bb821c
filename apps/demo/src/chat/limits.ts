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

/** One WebSocket message from the page: 2,000 characters may be 12,000 bytes of escapes in JSON. */
export const MAX_MESSAGE_BYTES = 16 * 1024;
