/**
 * Makes text from outside the program safe for a log line, a message or console output: text from a peer must not start
 * a second line, move the cursor or end a quotation. This file imports nothing, so that a protocol floor may use it.
 *
 * For text of the program itself, use `shownText`, which keeps letters of every script.
 */

/** Everything but visible ASCII and the space. */
const INVISIBLE = /[^\x20-\x7e]/g;
/** Like {@link INVISIBLE}, and also the quotation mark and the backslash. */
const UNQUOTABLE = /[^\x20-\x7e]|["\\]/g;

/** Maximum number of characters of a text in a log line. */
const MAX_LINE_CHARS = 300;
/**
 * Maximum number of characters of a text quoted in a message: enough to find it in a packet capture, too few to flood a
 * log.
 */
const MAX_QUOTED_CHARS = 48;

/** Formats text from outside the program for a log line: clipped, and with everything but visible ASCII escaped. */
export function printable(text: string, maxChars = MAX_LINE_CHARS): string {
  const safe = text.slice(0, maxChars).replace(INVISIBLE, escaped);
  return text.length > maxChars ? `${safe}…` : safe;
}

/** Like {@link printable}, enclosed in quotation marks, and with those inside the text escaped. For error messages. */
export function excerpt(text: string, maxChars = MAX_QUOTED_CHARS): string {
  const safe = text.slice(0, maxChars).replace(UNQUOTABLE, backslashed);
  return text.length > maxChars ? `"${safe}"…` : `"${safe}"`;
}

/**
 * Like {@link printable}, for a value inside the quotation marks of an access log. Quotation marks and backslashes
 * become `\xHH`, as in nginx. Clipped text ends with `\...`. A peer cannot imitate this ending, since its own
 * backslashes are escaped.
 */
export function printableLogValue(text: string, maxChars: number): string {
  const safe = text.slice(0, maxChars).replace(UNQUOTABLE, escaped);
  return text.length > maxChars ? `${safe}\\...` : safe;
}

/** Formats one UTF-16 code unit as `\xHH`, or as `\uHHHH` from U+0100 on. */
export function escaped(character: string): string {
  const unit = character.charCodeAt(0);
  const hex = unit.toString(16);
  return unit < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
}

function backslashed(character: string): string {
  return character === '"' || character === '\\' ? `\\${character}` : escaped(character);
}
