import { type Buffer, isUtf8 } from 'node:buffer';
import { WebSocketProtocolError } from './errors.ts';

/**
 * Checks text that arrives in pieces. A character may be split between reads and fragments (RFC 6455 §8.1), but bytes
 * that can never become valid are refused at once.
 *
 * @param from - where the unchecked bytes begin, at the start of a character.
 * @returns where the last complete character before `to` ends: pass this as `from` in the next call. -1 if the bytes
 *   can never become valid UTF-8.
 */
export function endOfWholeCharacters(bytes: Buffer, from: number, to: number): number {
  const end = to - openCharacterLength(bytes, from, to);
  if (end < to && !canBeContinued(bytes, end, to)) return -1;
  if (end > from && !isUtf8(bytes.subarray(from, end))) return -1;
  return end;
}

/** Decodes bytes that are already unmasked. A byte order mark is kept: it is a character like any other. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  if (endOfWholeCharacters(bytes, start, end) !== end) throw badText();
  return bytes.toString('utf8', start, end);
}

/** Makes the error for text that is not UTF-8. */
export function badText(): WebSocketProtocolError {
  return new WebSocketProtocolError('ERR_WEBSOCKET_BAD_UTF8', 'text is not valid UTF-8');
}

/** The number of bytes at the end that are part of an incomplete character: 0 to 3. */
function openCharacterLength(bytes: Buffer, from: number, to: number): number {
  for (let length = 1; length <= 3 && to - length >= from; length += 1) {
    const byte = bytes[to - length] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return length < sequenceLength(byte) ? length : 0;
  }
  return 0; // Three continuation bytes: either the end of a 4-byte character or invalid. The full check decides.
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}

/** RFC 3629 §4: some lead bytes are never valid, and some restrict the second byte. */
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
