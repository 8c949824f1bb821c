import { describe, expect, it } from 'vitest';
import { isMultipartForm, multipartBoundary } from './boundary.ts';

const refusal = expect.objectContaining({ code: 'ERR_HTTP1_MULTIPART_BOUNDARY', status: 400 });
const FORM = 'multipart/form-data';

describe('multipartBoundary', () => {
  it.each([
    [`${FORM}; boundary=----WebKitFormBoundaryAb12`, '----WebKitFormBoundaryAb12'],
    [`${FORM};boundary="quoted"`, 'quoted'],
    [`${FORM}; charset=UTF-8; BOUNDARY=a; x="y;z"`, 'a'],
    [`Multipart/Form-Data ;; Boundary=b ;`, 'b'],
    [`${FORM}; boundary="a b'()+_,-./:=?"`, "a b'()+_,-./:=?"],
    [`${FORM}; boundary="a\\b"`, 'ab'],
    [`${FORM}; boundary=${'x'.repeat(70)}`, 'x'.repeat(70)],
  ])('reads %j [HU-10] [HU-11]', (contentType, boundary) => {
    expect(multipartBoundary(contentType)).toBe(boundary);
  });

  it.each([
    undefined,
    '',
    FORM,
    `${FORM}; boundary`,
    `${FORM}; boundary=`,
    `${FORM}; boundary=""`,
    `${FORM}; boundary="a`,
    `${FORM}; boundary="a "`,
    `${FORM}; boundary=a=b`,
    `${FORM}; boundary=a b`,
    `${FORM}; boundary="a\u0001"`,
    `${FORM}; boundary="a\\"b"`,
    `${FORM}; boundary=ab*c`,
    `${FORM}; boundary=${'x'.repeat(71)}`,
    `${FORM}; boundary=a; boundary=b`,
    `${FORM}; boundary=a, ${FORM}; boundary=b`,
    `${FORM} boundary=a`,
    `${FORM}-data; boundary=a`,
    'multipart/mixed; boundary=a',
  ])('refuses %j [HU-11]', (contentType) => {
    expect(() => multipartBoundary(contentType)).toThrow(refusal);
  });

  it('names what it got, on one line', () => {
    expect(() => multipartBoundary('text/plain\r\nx')).toThrow(
      'expected the Content-Type multipart/form-data, got "text/plain\\x0d\\x0ax"',
    );
  });
});

describe('isMultipartForm', () => {
  it('looks at the media type only, in any case', () => {
    expect([FORM, `${FORM};boundary`, 'MULTIPART/FORM-DATA ; x'].map(isMultipartForm)).toEqual([
      true,
      true,
      true,
    ]);
    expect([undefined, `${FORM}s`, `x${FORM}`, 'multipart/mixed'].map(isMultipartForm)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});
