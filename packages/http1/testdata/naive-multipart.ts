import { Buffer, isUtf8 } from 'node:buffer';
import type { MultipartLimits } from '../src/protocol/multipart/limits.ts';

/** A part as the reference reader sees it; text is latin1 but for the names. */
export interface NaivePart {
  readonly name: string;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  readonly body: string;
}

/** A header line with the name and the value. */
const LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z][!#$%&'*+.^_`|~0-9A-Za-z-]*):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;
const PARAMETER =
  /^[ \t]*;[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:\\["\\]|[^"\\]|\\(?!["\\]))*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+)))?/;

/**
 * Reads a whole multipart body by splitting it: a reference to compare the decoder with, and much simpler.
 *
 * @param wire - latin1.
 * @returns the parts, or undefined for a body that must be refused.
 */
export function readNaively(
  wire: string,
  boundary: string,
  limits: MultipartLimits,
): NaivePart[] | undefined {
  // The first delimiter may lack its line break, and so may one right after the headers of a part.
  const pieces = `\r\n${wire}`.split(`\r\n--${boundary}`).slice(1);
  const last = pieces.findIndex((piece) => piece.startsWith('--'));
  if (last === -1 || !/^--[ \t]*(?:\r\n|$)/.test(pieces.slice(last).join(`\r\n--${boundary}`)))
    return undefined;
  const parts: NaivePart[] = [];
  for (const piece of pieces.slice(0, last)) {
    const part = readPart(piece, limits);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  const files = parts.filter(({ filename }) => filename !== undefined);
  return parts.length > limits.maxParts || files.length > limits.maxFiles ? undefined : parts;
}

function readPart(piece: string, limits: MultipartLimits): NaivePart | undefined {
  const lineEnd = /^[ \t]*\r\n/.exec(piece);
  if (lineEnd === null) return undefined;
  // A line break is added for a delimiter that took the empty line as its own.
  const text = `${piece.slice(lineEnd[0].length)}\r\n`;
  const headEnd = `\r\n${text}`.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const head = text.slice(0, headEnd);
  if (head.length + 2 > limits.maxPartHeaderBytes) return undefined;
  const body = text.slice(headEnd + 2, -2);
  const lines = head.split('\r\n').slice(0, -1);
  if (lines.length > limits.maxPartHeaders || !isUtf8(Buffer.from(head, 'latin1'))) return undefined;
  const fields = new Map<string, string>();
  for (const line of lines) {
    const field = LINE.exec(line);
    if (field === null) return undefined;
    const name = (field[1] ?? '').toLowerCase();
    if (fields.has(name) && /^content-(?:disposition|type|transfer-encoding)$/.test(name)) return undefined;
    fields.set(name, utf8(field[2] ?? '').replace(/[ \t]+$/, ''));
  }
  const names = readDisposition(fields.get('content-disposition') ?? '');
  if (names === undefined) return undefined;
  if (!/^(?:7bit|8bit|binary)$/i.test(fields.get('content-transfer-encoding') ?? 'binary')) return undefined;
  if (names.filename === undefined && body.length > limits.maxFieldBytes) return undefined;
  return { ...names, contentType: fields.get('content-type'), body };
}

function readDisposition(value: string): Pick<NaivePart, 'name' | 'filename'> | undefined {
  const kind = /^form-data[ \t]*(?=;|$)/i.exec(value);
  if (kind === null) return undefined;
  const parameters = new Map<string, string>();
  for (let rest = value.slice(kind[0].length); rest.trim() !== ''; ) {
    const found = PARAMETER.exec(rest);
    if (found === null) return undefined;
    rest = rest.slice(found[0].length);
    const [, key, quoted, token] = found;
    if (key === undefined) continue;
    const name = key.toLowerCase();
    if (parameters.has(name) || (name.includes('*') && (name !== 'filename*' || token === undefined)))
      return undefined;
    parameters.set(name, token ?? unquoted(quoted ?? ''));
  }
  const name = parameters.get('name') ?? '';
  const extended = parameters.get('filename*');
  const filename = extended === undefined ? (parameters.get('filename') ?? '') : extendedValue(extended);
  if (name === '' || filename === undefined) return undefined;
  return { name, filename: filename === '' ? undefined : filename };
}

function extendedValue(text: string): string | undefined {
  const [charset = '', language = '', value = '', ...more] = text.split("'");
  if (charset.toLowerCase() !== 'utf-8' || !/^[0-9a-z-]*$/i.test(language) || more.length > 0)
    return undefined;
  if (text.split("'").length !== 3 || /[*]/.test(value)) return undefined;
  try {
    const decoded = decodeURIComponent(value);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it must match control characters.
    return /[\u0000-\u001f\u007f]/.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}

function unquoted(text: string): string {
  return text
    .replaceAll(/\\(["\\])|%22/g, (_escape, character: string | undefined) => character ?? '"')
    .replaceAll('%0D', '\r')
    .replaceAll('%0A', '\n');
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}
