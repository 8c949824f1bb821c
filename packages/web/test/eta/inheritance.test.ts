import { describe, expect, it } from 'vitest';
import { failure, rendered, Views } from './views.ts';

const BASE = `<title><%~ block('title', () => { %>Site<% }) %></title><%~ block('main', () => { %>
[<%~ block('inner', () => { %>base inner<% }) %>]<% }) %>|<%= it.body %>`;

describe('layouts and blocks', () => {
  it('replace the blocks that a template defines, and keep the others [TP-04]', () => {
    const page = '<% layout("base") %>ignored?<% block("title", () => { %>Page <%= it.n %><% }) %>';
    expect(rendered({ 'base.eta': BASE, 'page.eta': page }, { n: '<1>' })).toBe(
      '<title>Page &lt;1&gt;</title>[base inner]|ignored?',
    );
  });

  it('work over several levels, with blocks in blocks [TP-04]', () => {
    const files = {
      'base.eta': BASE,
      'section.eta':
        '<% layout("base") %><% block("title", () => { %>Section<% }) %><% block("main", () => { %>' +
        'section{<%~ block("inner", () => { %>section inner<% }) %>}<% }) %>',
      'page.eta': '<% layout("section") %><% block("inner", () => { %>page inner<% }) %>',
    };
    expect(rendered(files)).toBe('<title>Section</title>section{page inner}|');
    expect(rendered({ ...files, 'page.eta': '<% layout("section") %>' })).toBe(
      '<title>Section</title>section{section inner}|',
    );
    const whole = '<% layout("section") %><% block("main", () => { %>all<% }) %>';
    expect(rendered({ ...files, 'page.eta': whole })).toBe('<title>Section</title>all|');
  });

  it('evaluate only the block of the most derived template [TP-04]', () => {
    const files = {
      'base.eta': '<%~ block("a", () => { %><%= it.never.x %><% }) %>',
      'page.eta': '<% layout("base") %><% block("a", () => { %>page<% }) %>',
    };
    expect(rendered(files)).toBe('page');
  });

  it('may print a block in two places, and ask for one without content [TP-04]', () => {
    const files = {
      'base.eta': '<%~ block("a") %><%~ block("a") %><%~ block("b") %>',
      'page.eta': '<% layout("base") %><% block("a", () => { %>x<% }) %>',
    };
    expect(rendered(files)).toBe('xx');
  });

  it('pass data to the layout, which may hide that of the page', () => {
    const files = {
      'base.eta': '<%= it.title %>,<%= it.user %>,<%~ it.body %>',
      'page.eta': '<% layout("base", { title: "T" }) %><%= it.title %>',
    };
    expect(rendered(files, { title: 'mine', user: 'ada' })).toBe('T,ada,mine');
  });

  it('wait for asynchronous blocks and layouts [TP-09]', async () => {
    const files = {
      'base.eta': '<%= await it.user %>:<%~ block("a") %>',
      'page.eta': '<% layout("base") %><% await blockAsync("a", async () => { %><%= await it.x %><% }) %>',
      'sync.eta': '<% layout("base") %><% block("a", () => { %>s<% }) %>',
    };
    const namespace = { user: Promise.resolve('ada'), x: Promise.resolve('<x>') };
    expect(await rendered(files, namespace)).toBe('ada:&lt;x&gt;');
    using views = new Views(files);
    expect(await views.engine().render('sync', namespace)).toBe('ada:s');
  });

  it('lose nothing that is printed while a value is awaited', async () => {
    const text = 'a<%= await it.x %>b<%~ await captureAsync(async () => { %>c<%= await it.x %><% }) %>d';
    expect(await rendered(text, { x: Promise.resolve(1) })).toBe('a1bc1d');
  });

  it.each([
    [
      'a block that is not awaited',
      '<% blockAsync("a", async () => { %>x<%= await 1 %><% }) %>',
      'was not awaited',
    ],
    [
      'overlapping captures',
      '<% await Promise.all([1, 2].map((n) => captureAsync(async () => { await n }))) %>',
      'overlap',
    ],
    [
      'an asynchronous content',
      '<% block("a", async () => { %><%= await 1 %><% }) %>',
      'the content is asynchronous',
    ],
    ['no content', '<%~ capture("a") %>', 'the content must be a function'],
    ['data that is not an object', '<%~ include("page", 1) %>', 'include: the data must be an object'],
    ['data of a promise', '<% layout("page", Promise.resolve({})) %>', 'layout: the data must be an object'],
  ])('refuse %s', async (_, text, problem) => {
    expect(await failure(text)).toMatchObject({ code: 'ERR_WEB_TEMPLATE', line: 1 });
    expect((await failure(text)).message).toContain(problem);
  });
});

describe('include', () => {
  it('is relative to the including template, or to the views folder [TP-04]', () => {
    const files = {
      'page.eta': '<%~ include("parts/a") %><%~ include("./parts/a.eta") %>',
      'parts/a.eta': '(<%~ include("b", { n: 1 }) %><%~ include("../c") %><%~ include("/parts/b") %>)',
      'parts/b.eta': 'b<%= it.n %>',
      'c.eta': 'c',
    };
    expect(rendered(files, { n: 0 })).toBe('(b1cb0)(b1cb0)');
  });

  it('passes the namespace with its getters, and data that may hide it [TP-04]', () => {
    const namespace = Object.create({
      get user() {
        return 'ada';
      },
    });
    const files = {
      'page.eta': '<%~ include("a", { n: 1 }) %><%= it.n %>',
      'a.eta': '<%= it.user %><%= it.n %>',
    };
    expect(rendered(files, namespace)).toBe('ada1');
  });

  it('does not change prototypes by data with a key __proto__', () => {
    const data = JSON.parse('{"__proto__": {"polluted": 1}, "n": 2}');
    const files = {
      'page.eta': '<%~ include("a", it.data) %>',
      'a.eta': '<%= it.n %><%= it.polluted %><%= it.x %>',
    };
    expect(rendered(files, { data, x: 3 })).toBe('23');
  });

  it('names the remedy for an asynchronous template [TP-09]', async () => {
    const files = { 'page.eta': '\n<%~ include("a") %>', 'a.eta': '<%= await 1 %>' };
    const error = await failure(files);
    expect(error.message).toBe(
      'page.eta:2: include: a.eta or its layout is asynchronous: write await includeAsync instead of include',
    );
    expect(await rendered({ ...files, 'page.eta': '<%~ await includeAsync("a") %>' })).toBe('1');
    const viaLayout = { ...files, 'b.eta': '<% layout("a") %>', 'page.eta': '<%~ include("b") %>' };
    expect((await failure(viaLayout)).message).toContain('asynchronous');
  });

  it.each([
    ['include', '<%~ include("page") %>'],
    ['includeAsync', '<%~ await includeAsync("page") %>'],
    ['layout', '<% layout("page") %>'],
  ])('ends a template that contains itself by %s', async (_, text) => {
    const error = await failure(text);
    expect(error.message).toContain('nested more than 100 levels deep');
    expect(error.message.length).toBeLessThan(2000);
  });
});
