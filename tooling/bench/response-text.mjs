// Responses as texts of latin1: where they end, what they mean, and where two with the same meaning may differ.
import { gunzipSync } from 'node:zlib';

const IMF_FIXDATE = /^(date: )\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/im;
const DATE_LENGTH = 29;
/** When a file was compressed: Python writes it, others leave it 0. RFC 1952 §2.3. */
const MTIME = { offset: 4, length: 4 };
/** Names of fields, charsets, and the names in Vary. */
const LOWERED = /^[\w-]+(?=:)|charset=[\w-]+|(?<=^vary: ).+(?=\r$)/gim;
const CHUNK = /([\da-f]+)\r\n/iy;

/**
 * How many bytes are missing from a response: 0 if it is complete, negative if there are more, and undefined if that is
 * not known yet.
 *
 * @param {string} text
 */
export function missingBytes(text) {
  const { head, bodyStart } = partsOf(text);
  if (bodyStart === undefined) return undefined;
  if (isChunked(head)) return chunksOf(text, bodyStart)?.missing;
  return bodyStart + Number(/^content-length: (\d+)\r$/im.exec(head)?.[1]) - text.length;
}

/**
 * The head without the value of its Date; of it the status line, and the fields with their names and charsets in lower
 * case; the body without any coding; and how it was sent, such as `16 chunks` or `1,234 B of gzip, chunked`. Of a body
 * that was coded, those fields are left out that depend on how.
 *
 * @param {string} text - a complete response.
 */
export function split(text) {
  const { head, bodyStart } = partsOf(text);
  const dateless = head.replace(IMF_FIXDATE, '$1(now)\r');
  const lower = dateless.replace(LOWERED, (found) => found.toLowerCase());
  const [status, ...fields] = lower.split('\r\n').slice(0, -1);
  const coding = codingOf(head);
  const { body: sent, count } = isChunked(head) ? chunksOf(text, bodyStart) : { body: text.slice(bodyStart) };
  const isCoded = coding !== undefined;
  const common = { head: dateless, status, isCoded };
  if (!isCoded)
    return {
      ...common,
      fields: fields.sort(),
      body: sent,
      how: count && `${count} chunk${count === 1 ? '' : 's'}`,
    };
  const others = fields.filter((field) => !/^(content-length|transfer-encoding):/.test(field)).sort();
  const body = gunzipSync(Buffer.from(sent, 'latin1')).toString('latin1');
  const how = `${sent.length.toLocaleString('en')} B of ${coding}${isChunked(head) ? ', chunked' : ''}`;
  return { ...common, fields: others, body, how };
}

/**
 * Where responses to the same request may differ: the value of Date, and the time in the header of gzip.
 *
 * @param {string} text - a complete response.
 * @returns {{ at: number, length: number }[]}
 */
export function variableParts(text) {
  const field = IMF_FIXDATE.exec(text);
  const date = field === null ? [] : [{ at: field.index + field[1].length, length: DATE_LENGTH }];
  const { head, bodyStart } = partsOf(text);
  if (bodyStart === undefined || codingOf(head) !== 'gzip') return date;
  CHUNK.lastIndex = bodyStart;
  const gzipStart = isChunked(head) ? bodyStart + CHUNK.exec(text)[0].length : bodyStart;
  return [...date, { at: gzipStart + MTIME.offset, length: MTIME.length }];
}

/** A response with the same text in place of what may differ. @param {string} text */
export function withoutVariableParts(text) {
  return variableParts(text).reduce(
    (all, { at, length }) => all.slice(0, at) + '-'.repeat(length) + all.slice(at + length),
    text,
  );
}

/** The head with the end of its last line, and where the body starts; undefined if that has not come. */
function partsOf(text) {
  const end = text.indexOf('\r\n\r\n');
  return end === -1 ? { head: text } : { head: text.slice(0, end + 2), bodyStart: end + 4 };
}

function isChunked(head) {
  return /^transfer-encoding: chunked\r$/im.test(head);
}

function codingOf(head) {
  return /^content-encoding: (\w+)\r$/im.exec(head)?.[1];
}

/** The bytes of the chunks, their number, and how many bytes are missing after the last; undefined if that has not come. */
function chunksOf(text, start) {
  let body = '';
  for (let [at, count] = [start, 0]; ; count += 1) {
    CHUNK.lastIndex = at;
    const size = CHUNK.exec(text);
    if (size === null) return undefined;
    const length = Number.parseInt(size[1], 16);
    const from = at + size[0].length;
    at = from + length + 2;
    if (length === 0) return { body, count, missing: at - text.length };
    body += text.slice(from, from + length);
  }
}
