/**
 * Foreign text made safe for a log line, a message or the output of a console: what a peer sends must neither begin a
 * second line, nor move a cursor, nor end a quotation. This file imports nothing, so that a protocol floor may use it.
 *
 * Text of the program itself is shown by `shownText`, which keeps letters of every script.
 */

/** All but visible ASCII and the space. */
const INVISIBLE = /[^\x20-\x7e]/g;
/** As {@link INVISIBLE}, with the two characters that a quotation is made of. */
const UNQUOTABLE = /[^\x20-\x7e]|["\\]/g;

/** Most characters of a text in a log line. */
const MAX_LINE_CHARS = 300;
/** Most characters of a text that a message quotes: enough to find it in a capture, too few to flood a log. */
const MAX_QUOTED_CHARS = 48;

/** Foreign text for a log line: clipped, and with everything that is not visible ASCII escaped. */
export function printable(text: string, maxChars = MAX_LINE_CHARS): string {
  const safe = text.slice(0, maxChars).replace(INVISIBLE, escaped);
  return text.length > maxChars ? `${safe}…` : safe;
}

/** As {@link printable}, in quotation marks that the text cannot end, as messages of errors name it. */
export function excerpt(text: string, maxChars = MAX_QUOTED_CHARS): string {
  const safe = text.slice(0, maxChars).replace(UNQUOTABLE, backslashed);
  return text.length > maxChars ? `"${safe}"…` : `"${safe}"`;
}

/**
 * As {@link printable}, for a value between the quotation marks of an access log: marks and backslashes become `\xHH`,
 * as nginx writes them. What was clipped ends with `\...`, a backslash that begins no escape: no peer can send the like.
 */
export function printableLogValue(text: string, maxChars: number): string {
  const safe = text.slice(0, maxChars).replace(UNQUOTABLE, escaped);
  return text.length > maxChars ? `${safe}\\...` : safe;
}

/** One UTF-16 code unit as `\xHH`, or from U+0100 on as `\uHHHH`. */
export function escaped(character: string): string {
  const unit = character.charCodeAt(0);
  const hex = unit.toString(16);
  return unit < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
}

function backslashed(character: string): string {
  return character === '"' || character === '\\' ? `\\${character}` : escaped(character);
}
