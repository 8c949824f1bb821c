import { describe, expect, it } from 'vitest';
import { Finish, HTTPError } from '../../src/errors.ts';
import { EtaEngine, precompileTemplates } from '../../src/eta/index.ts';
import { TemplateError } from '../../src/templates/template-error.ts';
import { failure, rendered, Views } from './views.ts';

describe('an error in a template', () => {
  it('points to the file and the line, through includes and layouts [TP-08]', async () => {
    using views = new Views({
      'page.eta': '\n<% layout("base") %>\n\n<%~ include("parts/a", { user: it.user }) %>',
      'parts/a.eta': '<p>\n<%~ include("b") %>',
      'parts/b.eta': 'one\ntwo <%= 1 %>\n\n<b><%= it.user.name.first %></b>',
      'base.eta': '\n<%~ it.body %>\n<%= it.title.length %>',
    });
    const engine = views.engine();
    const error = thrownBy(() => engine.render('page', { user: {} }));
    expect(error).toBeInstanceOf(TemplateError);
    expect(error).toMatchObject({
      code: 'ERR_WEB_TEMPLATE',
      template: 'parts/b.eta',
      file: views.path('parts/b.eta'),
      line: 4,
      problem: "Cannot read properties of undefined (reading 'first')",
      message:
        "parts/b.eta:4: Cannot read properties of undefined (reading 'first') (included from parts/a.eta:2) " +
        '(included from page.eta:4)',
      trace: [
        { template: 'parts/a.eta', file: views.path('parts/a.eta'), line: 2, relation: 'include' },
        { template: 'page.eta', file: views.path('page.eta'), line: 4, relation: 'include' },
      ],
    });
    expect(error.cause).toBeInstanceOf(TypeError);
    const inLayout = thrownBy(() => engine.render('page', { user: { name: { first: 'a' } } }));
    expect(inLayout.message).toMatch(/^base\.eta:3: .* \(layout of page\.eta:2\)$/);
  });

  it.each([
    ['in an expression', 'a\n\n<%= it.x.y %>', 3],
    ['in a tag of several lines', 'a\n<%\nconst a = 1;\nthis_is_missing();\n%>', 4],
    ['after tags of several lines', '<%\n\nlet a = 1;\n%>\nx\n<%= a.b.c %>', 6],
    [
      'in a loop that was run before',
      '<% for (let i = 0; i < 2; i++) { %>\n<%= i && it.x.y %>\n\n<% } %>',
      2,
    ],
    ['after comments', '<% // one %>\n<% /* two\n */ %>\n<% it.x.y %>', 4],
    [
      'with two tags in a line',
      '<% let a %><% let b %>\n<% let c %><% let d %>\n<% let e %><%= it.x.y %>',
      3,
    ],
    ['with CRLF', 'a\r\n\r\n<%= it.x.y %>', 3],
    ['in a block', '<%~ block("a", () => { %>\n\n<%= it.x.y %><% }) %>', 3],
    ['in a callback', '<% [1].forEach(() => { %>\n<%= it.x.y %>\n<% }) %>', 2],
    ['in the first line', '<%= it.x.y %>', 1],
    ['with a value that is not an error', '\n<% throw "text" %>', 2],
    ['without a stack', '\n<% throw Object.assign(new Error("e"), { stack: undefined }) %>', 2],
    ['after an await', 'a\n<% await null %>\n<%= (await null).x %>', 3],
    ['in a promise', 'a\n\n<%= await it.late() %>', 3],
  ])('has the line %s [TP-03] [TP-08]', async (_, text, line) => {
    const late = () => Promise.reject(new Error('late'));
    expect(await failure(text, { late })).toMatchObject({
      code: 'ERR_WEB_TEMPLATE',
      line,
      template: 'page.eta',
    });
  });

  it('has the line in a precompiled template too [TP-08]', async () => {
    using views = new Views({ 'page.eta': 'a\n<%~ include("b") %>', 'b.eta': '\n\n<%= it.x.y %>' });
    const source = precompileTemplates({ views: views.folder });
    const module = await import(`data:text/javascript,${encodeURIComponent(source)}`);
    const error = thrownBy(() => new EtaEngine({ templates: module }).render('page', {}));
    expect(error.message).toMatch(/^b\.eta:3: .* \(included from page\.eta:2\)$/);
    expect(error.file).toBeUndefined();
  });

  it('keeps refusals of the request and a Finish as they are', async () => {
    for (const error of [new HTTPError(403), new Finish('early')]) {
      const run = () => {
        throw error;
      };
      expect(thrownBy(() => rendered('<% it.run() %>', { run }))).toBe(error);
      await expect(rendered('<% await null; it.run() %>', { run })).rejects.toBe(error);
    }
  });

  it('survives values whose inspection throws', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const run = () => {
      throw proxy;
    };
    expect((await failure('<% it.run() %>', { run })).message).toContain('cannot be read');
  });

  it('clips long messages, and keeps them on one line', async () => {
    const run = () => {
      throw new Error(`${'x'.repeat(10_000)}\nsecond line`);
    };
    const { message } = await failure('<% it.run() %>', { run });
    expect(message.length).toBeLessThan(1000);
    expect(message).not.toContain('\n');
  });
});

