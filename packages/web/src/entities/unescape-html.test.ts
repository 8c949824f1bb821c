import { describe, expect, it } from 'vitest';
import { tornadoTexts } from '../../test/text/tornado-texts.ts';
import { escapeHtml } from '../text/escape-html.ts';
import { unescapeHtml } from './unescape-html.ts';

describe('unescapeHtml', () => {
  it.each(tornadoTexts.references)(
    'replaces the references in $text like Tornado [ES-01]',
    ({ text, result }) => {
      expect(unescapeHtml(text)).toBe(result);
    },
  );

  it('keeps control characters and noncharacters, as browsers do', () => {
    expect(unescapeHtml('&#1;&#x7f;&#xFFFE;')).toBe('\u0001\u007f\ufffe');
  });

  it('reverses escapeHtml [ES-01]', () => {
    const text = `<a href="x?y=1&amp;z">'&lt;' & co</a>`;
    expect(unescapeHtml(escapeHtml(text))).toBe(text);
  });

  it.each(['&', '&#', '&#x', '&#9', '&a', '&notit', '&lt', '&CounterClockwiseContourIntegra', '9'])(
    'takes linear time for many %j [ATT-34]',
    (part) => {
      const text = part.repeat(1_000_000 / part.length);
      expect(unescapeHtml(text)).not.toBe('');
      expect(unescapeHtml(`&#${text};`)).not.toBe('');
    },
  );

  it.each([undefined, null, 1, Buffer.from('&lt;')])('refuses %s', (text) => {
    expect(() => unescapeHtml(text as unknown as string)).toThrow(
      expect.objectContaining({
        code: 'ERR_WEB_USAGE',
        message: expect.stringMatching(/^unescapeHtml: text: /),
      }),
    );
  });
});
