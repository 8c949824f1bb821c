import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { END, HEAD } from '../decoding/events.ts';
import { multipartBoundary } from './boundary.ts';
import { MultipartDecoder, PART_END } from './multipart-decoder.ts';
import { formText, MultipartEncoder, PART_TAIL, type PartToEncode } from './multipart-encoder.ts';

const usage = expect.objectContaining({ code: 'ERR_HTTP1_USAGE' });

function headOf(part: PartToEncode): string {
  return new MultipartEncoder('b').partHead(part).toString();
}

/** Encodes parts without bodies, and returns what our decoder reads. */
function decoded(boundary: string, parts: readonly PartToEncode[]): PartToEncode[] {
  const encoder = new MultipartEncoder(boundary);
  const tail = Buffer.from(PART_TAIL);
  const body = Buffer.concat([...parts.flatMap((part) => [encoder.partHead(part), tail]), encoder.end]);
  const decoder = new MultipartDecoder(multipartBoundary(encoder.contentType));
  decoder.receive(body, 0, body.length);
  decoder.endOfInput();
  const read: PartToEncode[] = [];
  for (let event = decoder.next(); event !== END; event = decoder.next()) {
    expect([HEAD, PART_END]).toContain(event);
    const { name, filename, contentType } = decoder.part;
    if (event === HEAD) read.push({ name, filename, contentType });
  }
  return read;
}

describe('MultipartEncoder', () => {
  it('encodes a field and a file (RFC 7578 §4.2) [HU-11]', () => {
    expect(headOf({ name: 'a b' })).toBe('--b\r\nContent-Disposition: form-data; name="a b"\r\n\r\n');
    expect(headOf({ name: 'a', filename: 'b.png', contentType: 'image/png' })).toBe(
      '--b\r\nContent-Disposition: form-data; name="a"; filename="b.png"\r\nContent-Type: image/png\r\n\r\n',
    );
    expect(new MultipartEncoder('b').end.toString()).toBe('--b--\r\n');
  });

  it('escapes names as browsers do (WHATWG HTML) [HU-11]', () => {
    expect(headOf({ name: 'a"\\%', filename: 'c:\\"x"' })).toContain(
      'name="a%22\\%"; filename="c:\\%22x%22"\r\n',
    );
    expect(headOf({ name: 'a\nb\rc\r\nd\n' })).toContain('name="a%0D%0Ab%0D%0Ac%0D%0Ad%0D%0A"');
    expect(headOf({ name: 'a', filename: 'a\nb\rc' })).toContain('filename="a%0Ab%0Dc"');
    expect(headOf({ name: '\u65e5\ud83d\ude42', filename: '\ud800' })).toContain(
      'name="\u65e5\ud83d\ude42"; filename="\ufffd"',
    );
  });

  it('writes what the decoder reads [HU-11] [HU-12]', () => {
    const parts = [
      'a',
      'a;b',
      'a"b',
      '\u00fc',
      '\u65e5\u672c',
      'a\r\nb',
      'a\tb',
      '__proto__',
      "'",
      'a\\b',
    ].flatMap((text) => [
      { name: text, filename: undefined, contentType: undefined },
      { name: 'f', filename: text, contentType: 'text/plain; charset="x"' },
    ]);
    for (const boundary of ['b', '----B0', "a b'()+_,-./:=?"])
      expect(decoded(boundary, parts)).toEqual(parts);
    expect(decoded('b', [])).toEqual([]);
  });

  it.each(['\0', 'a\x1b', '\x7f', 'a\vb'])('refuses %j in a name, which has no escape [HU-12]', (text) => {
    expect(() => headOf({ name: text })).toThrow(usage);
    expect(() => headOf({ name: 'a', filename: text })).toThrow(usage);
  });

  it.each(['a\r\nb', 'a\t', '\u00e4'])('refuses the content type %j', (contentType) => {
    expect(() => headOf({ name: 'a', contentType })).toThrow(usage);
  });

  it('quotes a boundary that is not a token', () => {
    expect(new MultipartEncoder('----b0').contentType).toBe('multipart/form-data; boundary=----b0');
    expect(new MultipartEncoder('a b').contentType).toBe('multipart/form-data; boundary="a b"');
  });

  it.each(['', 'a ', 'a"b', 'a\r\n', '\u00e4', 'x'.repeat(71)])('refuses the boundary %j', (boundary) => {
    expect(() => new MultipartEncoder(boundary)).toThrow(usage);
  });
});

describe('formText', () => {
  it('sends every line break as CRLF', () => {
    expect(formText('a\nb\rc\r\nd\n\r\re')).toBe('a\r\nb\r\nc\r\nd\r\n\r\n\r\ne');
    expect(formText('')).toBe('');
  });
});
