import { describe, expect, it } from 'vitest';
import { html } from '../../src/html/html.ts';
import { type LinkAttributes, type LinkifyOptions, linkify } from '../../src/linkify/index.ts';
import { seededRandom } from '../fixtures/hostile-texts.ts';
import { tornadoTexts } from './tornado-texts.ts';

const linked = (text: string, options?: LinkifyOptions): string => String(linkify(text, options));

/** The texts and targets of the links. */
function linksOf(text: string, options?: LinkifyOptions): string[][] {
  const links = linked(text, options).matchAll(/<a href="([^"]*)"[^>]*>([^<]*)<\/a>/g);
  return [...links].map(([, url = '', shown = '']) => (url === shown ? [url] : [shown, url]));
}

/** Texts in which Landspout finds other links than Tornado, and those that it finds by default. */
const DIFFERENT: Readonly<Record<string, readonly string[][]>> = {
  'http:// www': [],
  'http://': [],
  'HTTP://A.EXAMPLE/': [['HTTP://A.EXAMPLE/']],
  'https://docs.example.org./': [['https://docs.example.org']],
  'https://docs.example.org/"onmouseover=alert(1)': [['https://docs.example.org/']],
  'http://user@a.example/': [],
  'http://user:secret@a.example/': [],
  'http://under_score.example/': [],
  'http://a.example/ends=': [['http://a.example/ends=']],
  'http://a.example/ends&': [['http://a.example/ends&amp;']],
  'http://a.example/ends#': [['http://a.example/ends#']],
  'http://a.example/*bold*': [['http://a.example/*bold*']],
  'http://a.example/{x}': [['http://a.example/{x}']],
  'http://a.example/[x]': [['http://a.example/[x]']],
  'http:/a.example': [],
  'http:///a.example': [],
  'http://a.example:99999/': [],
  'https://http://a.example/': [['http://a.example/']],
};

