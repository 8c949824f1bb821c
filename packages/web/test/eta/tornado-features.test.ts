// What the features of Tornado's templates become: each item of TP has one example.
import { describe, expect, it } from 'vitest';
import { html, unsafeHtml } from '../../src/html/html.ts';
import { rendered, Views } from './views.ts';

describe('EtaEngine, for those who come from Tornado', () => {
  it('compiles templates to JavaScript, with arbitrary expressions [TP-01]', () => {
    const text = '<%= it.items.filter((n) => n > 1).map((n) => n ** 2).join("-") %>';
    expect(rendered(text, { items: [1, 2, 3] })).toBe('4-9');
  });

  it('escapes what it prints, unless told otherwise [TP-02]', () => {
    const namespace = { text: `<b a="x" b='y'>&`, markup: html`<i>${'<'}</i>` };
    expect(rendered('<%= it.text %>', namespace)).toBe('&lt;b a=&quot;x&quot; b=&#39;y&#39;&gt;&amp;');
    expect(rendered('<%~ it.text %>', namespace)).toBe(namespace.text);
    expect(rendered('<%= it.markup %>', namespace)).toBe('<i>&lt;</i>');
    expect(rendered('<script>x = <%= jsonScript(["</script>"]) %></script>')).toBe(
      '<script>x = ["\\u003c/script\\u003e"]</script>',
    );
  });

  it('has comments, and prints its own delimiters from a string [TP-02]', () => {
    expect(rendered('a<% /* <%= it.missing.x %> */ %>b<% // c %>\nd<%= "<%" %>')).toBe('abd&lt;%');
  });

  it.each([
    ['if, elif, else', '<% if (it.n > 2) { %>a<% } else if (it.n > 1) { %>b<% } else { %>c<% } %>', 'b'],
    ['if without braces', '<% if (it.n > 2) %>a<% else %>b', 'b'],
    ['for', '<% for (const x of it.list) { %>[<%= x %>]<% } %>', '[1][2][3]'],
    ['while', '<% let i = 0; while (i < 3) { %><%= i++ %><% } %>', '012'],
    ['break and continue', '<% for (const x of it.list) { if (x === 2) continue; %><%= x %><% } %>', '13'],
    ['try, except, finally', '<% try { %><%= it.a.b %><% } catch { %>no<% } finally { %>!<% } %>', 'no!'],
    ['set', '<% const x = it.n + 1 %><%= x %>', '3'],
    ['switch', '<% switch (it.n) { %>\n<% case 2: %>two<% break %>\n<% default: %>?\n<% } %>', 'two'],
    ['apply', '<%= capture(() => { %>a<%= it.n %><% }).toString().toUpperCase() %>', 'A2'],
    ['callbacks', '<% it.list.forEach((x) => { %><%= x %>,<% }) %>', '1,2,3,'],
  ])('has the blocks of JavaScript: %s [TP-03]', (_, text, expected) => {
    expect(rendered(text, { n: 2, list: [1, 2, 3] })).toBe(expected);
  });

  it('imports modules, relative to the template [TP-03]', async () => {
    using views = new Views({
      'a/page.eta': '<% const { twice } = await import("../twice.mjs") %><%= twice(2) %>',
      'twice.mjs': 'export const twice = (n) => 2 * n;',
    });
    expect(await views.engine().render('a/page', {})).toBe('4');
  });

  it('does not escape in templates that are declared to be plain text [TP-05]', () => {
    const files = { 'page.eta': '<%= it.x %>|<%~ include("mail.txt") %>', 'mail.txt.eta': '<%= it.x %>' };
    expect(rendered(files, { x: '<' }, { plainText: ['.txt.eta'] })).toBe('&lt;|<');
    expect(rendered(files, { x: '<' })).toBe('&lt;|&lt;');
  });

  it('keeps the mode of a block with the file it comes from [TP-05]', () => {
    const files = {
      'page.eta': '<% layout("base.txt") %><% block("a", () => { %><%= it.x %><% }) %>',
      'base.txt.eta': '<%~ block("a") %>|<%= it.x %>',
    };
    expect(rendered(files, { x: '<' }, { plainText: ['.txt.eta'] })).toBe('&lt;|<');
  });

  describe('white space [TP-06]', () => {
    const text = ' a  \n\n  b \t c\n<% if (1) { %>\n d <% } -%>\n e\n';

    it.each([
      [{}, ' a  \n\n  b \t c\n d  e\n'],
      [{ autoTrim: false }, ' a  \n\n  b \t c\n\n d  e\n'],
      [{ autoTrim: 'slurp' }, ' a  \n\n  b \t cd e\n'],
      [{ autoTrim: ['nl', false] }, ' a  \n\n  b \t c\n d  e\n'],
      [{ whitespace: 'single' }, ' a\nb c\n d  e\n'],
      [{ whitespace: 'oneline' }, ' a b c  d  e '],
    ] as const)('follows the options %j', (options, expected) => {
      expect(rendered(text, {}, options)).toBe(expected);
    });

    it('is removed by the marks of tags', () => {
      expect(rendered('a \n <%_ if (1) { _%> \n b \n<%- } %>')).toBe('ab ');
    });

    it('stays in templates with <pre> or <textarea>', () => {
      const kept = '<PRE>a\n\n  b</PRE>';
      expect(rendered(kept, {}, { whitespace: 'oneline' })).toBe(kept);
    });
  });

  it('calls the functions of the program, and has a few of its own [TP-07]', () => {
    const functions = { money: (cents: number) => `${(cents / 100).toFixed(2)} €` };
    const text = '<%= money(it.price) %> <%= escapeHtml("<") %> <%= unsafeHtml("<br>") %>';
    expect(rendered(text, { price: 1999 }, { functions })).toBe('19.99 € &amp;lt; <br>');
  });

  it('lets a template use a name of the engine for something else [TP-07]', () => {
    expect(rendered('<% const include = 1, $ = 2 %><%= include + $ %>')).toBe('3');
  });

  it('waits for asynchronous expressions [TP-09]', async () => {
    const text = '<% for await (const x of it.items()) { %><%= x %>,<% } %><%= await it.later %>';
    const items = async function* () {
      yield 1;
      yield '<';
    };
    const result = rendered(text, { items, later: Promise.resolve(unsafeHtml('<hr>')) });
    expect(result).toBeInstanceOf(Promise);
    expect(await result).toBe('1,&lt;,<hr>');
  });

  it('makes no promise for a template without await [TP-09]', () => {
    expect(rendered('x')).toBe('x');
  });

  it('runs templates in strict mode, so that a forgotten declaration is not shared by all requests [TP-09]', () => {
    expect(() => rendered('<% leaked = 1 %>')).toThrow('page.eta:1: leaked is not defined');
    expect('leaked' in globalThis).toBe(false);
  });
});

describe('the values that EtaEngine prints', () => {
  it.each([
    [null, ''],
    [undefined, ''],
    [true, ''],
    [false, ''],
    [0, '0'],
    [10n, '10'],
    [['<', [html`<b>`, null], 1], '&lt;<b>1'],
    [new Set([1, 2]), '12'],
  ])('%s is printed as by html', (value, expected) => {
    expect(rendered('<%= it.value %>', { value })).toBe(expected);
  });

  it.each([
    [
      'a promise',
      () => Promise.reject(new Error('late')),
      '<%=: the value is asynchronous: write <%= await value %>',
    ],
    ['an async Html', () => html`${Promise.resolve(1)}`, 'await value.toPromise()'],
    ['a function', () => () => 'secret', 'call it'],
    ['an object', () => ({ a: 1 }), 'cannot be printed'],
    ['a symbol', () => Symbol('s'), 'cannot be printed'],
  ])('%s is refused', (_, make, problem) => {
    expect(() => rendered('<%= it.value %>', { value: make() })).toThrow(problem);
  });
});
