import type { MessageSchema } from 'landspout/topics';
import { cleanText } from './plain-text.ts';
import type { Visitor } from './visitors.ts';

/** UTF-16 code units in the text of one message. */
export const TEXT_LENGTH = 2_000;
/** A page makes keys of 32 characters. */
const KEY_LENGTH = 64;

/** A record of a room. */
export interface ChatMessage {
  readonly from: Visitor;
  readonly text: string;
  /** Milliseconds since 1970, by the clock of the server. */
  readonly at: number;
  /** Chosen by the page that has sent it, which recognizes its message by it. */
  readonly key: string;
}

/**
 * Turns what a page publishes, a text and a key, into the record of the room: the server says who has written it and
 * when. In the form of Standard Schema, which topics take.
 */
export function messageSchema(from: Visitor, now: () => number = Date.now): MessageSchema<ChatMessage> {
  return {
    '~standard': {
      version: 1,
      vendor: 'landspout-demo',
      validate(value) {
        const { text, key } = (value ?? {}) as { readonly text?: unknown; readonly key?: unknown };
        if (typeof key !== 'string' || key.length > KEY_LENGTH) return problem('key is a short text');
        if (typeof text !== 'string') return problem('text is a text');
        if (text.length > TEXT_LENGTH) return problem(`text has at most ${TEXT_LENGTH} characters`);
        const clean = cleanText(text);
        if (clean === '') return problem('text has something to read');
        return { value: { from, text: clean, at: now(), key } };
      },
    },
  };
}

function problem(message: string) {
  return { issues: [{ message }] };
}
