import { Buffer } from 'node:buffer';

/**
 * The same latin1 text in memory of its own. V8 keeps what was joined as a tree and what was sliced as a reference to
 * the whole: a text that stays would have its tree walked in every answer, or keep a request's head alive.
 */
export function flatString(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
