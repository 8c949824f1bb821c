import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { HTTPHeaders } from '../fields/http-headers.ts';
import { parseFormBody } from './form-body.ts';

const FORM = 'application/x-www-form-urlencoded';

function read(type: string | undefined, body: string): [string, readonly string[]][] {
  const headers = HTTPHeaders.from(type === undefined ? {} : { 'Content-Type': type });
  return [...parseFormBody(headers, Buffer.from(body, 'latin1'))];
}

describe('parseFormBody', () => {
  it.each([FORM, FORM.toUpperCase(), `${FORM};charset=utf-8`, `${FORM} ; x=y`])(
    'reads %s [HU-07]',
    (type) => {
      expect(read(type, 'a=1&a=%C3%BC&b=\xc3\xbc')).toEqual([
        ['a', ['1', 'ü']],
        ['b', ['ü']],
      ]);
    },
  );

  it.each([undefined, '', `${FORM}-not`, `x${FORM}`, 'multipart/form-data; boundary=a', 'application/json'])(
    'finds none in %s',
    (type) => {
      expect(read(type, 'a=1')).toEqual([]);
    },
  );

  it('reads bytes in the middle of a buffer', () => {
    const bytes = new Uint8Array(Buffer.from('x=0&a=1&y=2')).subarray(4, 7);
    expect([...parseFormBody(HTTPHeaders.from({ 'Content-Type': FORM }), bytes)]).toEqual([['a', ['1']]]);
  });

  it('refuses a form that is still compressed, and one beyond its limits', () => {
    const headers = HTTPHeaders.from({ 'Content-Type': FORM, 'Content-Encoding': 'gzip' });
    const body = Buffer.from('a&b');
    expect(() => parseFormBody(headers, body)).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_FORM_CODING', status: 415 }),
    );
    expect(parseFormBody(headers.set('Content-Encoding', 'Identity'), body).size).toBe(2);
    expect(() => parseFormBody(headers, body, { maxFields: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP1_QUERY_FIELDS' }),
    );
  });
});
