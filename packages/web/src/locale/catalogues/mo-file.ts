// Compiled gettext catalogues (GNU gettext manual, "The Format of GNU MO Files").

import { CONTEXT_SEPARATOR } from './catalogue.ts';
import type { CatalogueSource } from './catalogue-source.ts';
import { decodeBytes, isEncoding } from './decoded-text.ts';
import { charsetOf, GettextCatalogue, type GettextEntry } from './gettext-catalogue.ts';

const MAGIC = 0x950412de;
const HEADER_BYTES = 28;
/** Length and offset of a string, four bytes each. */
const DESCRIPTOR_BYTES = 8;

/**
 * Reads a gettext catalogue in its compiled format (`.mo`), of either byte order.
 *
 * @throws CatalogueError `ERR_WEB_CATALOGUE` if it is not one, or is damaged.
 */
export function moCatalogue(bytes: Uint8Array, source: CatalogueSource): GettextCatalogue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isLittle = byteOrder(view, source);
  const word = (at: number): number => view.getUint32(at, isLittle);
  const [revision, count, messages, texts] = [word(4), word(8), word(12), word(16)];
  const major = revision >>> 16;
  if (major > 1) throw source.error(`revisions 0 and 1 of the format are supported, not ${major}`);
  const tableBytes = count * DESCRIPTOR_BYTES;
  if (messages + tableBytes > bytes.length || texts + tableBytes > bytes.length) throw damaged(source);
  const strings = new StringTable(bytes, word, source);
  // The strings are sorted, so the headers, whose message is empty, come first.
  const headers = count === 0 ? [] : [strings.at(messages), strings.at(texts)];
  const latin1 = new TextDecoder('latin1').decode(headers[0]?.length === 0 ? headers[1] : undefined);
  const charset = charsetOf(latin1, isEncoding, source);
  const entries: GettextEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = index * DESCRIPTOR_BYTES;
    const key = decodedParts(strings.at(messages + at), charset, source);
    entries.push(entryOf(key, decodedParts(strings.at(texts + at), charset, source)));
  }
  return new GettextCatalogue(entries, source);
}

function byteOrder(view: DataView, source: CatalogueSource): boolean {
  if (view.byteLength >= HEADER_BYTES) {
    if (view.getUint32(0, true) === MAGIC) return true;
    if (view.getUint32(0, false) === MAGIC) return false;
  }
  throw source.error('this is not a compiled gettext catalogue: compile the .po file with msgfmt');
}

function damaged(source: CatalogueSource): Error {
  return source.error('the compiled catalogue is damaged: compile the .po file again with msgfmt');
}

/** Reads strings by their descriptors. */
class StringTable {
  readonly #bytes: Uint8Array;
  readonly #word: (at: number) => number;
  readonly #source: CatalogueSource;
  /** Strings do not share bytes. If they did, a small file could describe gigabytes of text. */
  #unread: number;

  constructor(bytes: Uint8Array, word: (at: number) => number, source: CatalogueSource) {
    this.#bytes = bytes;
    this.#word = word;
    this.#source = source;
    this.#unread = 2 * bytes.length; // the headers are read twice
  }

  /** @param descriptor - its offset in the file. */
  at(descriptor: number): Uint8Array {
    const [length, start] = [this.#word(descriptor), this.#word(descriptor + 4)];
    this.#unread -= length;
    if (start + length > this.#bytes.length || this.#unread < 0) throw damaged(this.#source);
    return this.#bytes.subarray(start, start + length);
  }
}

/** The forms of a plural end with NUL. */
function decodedParts(bytes: Uint8Array, charset: string, source: CatalogueSource): string[] {
  const parts: string[] = [];
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(0, start);
    parts.push(decodeBytes(bytes.subarray(start, end === -1 ? bytes.length : end), charset, source));
    if (end === -1) return parts;
    start = end + 1;
  }
}

function entryOf([key = '', plural]: readonly string[], texts: readonly string[]): GettextEntry {
  const separator = key.indexOf(CONTEXT_SEPARATOR);
  const context = separator === -1 ? undefined : key.slice(0, separator);
  return { context, message: key.slice(separator + 1), plural, texts, line: undefined };
}