describe('linkify', () => {
  const same = tornadoTexts.linkify.filter(({ text, options }) => {
    const isHttpsForWww = options.permittedProtocols?.includes('http') === false && text.includes('www.');
    return DIFFERENT[text] === undefined && !isHttpsForWww;
  });

  it.each(same)('makes the HTML of Tornado for $text with $options [ES-02]', ({ text, options, html }) => {
    expect(linked(text, options)).toBe(html);
  });

  it.each(Object.entries(DIFFERENT))('finds other links than Tornado in %s [ES-02]', (text, links) => {
    expect(linksOf(text)).toEqual(links);
    const tornado = tornadoTexts.linkify.find((item) => item.text === text);
    expect(tornado?.html).not.toBe(linked(text));
  });

  it('compares most texts', () => expect(same.length).toBeGreaterThan(250));

  it('escapes everything, also between, in and after links [ES-02]', () => {
    expect(linked(`<b>'&" http://a.example/?a=1&b='2' <i>`)).toBe(
      '&lt;b&gt;&#39;&amp;&quot; <a href="http://a.example/?a=1&amp;b=&#39;2&#39;">' +
        'http://a.example/?a=1&amp;b=&#39;2&#39;</a> &lt;i&gt;',
    );
  });

  it('is HTML, which a template does not escape again', () => {
    const comment = linkify('<i> www.a.example');
    expect(String(html`<p title="${comment}">${comment}</p>`)).toContain(
      '>&lt;i&gt; <a href="http://www.a.example">www.a.example</a></p>',
    );
  });

  it('gives links of www. the scheme that is permitted [ES-02]', () => {
    expect(linksOf('www.a.example')).toEqual([['www.a.example', 'http://www.a.example']]);
    expect(linksOf('www.a.example', { permittedProtocols: ['https'] })).toEqual([
      ['www.a.example', 'https://www.a.example'],
    ]);
    expect(linksOf('www.a.example', { permittedProtocols: ['ftp'] })).toEqual([]);
    expect(linksOf('www.a.example http://b.example', { requireProtocol: true })).toEqual([
      ['http://b.example'],
    ]);
  });

  it('links e-mail addresses if mailto is permitted, without giving them header fields [ES-02]', () => {
    const options = { permittedProtocols: ['mailto'] };
    expect(linksOf('to a@b.example, mailto:c@d.example or www.e.example.', options)).toEqual([
      ['a@b.example', 'mailto:a@b.example'],
      ['mailto:c@d.example'],
    ]);
    expect(linksOf('a?bcc=x%40y@b.example', options)).toEqual([
      ['a?bcc=x%40y@b.example', 'mailto:a%3Fbcc%3Dx%2540y@b.example'],
    ]);
    expect(linksOf('a@b.example', { ...options, requireProtocol: true })).toEqual([]);
    expect(linksOf('a@b.example')).toEqual([]);
  });

  it('does not link a part of a URL whose scheme is not permitted', () => {
    for (const text of [
      'ftp://www.a.example/',
      'git@www.a.example',
      'http://b:c@www.a.example',
      'x-www.a.b',
    ]) {
      expect(linksOf(text), text).toEqual([]);
    }
  });

  it('does not link a URL of 8,000 characters or more, nor a part of it', () => {
    const url = (chars: number) => `http://a.example/${'x'.repeat(chars - 17)}`;
    expect(linksOf(`${url(7_999)} www.b.example`)).toHaveLength(2);
    for (const chars of [8_000, 8_001, 20_000]) {
      expect(linksOf(`${url(chars)} www.b.example`)).toEqual([['www.b.example', 'http://www.b.example']]);
    }
  });

  it('adds attributes, fixed or by URL, with escaped values [ES-02]', () => {
    const fixed = { rel: 'nofollow "ugc"', download: true, hidden: false, id: undefined };
    expect(linked('www.a.example', { attributes: fixed })).toBe(
      '<a href="http://www.a.example" rel="nofollow &quot;ugc&quot;" download>www.a.example</a>',
    );
    const attributes = (url: string) => ({ class: url.startsWith('http://in.') ? 'internal' : 'external' });
    expect(linked('http://in.example http://out.example', { attributes })).toBe(
      '<a href="http://in.example" class="internal">http://in.example</a> ' +
        '<a href="http://out.example" class="external">http://out.example</a>',
    );
  });

  it('has one title if the attributes have another one', () => {
    const options = { shorten: true, attributes: { Title: 'mine' } };
    expect(linked('http://a.example/abcdefgh/ijklmnop/qrst', options)).toBe(
      '<a href="http://a.example/abcdefgh/ijklmnop/qrst" Title="mine">http://a.example/abcdefgh...</a>',
    );
  });

  it('does not cut a character in two', () => {
    const url = `http://${'a'.repeat(22)}😀${'b'.repeat(20)}.example`;
    expect(linked(url, { shorten: true })).toContain(`>http://${'a'.repeat(22)}...</a>`);
  });

  it('takes only what has no prototype of its own for names [ATT-74]', () => {
    const attributes = JSON.parse('{"__proto__":"1"}') as LinkAttributes;
    expect(() => linkify('www.a.example', { attributes })).toThrow('names of attributes');
  });

  it.each([
    [undefined, {}],
    [{}, {}],
    ['a', { shorten: 1 }],
    ['a', { requireProtocol: 'yes' }],
    ['a', { extraParams: '' }],
    ['a', null],
    ['a', { permittedProtocols: 'http' }],
    ['a', { permittedProtocols: ['HTTP'] }],
    ['a', { permittedProtocols: ['http:'] }],
    ['a', { permittedProtocols: ['javascript'] }],
    ['a', { permittedProtocols: ['data'] }],
    ['a', { attributes: 'rel=nofollow' }],
    ['a', { attributes: ['rel'] }],
    ['a', { attributes: { 'a b': '' } }],
    ['a', { attributes: { onclick: '' } }],
    ['a', { attributes: { HREF: '' } }],
    ['a', { attributes: { rel: 1 } }],
    ['www.a.example', { attributes: () => undefined }],
    ['www.a.example', { attributes: () => Promise.reject(new Error('lost')) }],
  ])('refuses %j with %j', (text, options) => {
    expect(() => linkify(text as string, options as LinkifyOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE', message: expect.stringMatching(/^linkify: /) }),
    );
  });

  it('finds the same links with any number of lists of schemes', () => {
    for (let number = 0; number < 100; number += 1) {
      const options = { permittedProtocols: [`s${number}`] };
      expect(linksOf(`s${number}://a/b s0x://a`, options)).toEqual([[`s${number}://a/b`]]);
    }
  });
});

/** Units of hostile texts, and what comes before them. Without care, those with `xn--` take 36 µs for each character. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ...[
    '@',
    '.',
    '-',
    '(',
    ')',
    '/',
    ':',
    '<',
    '"',
    "'",
    '&',
    '\0',
    '好',
    '😀',
    '\ud800',
    'a',
    'a.',
    'a-',
    'a@',
  ],
  ...['http://', 'http://a', 'http://a.b/', 'http://a@', 'http://[', 'http://[::1', 'http:', 'https://a:'],
  ...[
    'www.',
    'www.www.',
    'www.a.',
    'www.a.b/(',
    '(www.a.b/',
    'mailto:',
    'mailto:a@',
    'a@b.c',
    'a@a.',
    '@a.a-',
  ],
  ...['http://a.b/((((((', 'http://a.b/"', 'app:/', 'app:///', 'app:/a(', 'xn--', 'http://xn--'],
  `!${'xn--a.'.repeat(10)}xn--a_`,
  `http://${'xn--a.'.repeat(10)}xn--a_ `,
  `http://a.b/${'('.repeat(4)}${'a'.repeat(990)}`,
  `http://${`${'a'.repeat(60)}.`.repeat(11)}`,
  `@${`${'a'.repeat(62)}.`.repeat(5)}_`,
  `http://${'a'.repeat(250)}`,
].flatMap((unit) => [
  ['', unit],
  ['http://a.b/', unit],
]) as [string, string][];

describe('linkify of hostile text', () => {
  const options = { permittedProtocols: ['http', 'https', 'mailto', 'app'], shorten: true };
  const kept = (html: string) => html.replace(/<a [^>]*>|<\/a>/g, '');

  it.each(HOSTILE)('takes linear time for %j and 400 KB of %j [ATT-34]', (before, unit) => {
    const text = before + unit.repeat(Math.ceil(400_000 / unit.length));
    expect(linked(text, { ...options, shorten: false }).length).toBeGreaterThanOrEqual(text.length);
  });

  it('keeps the text, and makes only links with permitted schemes, whatever the text is [ATT-34] [ATT-39]', () => {
    const random = seededRandom(34);
    const pieces = [
      'http://',
      'www.',
      'javascript:',
      'mailto:',
      'data:text/html,',
      'app:/',
      'a',
      '.',
      'b.example',
    ];
    pieces.push(
      '/',
      '(',
      ')',
      '[',
      ']',
      '"',
      "'",
      '<script>',
      '>',
      '&',
      '&quot;',
      '@',
      ':',
      ' ',
      '\n',
      '?',
      '#',
      '😀',
    );
    for (let round = 0; round < 3_000; round += 1) {
      let text = '';
      for (let left = 1 + random(12); left > 0; left -= 1) text += pieces[random(pieces.length)];
      const html = linked(text, { ...options, shorten: false });
      expect(kept(html)).toBe(linked(text, { permittedProtocols: [] }));
      expect(html.replace(/<a href="(?:https?:\/\/|mailto:|app:\/)[^"<>]*">[^<>]*<\/a>/g, '')).not.toMatch(
        /[<>"']/,
      );
    }
  });
});
