import { BYTE_CLASS, FIELD_VALUE, HTAB, SEMICOLON, SP, TOKEN } from '../grammar/bytes.ts';

const QUOTE = 0x22;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** Where a scan of chunk extensions stands. A line may end in those above {@link LAST_OPEN}. */
export const EXTENSION_START = 0;
const BEFORE_NAME = 1;
const AFTER_NAME = 2;
const BEFORE_VALUE = 3;
const QUOTED = 4;
const ESCAPED = 5;
const AFTER_BLANK = 6;
const LAST_OPEN = AFTER_BLANK;
const NAME = 7;
const VALUE = 8;
const QUOTED_END = 9;

/** Whether a chunk line may end here. */
export function extensionMayEnd(state: number): boolean {
  return state > LAST_OPEN;
}

/**
 * Takes one byte of `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )` (RFC 9112 §7.1.1).
 *
 * @returns the next state, or -1 for a byte that does not belong there.
 */
export function nextExtensionState(state: number, byte: number): number {
  const isBlank = byte === SP || byte === HTAB;
  const isToken = ((BYTE_CLASS[byte] as number) & TOKEN) !== 0;
  switch (state) {
    case EXTENSION_START:
    case AFTER_BLANK:
      if (isBlank) return AFTER_BLANK;
      return byte === SEMICOLON ? BEFORE_NAME : -1;
    case BEFORE_NAME:
      if (isBlank) return BEFORE_NAME;
      return isToken ? NAME : -1;
    case NAME:
      if (isToken) return NAME;
      return afterName(byte, isBlank);
    case AFTER_NAME:
      return afterName(byte, isBlank);
    case BEFORE_VALUE:
      if (isBlank) return BEFORE_VALUE;
      if (byte === QUOTE) return QUOTED;
      return isToken ? VALUE : -1;
    case QUOTED:
      if (byte === QUOTE) return QUOTED_END;
      return byte === BACKSLASH ? ESCAPED : quoted(byte);
    case ESCAPED:
      return quoted(byte);
    case VALUE:
      if (isToken) return VALUE;
      return nextExtensionState(EXTENSION_START, byte);
    default:
      return nextExtensionState(EXTENSION_START, byte);
  }
}

function afterName(byte: number, isBlank: boolean): number {
  if (isBlank) return AFTER_NAME;
  if (byte === EQUALS) return BEFORE_VALUE;
  return byte === SEMICOLON ? BEFORE_NAME : -1;
}

/** RFC 9110 §5.6.4: what may stand in a quoted-string is what may stand in a field value. */
function quoted(byte: number): number {
  return ((BYTE_CLASS[byte] as number) & FIELD_VALUE) !== 0 ? QUOTED : -1;
}
