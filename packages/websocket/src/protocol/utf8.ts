import { type Buffer, isUtf8 } from 'node:buffer';
import { WebSocketProtocolError } from './errors.ts';

/**
 * Checks text that arrives in pieces: a character may be spread over reads and fragments (RFC 6455 §8.1), yet a
 * byte that no continuation can make valid is refused at once.
 *
 * @param from - where the unchecked bytes begin, at the start of a character.
 * @returns where the last whole character before `to` ends, which is the `from` of the next call; or -1 when the
 * bytes are not UTF-8, whatever may follow.
 */
export function endOfWholeCharacters(bytes: Buffer, from: number, to: number): number {
  const end = to - openCharacterLength(bytes, from, to);
  if (end < to && !canBeContinued(bytes, end, to)) return -1;
  if (end > from && !isUtf8(bytes.subarray(from, end))) return -1;
  return end;
}

/** Decodes bytes that are not lent and not masked. A byte order mark is kept: it is a character like others. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  if (endOfWholeCharacters(bytes, start, end) !== end) throw badText();
  return bytes.toString('utf8', start, end);
}

/** For text that is not UTF-8. */
export function badText(): WebSocketProtocolError {
  return new WebSocketProtocolError('ERR_WEBSOCKET_BAD_UTF8', 'text is not valid UTF-8');
}

/** How many bytes at the end begin a character that needs more bytes: 0 to 3. */
function openCharacterLength(bytes: Buffer, from: number, to: number): number {
  for (let length = 1; length <= 3 && to - length >= from; length += 1) {
    const byte = bytes[to - length] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return length < sequenceLength(byte) ? length : 0;
  }
  return 0; // Three continuation bytes end a character of four, or are wrong: the whole check tells.
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}

/** RFC 3629 §4: leads that are never valid, and leads whose second byte has a narrower range. */
function canBeContinued(bytes: Buffer, at: number, to: number): boolean {
  const lead = bytes[at] as number;
  if (lead < 0xc2 || lead > 0xf4) return false;
  if (at + 1 === to) return true;
  const second = bytes[at + 1] as number;
  switch (lead) {
    case 0xe0:
      return second >= 0xa0; // below: overlong
    case 0xed:
      return second <= 0x9f; // above: surrogates
    case 0xf0:
      return second >= 0x90; // below: overlong
    case 0xf4:
      return second <= 0x8f; // above: past U+10FFFF
    default:
      return true;
  }
}
