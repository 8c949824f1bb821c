import { isUtf8 } from 'node:buffer';
import { parseQuery } from '@landspout/http1/protocol';
import { describe, expect, it } from 'vitest';

// What Tornado's module `escape` has, and JavaScript too. These tests show what to write instead, and that the result is
// the one that Tornado's users expect.

describe("the platform's counterpart", () => {
  it('of utf8 is Buffer.from [ES-01]', () => {
    expect([...Buffer.from('é')]).toEqual([0xc3, 0xa9]);
    expect([...Buffer.from(Uint8Array.of(0xff))]).toEqual([0xff]);
    // Unlike None in Tornado, undefined is not a text without bytes.
    expect(() => Buffer.from(undefined as never)).toThrow(TypeError);
  });

  it('of to_unicode and native_str is a strict TextDecoder [ES-01]', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    expect(decoder.decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0xc3, 0xa9))).toBe('\ufeffé');
    expect(() => decoder.decode(Uint8Array.of(0xff))).toThrow(TypeError);
    expect([isUtf8(Uint8Array.of(0xc3, 0xa9)), isUtf8(Uint8Array.of(0xc3))]).toEqual([true, false]);
  });

  it('of recursive_unicode is not needed: strings are text already, and JSON never has bytes [ES-01]', () => {
    expect(JSON.parse('{"é":["\\u00e9",{"a":null}]}')).toEqual({ é: ['é', { a: null }] });
  });

  it('of parse_qs_bytes is parseQuery, which keeps blank values and refuses bytes that are not UTF-8 [ES-01]', () => {
    const raw = Buffer.from('é').toString('latin1');
    expect([...parseQuery(`a=%C3%A9&b=&a=${raw}&c`)]).toEqual([
      ['a', ['é', 'é']],
      ['b', ['']],
      ['c', ['']],
    ]);
    expect(() => parseQuery('a=%E9')).toThrow(expect.objectContaining({ code: 'ERR_HTTP1_QUERY_ENCODING' }));
  });

  it('of json_decode reads text, and bytes after they are decoded [ES-01]', () => {
    expect(JSON.parse(Buffer.from('["é"]').toString())).toEqual(['é']);
  });
});
