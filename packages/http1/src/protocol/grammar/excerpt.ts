/** Most characters of foreign text in a message: enough to find it in a capture, too few to flood a log. */
const MAX_CHARS = 48;

/** Quotes foreign text for a message: clipped, and with everything that is not visible ASCII escaped. */
export function excerpt(text: string, maxChars = MAX_CHARS): string {
  let quoted = '';
  const end = Math.min(text.length, maxChars);
  for (let at = 0; at < end; at += 1) quoted += escaped(text.charCodeAt(at));
  return end < text.length ? `"${quoted}"…` : `"${quoted}"`;
}

/** Names one byte for a message, such as `"a"` or `0x0a`. */
export function byteName(byte: number | undefined): string {
  if (byte === undefined) return 'nothing';
  return byte > 0x20 && byte < 0x7f
    ? `"${String.fromCharCode(byte)}"`
    : `0x${byte.toString(16).padStart(2, '0')}`;
}

function escaped(unit: number): string {
  if (unit === 0x22 || unit === 0x5c) return `\\${String.fromCharCode(unit)}`;
  if (unit >= 0x20 && unit < 0x7f) return String.fromCharCode(unit);
  if (unit < 0x100) return `\\x${unit.toString(16).padStart(2, '0')}`;
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