describe('an invalid template', () => {
  it.each([
    ['an unclosed tag', 'a\nb <%= it.x', 2, 'unclosed tag'],
    ['an unclosed string', '\n<%= "a %>\n', 2, 'unclosed string'],
    ['an unclosed comment', '<% /* %>', 1, 'unclosed comment'],
    ['an unclosed template literal', '\n\n<%= `a %>', 3, 'unclosed string'],
    ['a missing end', 'a\n<% if (it.x) { %>\nb\n', 2, 'closed by a tag <% } %>'],
    ['an extra end', 'a\n<% } %>\nb\n', 2, "Unexpected token '}'"],
    ['an else without if', 'a\n<% else { %>\n<% } %>', 2, "Unexpected token 'else'"],
    ['an empty expression', '\n<%= %>', 2, "Unexpected token ';'"],
    ['a syntax error', '\n\n<% const = 1 %>\n', 3, "Unexpected token '='"],
    [
      'a syntax error in a tag of several lines',
      '<%\nlet a = 1;\nlet a = 2;\n%>',
      3,
      'already been declared',
    ],
    ['a syntax error in an expression', 'x\n<%= it. %>\n', 2, 'Unexpected token'],
    [
      'an await in a callback',
      '<% await 1 %>\n<% [1].map(() => { %><%= await 1 %><% }) %>',
      2,
      'await is only valid',
    ],
    ['an unknown operator', '<%= it.x @@ 1 %>', 1, 'Invalid or unexpected token'],
    ['a break outside a loop', '\n<% break %>', 2, 'break'],
    ['a comment of HTML', 'a\n<% const a = 1 <!-- x\n %>A<%= a %>', 2, 'comments of HTML'],
    ['a comment of HTML after a value', '\n<%= it.x <!-- y\n %>', 2, 'comments of HTML'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code of the template
    ['a comment of HTML in a template literal', '<%= `${1 <!-- y\n}` %>', 1, 'comments of HTML'],
    ['the end of a comment of HTML', '\n<% let a = 1\n--> x\n %>', 3, 'comments of HTML'],
    ['the end of a comment of HTML after another', '<% let a = 1 /*\n*/ --> x\n %>', 2, 'comments of HTML'],
    ['await as a name', '<% let await = 1 %>', 1, 'reserved word'],
    ['await as a name in a function', '\n<% function f() { let await = 1; return await } %>', 2, 'await'],
    ['await as a parameter', '\n<% function f(await) {} %>', 2, 'await'],
    ['await called in a function', '\n\n<% [1].map(() => await (1)) %>', 3, 'await'],
    ['an octal number', '<%= 010 %>', 1, 'Octal'],
    ['an octal escape', '<%= "\\010" %>', 1, 'Octal'],
    ['a name that modules reserve', '<% let yield = 1 %>', 1, 'Unexpected'],
    ['import.meta', '<%= import.meta.url %>', 1, 'import.meta'],
    ['code after its function', '<% await 1; }})(); (async () => {{ await 1 %>', 1, ''],
    ['an assignment to an undeclared name of strict mode', '<% with (it) { %><% } %>', 1, 'with'],
  ])('with %s names the line [TP-03]', async (_, text, line, problem) => {
    const error = await failure(text);
    expect(error).toMatchObject({ code: 'ERR_WEB_TEMPLATE', template: 'page.eta', line });
    expect(error.message).toContain(problem);
  });

  it('does not get into messages with its source', async () => {
    for (const text of [
      '<%= it.password = "hunter2',
      '<% const hunter2 = = %>',
      '<% it.x.hunter2() %>hunter2',
    ]) {
      expect((await failure(text)).message).not.toContain('password');
    }
    expect((await failure('hunter2 <%= it. %>')).message).not.toContain('hunter2');
  });

  it('is found by load, before the first request', () => {
    using views = new Views({ 'a.eta': 'fine', 'b/c.eta': '<% } %>', 'other.txt': '<% } %>' });
    const engine = views.engine();
    expect(() => engine.load()).toThrow('b/c.eta:1');
    views.write({ 'b/c.eta': 'fine' });
    expect(engine.load()).toBe(2);
  });

  it('is read again until it is valid', () => {
    using views = new Views({ 'page.eta': '<% } %>' });
    const engine = views.engine({ cache: true });
    expect(() => engine.render('page', {})).toThrow(TemplateError);
    views.write({ 'page.eta': 'fine' });
    expect(engine.render('page', {})).toBe('fine');
  });
});

describe('a large template', () => {
  it('takes time in proportion to its size', () => {
    const text = '<li><%= it.x %></li>\n'.repeat(20_000);
    expect((rendered(text, { x: 1 }) as string).length).toBe('<li>1</li>\n'.length * 20_000);
  });

  it('is refused if it is too large', async () => {
    expect((await failure(' '.repeat(8 * 1024 * 1024 + 1))).message).toContain('more than 8388608 bytes');
  });
});

function thrownBy(run: () => unknown): TemplateError {
  try {
    run();
  } catch (error) {
    return error as TemplateError;
  }
  throw new Error('nothing was thrown');
}
