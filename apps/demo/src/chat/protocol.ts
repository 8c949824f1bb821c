/** A person in the room. */
export interface Visitor {
  readonly id: string;
  readonly name: string;
}

/** A message of a visitor. Numbers start at 1 and increase by one for the lifetime of a room. */
export interface ChatMessage {
  readonly number: number;
  readonly from: Visitor;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** The last message that a reconnecting page has, so that it is sent only what it missed. */
export interface Resume {
  readonly room: string;
  readonly after: number;
}

/** Messages from the page. */
export type ClientMessage =
  | {
      readonly type: 'join';
      readonly name: string;
      /** A secret of the page: a connection that knows it takes over the visitor that joined with it. */
      readonly session: string;
      readonly resume?: Resume;
    }
  | { readonly type: 'say'; readonly text: string };

/** Messages to the page. Each `say` gets one response, in order: the page's own `message`, or `refused`. */
export type ServerMessage =
  | {
      readonly type: 'welcome';
      readonly room: string;
      readonly you: Visitor;
      readonly visitors: readonly Visitor[];
      /** The whole history or, with a `resume` for this room, the messages after it. */
      readonly messages: readonly ChatMessage[];
    }
  | { readonly type: 'message'; readonly message: ChatMessage }
  | { readonly type: 'joined'; readonly visitor: Visitor }
  | { readonly type: 'left'; readonly visitor: Visitor }
  | { readonly type: 'refused'; readonly what: 'name' | 'text'; readonly reason: string };

/**
 * Parses a message of the page.
 *
 * @returns the message, or `undefined` for anything that the page never sends.
 */
export function parseClientMessage(json: string): ClientMessage | undefined {
  const value = parseRecord(json);
  if (value?.type === 'say' && typeof value.text === 'string') return { type: 'say', text: value.text };
  if (value?.type !== 'join' || typeof value.name !== 'string' || !isSession(value.session)) return undefined;
  const join = { type: 'join', name: value.name, session: value.session } as const;
  if (value.resume === undefined) return join;
  return isResume(value.resume) ? { ...join, resume: value.resume } : undefined;
}

function parseRecord(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined; // not JSON
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Long enough to be unguessable, and short enough to store. */
function isSession(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 16 && value.length <= 64;
}

function isResume(value: unknown): value is Resume {
  if (!isRecord(value) || typeof value.room !== 'string' || value.room.length > 64) return false;
  return typeof value.after === 'number' && Number.isSafeInteger(value.after) && value.after >= 0;
}
