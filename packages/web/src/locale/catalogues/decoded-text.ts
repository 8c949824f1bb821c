import type { CatalogueSource } from './catalogue-source.ts';

/** Byte order marks, with the encodings that they announce. */
const BYTE_ORDER_MARKS: ReadonlyArray<readonly [bytes: readonly number[], encoding: string]> = [
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be'],
];

/** Returns the encoding that a byte order mark at the start announces. */
function announcedEncoding(bytes: Uint8Array): string | undefined {
  return BYTE_ORDER_MARKS.find(([mark]) => mark.every((byte, index) => bytes[index] === byte))?.[1];
}

/** Whether the system can decode an encoding of that name. */
export function isEncoding(name: string): boolean {
  try {
    return new TextDecoder(name).encoding !== '';
  } catch {
    return false;
  }
}

/**
 * Decodes the bytes of a catalogue, without its byte order mark.
 *
 * @param encoding - used if there is no byte order mark. Must be one that the system knows.
 * @throws CatalogueError `ERR_WEB_CATALOGUE`, with the line, if the bytes are not valid.
 */
export function decodeText(bytes: Uint8Array, encoding: string, source: CatalogueSource): string {
  const text = decodeBytes(bytes, announcedEncoding(bytes) ?? encoding, source);
  // Text in UTF-16 without a mark is valid UTF-8 in which every other character is NUL.
  if (!text.includes('\0')) return text;
  const line = text.slice(0, text.indexOf('\0')).split('\n').length;
  throw source.error('the text contains a NUL character: save the file as UTF-8', line);
}

/** Decodes bytes. @throws CatalogueError `ERR_WEB_CATALOGUE`, with the line, if they are not valid. */
export function decodeBytes(bytes: Uint8Array, encoding: string, source: CatalogueSource): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    const problem = `the text is not valid in the encoding ${encoding}; save the file as UTF-8`;
    throw source.error(problem, lineOfError(bytes, encoding), { cause });
  }
}

/** The first line that is not valid; undefined for encodings whose lines cannot be told apart in bytes. */
function lineOfError(bytes: Uint8Array, encoding: string): number | undefined {
  if (encoding !== 'utf-8') return undefined;
  const decoder = new TextDecoder(encoding, { fatal: true });
  let start = 0;
  for (let line = 1; start <= bytes.length; line += 1) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline + 1;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    if (newline === -1) break;
    start = end;
  }
  return undefined;
}
