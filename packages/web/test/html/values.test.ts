import { describe, expect, it } from 'vitest';
import { html, unsafeHtml } from '../../src/html/html.ts';
import { Html } from '../../src/html/html-value.ts';
import { jsonScript } from '../../src/text/json-script.ts';
import { recorded } from './recorded-warnings.ts';

const SPECIAL = `<b class="a">'&amp;'</b>`;
const ESCAPED = '&lt;b class=&quot;a&quot;&gt;&#39;&amp;amp;&#39;&lt;/b&gt;';

/** Prints a value of any type in text. */
const inText = (value: unknown): string => String(html`${value as string}`);

describe('html', () => {
  it('[TP-02] [TP-05] escapes text everywhere, without being asked', () => {
    const page = html`<title>${SPECIAL}</title><p class="${SPECIAL}" title=${SPECIAL}>${SPECIAL}</p>`;
    expect(String(page)).toBe(
      `<title>${ESCAPED}</title><p class="${ESCAPED}" title="${ESCAPED}">${ESCAPED}</p>`,
    );
  });

  it('[TP-02] prints HTML of other templates and of unsafeHtml as it is between tags', () => {
    const inner = html`<i>${'<'}</i>`;
    expect(String(html`<p>${inner}${unsafeHtml(SPECIAL)}</p>`)).toBe(`<p><i>&lt;</i>${SPECIAL}</p>`);
  });

  it('escapes HTML like text in attributes, titles and textareas', () => {
    const inner = html`<i>&amp;</i>`;
    const escaped = '&lt;i&gt;&amp;amp;&lt;/i&gt;';
    expect(String(html`<p title="${inner}" lang=${inner}>`)).toBe(`<p title="${escaped}" lang="${escaped}">`);
    expect(String(html`<title>${inner}</title>`)).toBe(`<title>${escaped}</title>`);
  });

  it.each<[string, () => unknown, string]>([
    ['text', () => 'a', 'a'],
    ['a number', () => 1.5, '1.5'],
    ['NaN', () => Number.NaN, 'NaN'],
    ['a bigint', () => 10n ** 20n, '100000000000000000000'],
    ['null', () => null, ''],
    ['undefined', () => undefined, ''],
    ['true', () => true, ''],
    ['false', () => false, ''],
    ['an array', () => ['<', 1, null, [true, '>']], '&lt;1&gt;'],
    ['a sparse array', () => Array(3), ''],
    ['a set', () => new Set(['<', '>']), '&lt;&gt;'],
    ['the values of a map', () => new Map([['a', '<']]).values(), '&lt;'],
    ['a generator', () => ['<', ['>']][Symbol.iterator](), '&lt;&gt;'],
    ['a String object', () => new String('<b>'), '&lt;b&gt;'],
    ['a URL', () => new URL('https://example.com/?a=1&b=2'), 'https://example.com/?a=1&amp;b=2'],
    ['JSON', () => jsonScript({ a: '<' }), '{"a":"\\u003c"}'],
  ])('prints %s, in text and in attributes', (_name, value, expected) => {
    const inAttribute = expected.replaceAll('"', '&quot;');
    expect(inText(value())).toBe(expected);
    expect(String(html`<p title="${value() as string}">`)).toBe(`<p title="${inAttribute}">`);
    expect(String(html`<p title=${[value() as string]}>`)).toBe(`<p title="${inAttribute}">`);
  });

  it.each([
    ['an object', { toString: () => '<b>' }],
    ['an object that claims to be HTML', { isEscaped: true, isAsync: false, toString: () => '<b>' }],
    ['an object with the prototype of Html', Object.create(Html.prototype)],
    ['an object without a prototype', Object.create(null)],
    ['a date', new Date(0)],
    ['a map', new Map([['a', 'b']])],
    ['URLSearchParams', new URLSearchParams('a=b')],
    ['a Headers', new Headers({ a: 'b' })],
    ['an error', new Error('x')],
    ['a function', () => '<b>'],
    ['a class', class {}],
    ['a symbol', Symbol('s')],
    ['bytes', new Uint8Array([1])],
    ['a Buffer', Buffer.from('x')],
    ['an ArrayBuffer', new ArrayBuffer(1)],
    ['a DataView', new DataView(new ArrayBuffer(1))],
    ['a regular expression', /x/],
    ['a Number object', new Number(1)],
  ])('refuses %s, and names a remedy', (_name, value) => {
    const error = expect.objectContaining({
      code: 'ERR_WEB_USAGE',
      message: expect.stringMatching(/^html: line 1, at ".*\$\{…\}.*": .* cannot be printed; ./s),
    });
    expect(() => html`<p>${value as string}</p>`).toThrow(error);
    expect(() => html`<p>${[[value as string]]}</p>`).toThrow(error);
    expect(() => html`<p title="${value as string}">`).toThrow(error);
    expect(() => html`<p title=${value as string}>`).toThrow(error);
    expect(() => html`<a href="${value as string}">`).toThrow(error);
  });

  it('refuses arrays without an end instead of overflowing the stack', () => {
    const circular: unknown[] = [];
    circular.push(circular, circular);
    const endless = {
      *[Symbol.iterator]() {
        yield endless;
      },
    };
    let deep: unknown = 'x';
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    for (const value of [circular, endless, deep]) {
      expect(() => inText(value)).toThrow(/at most 100 levels/);
    }
  });

  it('passes on what an iterable throws', () => {
    const error = new Error('from the program');
    const broken = {
      [Symbol.iterator]() {
        throw error;
      },
    };
    expect(() => inText(broken)).toThrow(error);
  });

  it('prints an attribute that is one value: true as its name, and null, undefined and false not at all', () => {
    const input = (value: unknown) => String(html`<input a="b" disabled=${value as string} c>`);
    expect(input(true)).toBe('<input a="b" disabled c>');
    for (const value of [null, undefined, false]) expect(input(value)).toBe('<input a="b" c>');
    expect(input('')).toBe('<input a="b" disabled="" c>');
    expect(input(0)).toBe('<input a="b" disabled="0" c>');
    expect(input(['a', null, 'b'])).toBe('<input a="b" disabled="ab" c>');
    expect(String(html`<a href=${false}><br id=${null}/>`)).toBe('<a><br/>');
  });

  it('replaces URLs that are not allowed, also those that several values form', async () => {
    await recorded(() => {
      const [java, script] = ['java', 'script:x'];
      expect(String(html`<a href="${java}${script}">`)).toBe('<a href="about:blank#blocked">');
      expect(String(html`<a href="${java}script:${script}">`)).toBe('<a href="about:blank#blocked">');
      expect(String(html`<a href=${[java, script]}>`)).toBe('<a href="about:blank#blocked">');
      expect(String(html`<a href="${'javascript'}&colon;x">`)).toBe('<a href="about:blank#blocked">');
      expect(String(html`<a href="${'javascript'}&${'colon;x'}">`)).toBe('<a href="javascript&amp;colon;x">');
      expect(String(html`<a href="${unsafeHtml('javascript:x')}">`)).toBe('<a href="about:blank#blocked">');
      expect(String(html`<a href=${new URL('javascript:x')}>`)).toBe('<a href="about:blank#blocked">');
      expect(String(html`<img srcset="${'javascript:x'} 1x, /b 2x">`)).toBe(
        '<img srcset="about:blank#blocked">',
      );
    });
  });

  it('keeps URLs that are allowed', () => {
    const url = 'https://example.com/?a=1&b=2';
    const escaped = 'https://example.com/?a=1&amp;b=2';
    expect(String(html`<a href="${url}">`)).toBe(`<a href="${escaped}">`);
    expect(String(html`<a href=${new URL(url)}>`)).toBe(`<a href="${escaped}">`);
    expect(String(html`<a href="${url}&c=${3}&amp;d">`)).toBe(`<a href="${escaped}&amp;c=3&amp;d">`);
    expect(String(html`<a href="/user/${'a:b'}">`)).toBe('<a href="/user/a:b">');
    expect(String(html`<a href="${null}">`)).toBe('<a href="">');
  });

  it('warns of a refused URL once per place, with the scheme but not the rest', async () => {
    const link = (url: string) => html`<a href="${url}">`;
    const { records } = await recorded(() => {
      link('javascript:secret');
      link('data:secret');
      String(html`<img src=${'vbscript:secret'}>`);
    });
    expect(
      records.map(({ level, details }) => [level, details.tag, details.attribute, details.scheme]),
    ).toEqual([
      ['warn', 'a', 'href', 'javascript'],
      ['warn', 'img', 'src', 'vbscript'],
    ]);
    expect(JSON.stringify(records)).not.toContain('secret');
  });

  it('shows text as text and HTML as HTML in srcdoc', () => {
    const frame = (value: unknown) => String(html`<iframe srcdoc="${value as string}"></iframe>`);
    expect(frame('<b>&')).toBe('<iframe srcdoc="&amp;lt;b&amp;gt;&amp;amp;"></iframe>');
    expect(frame(html`<b>${'"'}</b>`)).toBe('<iframe srcdoc="&lt;b&gt;&amp;quot;&lt;/b&gt;"></iframe>');
    expect(String(html`<iframe srcdoc=${'<b>'}></iframe>`)).toBe(
      '<iframe srcdoc="&amp;lt;b&amp;gt;"></iframe>',
    );
  });

  it('[ATT-41] takes only JSON of jsonScript in a script', () => {
    const json = jsonScript({ a: '</script>' });
    expect(String(html`<script>const a = ${json};</script>`)).toBe(
      '<script>const a = {"a":"\\u003c/script\\u003e"};</script>',
    );
    for (const value of [
      'x',
      1,
      null,
      [json],
      unsafeHtml('1'),
      Promise.resolve(json),
      { toString: () => '1' },
    ]) {
      expect(() => html`<script>const a = ${value as string};</script>`).toThrow(
        /must be made by jsonScript\(value\)/,
      );
    }
  });

  it('keeps a line feed at the start of a textarea, which browsers would drop', () => {
    expect(String(html`<textarea name=a>${'\na'}</textarea>`)).toBe('<textarea name=a>\n\na</textarea>');
  });

  it('makes the only HTML: there is no constructor, and it must be the tag of a template', () => {
    const make = Html as unknown as new (key: unknown, text: string) => Html;
    const usage = expect.objectContaining({ code: 'ERR_WEB_USAGE' });
    expect(() => new make(Symbol('Html'), '<b>')).toThrow(usage);
    const call = html as unknown as (...values: unknown[]) => Html;
    for (const strings of ['<b>', ['<b>'], null, undefined, 1]) expect(() => call(strings)).toThrow(usage);
    expect(() => call(Object.assign(['a', 'b'], { raw: ['a', 'b'] }))).toThrow(usage);
    for (const text of [undefined, null, 1, html`<b>`])
      expect(() => unsafeHtml(text as unknown as string)).toThrow(usage);
  });

  it('reports a template that is invalid at each call', () => {
    const render = () => html`<!-- ${'a'} -->`;
    for (let call = 0; call < 2; call += 1) {
      expect(render).toThrow(expect.objectContaining({ code: 'ERR_WEB_TEMPLATE' }));
    }
    expect(() => html`\u{}`).toThrow(expect.objectContaining({ code: 'ERR_WEB_TEMPLATE' }));
  });
});
