import { describe, expect, it } from 'vitest';
import { tornadoTexts } from '../../test/text/tornado-texts.ts';
import { HTTPError } from '../errors.ts';
import { type UrlEscapeOptions, urlEscape, urlUnescape } from './escape-url.ts';
import { squeeze } from './squeeze.ts';

describe('urlEscape', () => {
  it.each(tornadoTexts.escaped)('escapes $text like Tornado [ES-01]', ({ text, plus, path }) => {
    expect([urlEscape(text), urlEscape(text, { plus: false })]).toEqual([plus, path]);
    expect([urlUnescape(plus), urlUnescape(path, { plus: false })]).toEqual([text, text]);
  });

  it('writes a lone surrogate as U+FFFD [ATT-77]', () => {
    expect(urlEscape('a\ud800b\udc00')).toBe('a%EF%BF%BDb%EF%BF%BD');
  });

  it.each([
    [undefined, {}],
    [Buffer.from('a'), {}],
    ['a', { plus: 1 }],
    ['a', { plsu: true }],
    ['a', null],
  ])('refuses %s with %j', (text, options) => {
    const refusal = expect.objectContaining({ code: 'ERR_WEB_USAGE' });
    expect(() => urlEscape(text as string, options as UrlEscapeOptions)).toThrow(refusal);
    expect(() => urlUnescape(text as string, options as UrlEscapeOptions)).toThrow(refusal);
  });
});

describe('urlUnescape', () => {
  it.each(tornadoTexts.unescaped)('decodes $text like Tornado [ES-01]', ({ text, plus, path }) => {
    expect([urlUnescape(text), urlUnescape(text, { plus: false })]).toEqual([plus, path]);
  });

  it.each(['%', 'a%2', '%zz', '% 1', '%u0041', '%ff', '%C3x', '%C0%80', '%ED%A0%80', '%+1'])(
    'refuses %j, where Tornado guesses [ES-01] [ATT-75]',
    (text) => {
      for (const plus of [true, false]) {
        expect(() => urlUnescape(text, { plus })).toThrow(HTTPError);
        expect(() => urlUnescape(text, { plus })).toThrow(
          expect.objectContaining({
            status: 400,
            cause: expect.objectContaining({ code: 'ERR_HTTP1_QUERY_ENCODING' }),
          }),
        );
      }
    },
  );

  it.each(['%41', '+', '%', 'ü'])('takes linear time for many %j [ATT-34]', (part) => {
    const text = part.repeat(1_000_000 / part.length);
    if (part === '%') expect(() => urlUnescape(text)).toThrow(HTTPError);
    else expect(urlUnescape(text).length).toBeGreaterThan(300_000);
  });
});

describe('squeeze', () => {
  it.each(tornadoTexts.squeezed)('makes $text the text of Tornado [ES-01]', ({ text, result }) => {
    expect(squeeze(text)).toBe(result);
  });

  it('takes linear time, and only text [ATT-34]', () => {
    expect(squeeze(`a${' \n'.repeat(1_000_000)}b`)).toBe('a b');
    expect(squeeze('\u00a0'.repeat(1_000_000))).toBe('');
    expect(() => squeeze(1 as never)).toThrow(expect.objectContaining({ code: 'ERR_WEB_USAGE' }));
  });
});
