/** The ends of an event: an empty line after LF or CR, in each of its forms. */
const EVENT_END = /\n\n$|\n\r\n?$|\r\r\n?$/;
/** The longest text that {@link EVENT_END} matches. */
const TAIL = 3;
const LF = 0x0a;
const CR = 0x0d;

/**
 * Knows whether text that is already an event stream has reached the end of an event, so that something of our own may
 * be sent between two of its events.
 */
export class EventBoundary {
  #tail = '\n\n';

  /** Whether the text so far ends with a complete event, or is empty. */
  get isReached(): boolean {
    return EVENT_END.test(this.#tail);
  }

  /** @param text - the next part of the stream, in which each character is a byte or a code unit. */
  add(text: string): void {
    this.#tail = (this.#tail + text.slice(-TAIL)).slice(-TAIL);
  }
}

/**
 * Adds an id to the last event of a part of an event stream, so that a client resumes after the whole part.
 *
 * @param startsEvent - whether the part starts with a new event.
 * @param endsEvent - whether the stream ends with a complete event after this part. If not, the part is unchanged.
 */
export function withEventId(text: string, id: string, startsEvent: boolean, endsEvent: boolean): string {
  if (!endsEvent || text === '') return text;
  const start = lastEventStart(text);
  if (start > 0 || startsEvent) return `${text.slice(0, start)}id: ${id}\n${text.slice(start)}`;
  // The event has started in an earlier part. Clients accept an id without data.
  return `${text}id: ${id}\n\n`;
}

/** Returns the position after the last end of an event that is not at the end of the text; 0 if there is none. */
function lastEventStart(text: string): number {
  let at = text.length;
  while (at > 0 && isLineEnd(text.charCodeAt(at - 1))) at -= 1;
  for (; at > 0; at -= 1) {
    if (isLineEnd(text.charCodeAt(at - 1)) && EVENT_END.test(text.slice(Math.max(0, at - TAIL), at)))
      return at;
  }
  return 0;
}

function isLineEnd(code: number): boolean {
  return code === LF || code === CR;
}
