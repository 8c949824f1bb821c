// What the chapter "Templates and UI" of Tornado's guide shows, as programs for this package, each complete: nothing but
// its public names, and Node's `fetch` as the client. Templates in files are Eta's; the same pages as functions are
// written with `html`.
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EtaEngine } from '../../src/eta/index.ts';
import {
  Application,
  type Html,
  html,
  jsonScript,
  Locales,
  RequestHandler,
  type TemplateEngine,
  type TemplateView,
  UIModule,
  unsafeHtml,
} from '../../src/index.ts';
import { linkify } from '../../src/linkify/index.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const local = { port: 0, host: '127.0.0.1' };

/** The folder of the templates of one test. */
let views: string;

beforeEach(async () => {
  views = await mkdtemp(path.join(tmpdir(), 'landspout-views-'));
});
afterEach(() => rm(views, { recursive: true }));

describe('a page', () => {
  it('is a file with a list, and data that the handler passes [RN-01] [TP-02]', async () => {
    await writeFile(
      path.join(views, 'template.eta'),
      `<html>
<head><title><%= it.title %></title></head>
<body><ul>
<% for (const item of it.items) { %>
  <li><%= item %></li>
<% } %>
</ul></body>
</html>
`,
    );
    class Main extends RequestHandler {
      override get() {
        return this.render('template', { title: 'My title', items: ['Item 1', 'Item <2>', 'Item 3'] });
      }
    }
    const app = new Application([['/', Main]], { templateEngine: new EtaEngine({ views }) });
    await using server = await app.listen(local);
    const response = await fetch(server.url);
    expect(response.headers.get('Content-Type')).toBe('text/html; charset=UTF-8');
    expect(await response.text()).toBe(`<html>
<head><title>My title</title></head>
<body><ul>
  <li>Item 1</li>
  <li>Item &lt;2&gt;</li>
  <li>Item 3</li>
</ul></body>
</html>
`);
  });

  it('is a function, without an engine, whose data are checked by the compiler [RN-01] [TP-02]', async () => {
    interface List {
      readonly title: string;
      readonly items: readonly string[];
    }
    const page = ({ title, items }: List): Html => html`<h1>${title}</h1>
<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;

    class Main extends RequestHandler {
      override get() {
        return this.render(page, { title: 'My title', items: ['Item 1', 'Item <2>'] });
      }
    }
    await using server = await new Application([['/', Main]]).listen(local);
    expect(await (await fetch(server.url)).text()).toBe(
      '<h1>My title</h1>\n<ul><li>Item 1</li><li>Item &lt;2&gt;</li></ul>',
    );
  });

  it('may be rendered to text, for example for a mail, before the response is written [RN-01]', async () => {
    await writeFile(path.join(views, 'mail.txt.eta'), 'Dear <%= it.name %>,\nwelcome & enjoy.\n');
    class Welcome extends RequestHandler {
      override async get(): Promise<void> {
        this.writeJson({ mail: await this.renderString('mail.txt', { name: 'Ann & Bo' }) });
      }
    }
    const templateEngine = new EtaEngine({ views, plainText: ['.txt.eta'] });
    await using server = await new Application([['/', Welcome]], { templateEngine }).listen(local);
    expect(await (await fetch(server.url)).json()).toEqual({
      mail: 'Dear Ann & Bo,\nwelcome & enjoy.\n',
    });
  });

  it('may come from any engine with a method render [RN-01] [TP-01]', async () => {
    const texts = new Map([['hello', 'Hello, {name}!']]);
    const templateEngine: TemplateEngine = {
      render(name, namespace) {
        const values = namespace as Record<string, unknown>;
        return (texts.get(name) ?? '').replace(/\{(\w+)\}/g, (_, key: string) => String(values[key]));
      },
    };
    class Main extends RequestHandler {
      override get() {
        return this.render('hello', { name: 'world' });
      }
    }
    await using server = await new Application([['/', Main]], { templateEngine }).listen(local);
    expect(await (await fetch(server.url)).text()).toBe('Hello, world!');
  });

  it('is read once, or again when its file changes if the application has debug [TP-08] [RN-01]', async () => {
    class Main extends RequestHandler {
      override get() {
        return this.render('page');
      }
    }
    const file = path.join(views, 'page.eta');
    await writeFile(file, 'old');
    const routes = [['/', Main]] as const;
    const cached = new Application([...routes], { templateEngine: new EtaEngine({ views }) });
    const fresh = new Application([...routes], {
      templateEngine: new EtaEngine({ views }),
      debug: true,
      logFunction: () => {},
      logger: silent,
    });
    await using production = await cached.listen(local);
    await using development = await fresh.listen(local);
    const both = (): Promise<string[]> =>
      Promise.all([production, development].map(async ({ url }) => (await fetch(url)).text()));
    expect(await both()).toEqual(['old', 'old']);
    await writeFile(file, 'new');
    await utimes(file, new Date(), new Date(Date.now() + 60_000));
    expect(await both()).toEqual(['old', 'new']);
  });
});

describe('the syntax of templates', () => {
  it('has every statement of JavaScript, and comments [TP-03]', async () => {
    await writeFile(
      path.join(views, 'page.eta'),
      `<%/* a comment, which is not sent */%>
<% if (it.count > 1) { %>
many
<% } else if (it.count === 1) { %>
one
<% } else { %>
none
<% } %>
<% for (const [at, word] of it.words.entries()) { %>
<% if (word === 'skip') continue; %>
<% if (word === 'stop') break; %>
<%= at %>:<%= word %>,
<% } %>
<% try { %>
<%= it.missing.name %>
<% } catch (error) { %>
caught <%= error.name %>
<% } finally { %>
. Finally
<% } %>
<% const total = it.words.length * 2; %>
 <%= total %>
<% const shout = (text) => text.toUpperCase(); %>
 <%= shout('loud') %>
<% let rest = 3; while (rest > 0) { rest -= 1; %>
!
<% } %>
`,
    );
    class Main extends RequestHandler {
      override get() {
        return this.render('page', { count: 1, words: ['a', 'skip', 'b', 'stop', 'c'] });
      }
    }
    const app = new Application([['/', Main]], { templateEngine: new EtaEngine({ views }) });
    await using server = await app.listen(local);
    expect((await (await fetch(server.url)).text()).replace(/\s+/g, ' ').trim()).toBe(
      'one 0:a, 2:b, caught TypeError. Finally 10 LOUD! ! !',
    );
  });

  it('sees the handler, its request and its user, and makes URLs and the field against forgery [RN-01] [RN-04]', async () => {
    await writeFile(
      path.join(views, 'page.eta'),
      `<p><%= it.handler.constructor.name %> <%= it.request.method %> <%= it.currentUser %></p>
<link href="<%= it.staticUrl('style.css', { includeVersion: false }) %>">
<a href="<%= it.reverseUrl('/story/:id', { id: 7 }) %>">7</a>
<form method="post"><%= it.xsrfFormHtml() %></form>`,
    );
    class Story extends RequestHandler<'/story/:id'> {
      override getCurrentUser(): string {
        return 'Ann <ann@example.com>';
      }
      override get() {
        return this.render('page');
      }
      override post(): void {
        this.write('posted');
      }
    }
    const app = new Application([['/story/:id', Story]], {
      templateEngine: new EtaEngine({ views }),
      staticPath: views,
      xsrfCookies: true,
      logger: silent,
    });
    await using server = await app.listen(local);
    const response = await fetch(`${server.url}/story/1`);
    const [first, link, story, form = ''] = (await response.text()).split('\n');
    expect([first, link, story]).toEqual([
      '<p>Story GET Ann &lt;ann@example.com&gt;</p>',
      '<link href="/static/style.css">',
      '<a href="/story/7">7</a>',
    ]);
    const [, token = ''] = /<input type="hidden" name="_xsrf" value="([^"]+)">/.exec(form) ?? [];
    const [cookie = ''] = response.headers.getSetCookie().map((line) => line.split(';', 1)[0] ?? '');
    const post = (fields: Record<string, string>): Promise<Response> =>
      fetch(`${server.url}/story/1`, {
        method: 'POST',
        headers: { Cookie: cookie },
        body: new URLSearchParams(fields),
      });
    expect(await (await post({ _xsrf: token })).text()).toBe('posted');
    expect((await post({})).status).toBe(403);
  });

  it('has functions of the program under their own names [TP-07]', async () => {
    await writeFile(
      path.join(views, 'page.eta'),
      `<%= money(1234.5) %> <%= encodeURIComponent('a b&c') %> <%= new Date(0).toISOString() %> <%= linked('at https://example.com') %>`,
    );
    class Main extends RequestHandler {
      override get() {
        return this.render('page');
      }
    }
    const templateEngine = new EtaEngine({
      views,
      functions: {
        money: (value: number) => `€${value.toFixed(2)}`,
        linked: (text: string) => linkify(text),
      },
    });
    await using server = await new Application([['/', Main]], { templateEngine }).listen(local);
    expect(await (await fetch(server.url)).text()).toBe(
      '€1234.50 a%20b%26c 1970-01-01T00:00:00.000Z at <a href="https://example.com">https://example.com</a>',
    );
  });

  it('may wait for values, in files and in functions [TP-09]', async () => {
    await writeFile(path.join(views, 'page.eta'), '<p><%= await it.story %></p>');
    class FromFile extends RequestHandler {
      override get() {
        return this.render('page', { story: Promise.resolve('once & again') });
      }
    }
    class FromFunction extends RequestHandler {
      override get() {
        return this.render(html`<p>${Promise.resolve('once & again')}</p>`);
      }
    }
    const app = new Application(
      [
        ['/file', FromFile],
        ['/function', FromFunction],
      ],
      { templateEngine: new EtaEngine({ views }) },
    );
    await using server = await app.listen(local);
    for (const url of ['/file', '/function']) {
      expect(await (await fetch(server.url + url)).text()).toBe('<p>once &amp; again</p>');
    }
  });

  it('keeps white space, or makes less of it, but not where it can be seen [TP-06]', async () => {
    await writeFile(path.join(views, 'page.eta'), '<p>\n\n  one   two\n</p>\n<b><%= it.value %></b>');
    await writeFile(path.join(views, 'code.eta'), '<pre>\n\n  one   two\n</pre>');
    class Main extends RequestHandler {
      override get() {
        return this.render(this.getArgument('page'), { value: 'a   b' });
      }
    }
    const pages: Record<string, string[]> = {};
    for (const whitespace of ['all', 'single', 'oneline'] as const) {
      const templateEngine = new EtaEngine({ views, whitespace });
      await using server = await new Application([['/', Main]], { templateEngine }).listen(local);
      const get = async (page: string): Promise<string> =>
        (await fetch(`${server.url}/?page=${page}`)).text();
      pages[whitespace] = [await get('page'), await get('code')];
    }
    const code = '<pre>\n\n  one   two\n</pre>';
    expect(pages).toEqual({
      all: ['<p>\n\n  one   two\n</p>\n<b>a   b</b>', code],
      single: ['<p>\none two\n</p>\n<b>a   b</b>', code],
      oneline: ['<p> one two </p> <b>a   b</b>', code],
    });
  });
});

describe('a layout', () => {
  it('is a file with blocks, which the pages below it replace or keep [TP-04]', async () => {
    await writeFile(
      path.join(views, 'base.eta'),
      `<title><%= block('title', () => { %>Default title<% }) %></title>
<ul>
<%= block('student', () => { %>
<li>nobody</li>
<% }) %>
</ul>
`,
    );
    await writeFile(
      path.join(views, 'bold.eta'),
      `<% layout('base') %>
This text is in no block, and is not sent.
<% block('title', () => { %>A bolder title<% }) %>
<% block('student', () => { %>
<% for (const student of it.students) { %>
<li><b><%= student %></b></li>
<% } %>
<% }) %>
`,
    );
    await writeFile(path.join(views, 'plain.eta'), "<% layout('/base') %>\n");
    await mkdir(path.join(views, 'below'));
    await writeFile(
      path.join(views, 'below/bolder.eta'),
      "<% layout('../bold') %><% block('title', () => { %>The boldest title<% }) %>",
    );
    class Main extends RequestHandler {
      override get() {
        return this.render(this.getArgument('page'), { students: ['Ann', 'B<o>'] });
      }
    }
    const app = new Application([['/', Main]], { templateEngine: new EtaEngine({ views }) });
    await using server = await app.listen(local);
    const page = async (name: string): Promise<string> => (await fetch(`${server.url}/?page=${name}`)).text();
    const list = '<ul>\n<li><b>Ann</b></li>\n<li><b>B&lt;o&gt;</b></li>\n</ul>\n';
    expect(await page('bold')).toBe(`<title>A bolder title</title>\n${list}`);
    expect(await page('plain')).toBe('<title>Default title</title>\n<ul>\n<li>nobody</li>\n</ul>\n');
    expect(await page('below/bolder')).toBe(`<title>The boldest title</title>\n${list}`);
  });

  it('may print the whole page below it, and included files see what their page sees [TP-04]', async () => {
    await mkdir(path.join(views, 'parts'));
    await writeFile(path.join(views, 'base.eta'), "<%= include('parts/head') %><main><%= it.body %></main>");
    await writeFile(
      path.join(views, 'parts/head.eta'),
      "<h1><%= it.title %></h1><%= include('line', { text: 'by ' + it.author }) %>",
    );
    await writeFile(path.join(views, 'parts/line.eta'), '<p><%= it.text %>, <%= it.title %></p>');
    await writeFile(
      path.join(views, 'page.eta'),
      "<% layout('base', { author: 'Ann & Bo' }) %><%= it.text %>",
    );
    class Main extends RequestHandler {
      override get() {
        return this.render('page', { title: 'Title', text: '<text>' });
      }
    }
    const app = new Application([['/', Main]], { templateEngine: new EtaEngine({ views }) });
    await using server = await app.listen(local);
    expect(await (await fetch(server.url)).text()).toBe(
      '<h1>Title</h1><p>by Ann &amp; Bo, Title</p><main>&lt;text&gt;</main>',
    );
  });

  it('is a function that takes HTML, for pages written with html [TP-04] [RN-01]', async () => {
    const layout = (title: string, view: TemplateView, content: Html): Html =>
      html`<title>${title}</title><nav>${view.request.path}</nav><main>${content}</main>`;
    const home = ({ students }: { readonly students: readonly string[] }, view: TemplateView): Html =>
      layout('A & B', view, html`<ul>${students.map((student) => html`<li>${student}</li>`)}</ul>`);

    class Main extends RequestHandler {
      override get() {
        return this.render(home, { students: ['Ann', 'B<o>'] });
      }
    }
    await using server = await new Application([['/home', Main]]).listen(local);
    expect(await (await fetch(`${server.url}/home`)).text()).toBe(
      '<title>A &amp; B</title><nav>/home</nav><main><ul><li>Ann</li><li>B&lt;o&gt;</li></ul></main>',
    );
  });
});

describe('escaping', () => {
  it('is done for every value, unless the value is HTML or the template asks for the raw value [TP-02] [TP-05]', async () => {
    await writeFile(
      path.join(views, 'page.eta'),
      '<p title="<%= it.text %>"><%= it.text %></p><%= it.markup %><%~ it.text %><%= [it.text, it.markup, 1, null, true] %>',
    );
    const text = `<b class='a'>"&"</b>`;
    class FromFile extends RequestHandler {
      override get() {
        return this.render('page', { text, markup: unsafeHtml('<hr>') });
      }
    }
    class FromFunction extends RequestHandler {
      override get() {
        const markup = html`<hr>`;
        return this.render(
          html`<p title="${text}">${text}</p>${markup}${unsafeHtml(text)}${[text, markup, 1, null, true]}`,
        );
      }
    }
    const app = new Application(
      [
        ['/file', FromFile],
        ['/function', FromFunction],
      ],
      { templateEngine: new EtaEngine({ views }) },
    );
    await using server = await app.listen(local);
    const file = await (await fetch(`${server.url}/file`)).text();
    const escaped = file.slice('<p title="'.length, file.indexOf('">'));
    expect(escaped).toMatch(/^&lt;b class=&#(39|x27);a&#(39|x27);&gt;&quot;&amp;&quot;&lt;\/b&gt;$/);
    expect(file).toBe(`<p title="${escaped}">${escaped}</p><hr>${text}${escaped}<hr>1`);
    expect(await (await fetch(`${server.url}/function`)).text()).toBe(file);
  });

  it('of data for a script is JSON that cannot end the script [TP-07] [ATT-41]', async () => {
    await writeFile(
      path.join(views, 'page.eta'),
      '<script>const data = <%= jsonScript(it.data) %>;</script>',
    );
    const data = { text: '</script><script>alert(1)</script><!--', line: '\u2028' };
    class FromFile extends RequestHandler {
      override get() {
        return this.render('page', { data });
      }
    }
    class FromFunction extends RequestHandler {
      override get() {
        return this.render(html`<script>const data = ${jsonScript(data)};</script>`);
      }
    }
    const app = new Application(
      [
        ['/file', FromFile],
        ['/function', FromFunction],
      ],
      { templateEngine: new EtaEngine({ views }) },
    );
    await using server = await app.listen(local);
    for (const url of ['/file', '/function']) {
      const page = await (await fetch(server.url + url)).text();
      expect(page.match(/<\/?script|<!--/g)).toEqual(['<script', '</script']);
      const [, json = ''] = /const data = (.*);/.exec(page) ?? [];
      expect(JSON.parse(json)).toEqual(data);
    }
  });

  it('knows the place of a value in html: URLs that run code are blocked, and other places are refused [TP-02]', async () => {
    class Link extends RequestHandler {
      override get() {
        return this.render(html`<a href=${this.getArgument('url')}>link</a>`);
      }
    }
    class Comment extends RequestHandler {
      override get() {
        return this.render(html`<!-- ${this.getArgument('url')} -->`);
      }
    }
    const app = new Application(
      [
        ['/link', Link],
        ['/comment', Comment],
      ],
      { logger: silent },
    );
    await using server = await app.listen(local);
    const linkTo = async (url: string): Promise<string> =>
      (await fetch(`${server.url}/link?${new URLSearchParams({ url })}`)).text();
    expect(await linkTo('/a?b=1&c="')).toBe('<a href="/a?b=1&amp;c=&quot;">link</a>');
    expect(await linkTo('javascript:alert(1)')).toBe('<a href="about:blank#blocked">link</a>');
    expect((await fetch(`${server.url}/comment?url=x`)).status).toBe(500);
  });

  it('is for values: the name of a template must not leave its folder, wherever it comes from [TP-08] [ATT-47]', async () => {
    await mkdir(path.join(views, 'pages'));
    await writeFile(path.join(views, 'secret.eta'), 'secret');
    await writeFile(path.join(views, 'pages/public.eta'), 'public');
    class Main extends RequestHandler {
      override get() {
        const page: string = this.getArgument('page');
        return this.render(page);
      }
    }
    const templateEngine = new EtaEngine({ views: path.join(views, 'pages') });
    await using server = await new Application([['/', Main]], { templateEngine, logger: silent }).listen(
      local,
    );
    const page = (name: string): Promise<Response> =>
      fetch(`${server.url}/?${new URLSearchParams({ page: name })}`);
    expect(await (await page('public')).text()).toBe('public');
    for (const name of ['../secret', 'x/../../secret', '..\\secret', path.join(views, 'secret'), 'none']) {
      const response = await page(name);
      expect([response.status, (await response.text()).includes('secret')]).toEqual([500, false]);
    }
  });
});

describe('an error in a template', () => {
  it('names the file and the line in the log, and nothing of it is sent [TP-03] [TP-08]', async () => {
    await writeFile(path.join(views, 'broken.eta'), 'one\n<% if (it.yes) { %>\ntwo\n');
    await writeFile(path.join(views, 'inner.eta'), '\n\n<%= it.missing.name %>\n');
    await writeFile(path.join(views, 'outer.eta'), "<p>secret</p>\n<%= include('inner') %>\n");
    class Main extends RequestHandler {
      override get() {
        const page: string = this.getArgument('page');
        return this.render(page);
      }
    }
    const errors: string[] = [];
    const app = new Application([['/', Main]], {
      templateEngine: new EtaEngine({ views }),
      logger: {
        ...silent,
        error: (fields: object) => errors.push(String((fields as { error?: unknown }).error)),
      },
    });
    await using server = await app.listen(local);
    for (const page of ['broken', 'outer', 'inner2']) {
      const response = await fetch(`${server.url}/?page=${page}`);
      expect([response.status, (await response.text()).includes('secret')]).toEqual([500, false]);
    }
    expect(errors).toEqual([
      expect.stringMatching(/broken\.eta/),
      expect.stringMatching(/inner\.eta.*3.*outer\.eta.*2/s),
      expect.stringMatching(/no template "inner2\.eta".*did you mean "inner\.eta"\?/s),
    ]);
  });
});

describe('UI methods', () => {
  it('are functions of the application that get the handler, with the setting as one map or several [RN-03]', async () => {
    await writeFile(
      path.join(views, 'page.eta'),
      "<%= it.greeting('Hello') %>, <%= it.shout('friend') %> <%= it.link('/a?b&c', 'A') %>",
    );
    const texts = { shout: (_handler: RequestHandler, text: string) => text.toUpperCase() };
    const links = {
      link: (_handler: RequestHandler, url: string, text: string) => html`<a href=${url}>${text}</a>`,
      greeting: (handler: RequestHandler, word: string) => `${word} ${handler.getArgument('name')}`,
    };
    class Main extends RequestHandler {
      override get() {
        return this.render('page');
      }
    }
    const app = new Application([['/', Main]], {
      templateEngine: new EtaEngine({ views }),
      uiMethods: [texts, links],
    });
    await using server = await app.listen(local);
    expect(await (await fetch(`${server.url}/?name=%3CAnn%3E`)).text()).toBe(
      'Hello &lt;Ann&gt;, FRIEND <a href="/a?b&amp;c">A</a>',
    );
  });

  it('must not have the names of what templates see anyway [RN-03]', () => {
    const templateEngine = new EtaEngine({ views });
    const app = (uiMethods: object): Application =>
      new Application([], { templateEngine, uiMethods: uiMethods as Record<string, () => string> });
    expect(() => app({ request: () => '' })).toThrow(/built in/);
    expect(() => app({ _private: () => '' })).toThrow(/must start with a lower-case letter/);
  });
});

describe('UI modules', () => {
  interface Entry {
    readonly title: string;
    readonly comments: readonly string[];
  }
  const entries: readonly Entry[] = [
    { title: 'First <one>', comments: ['nice'] },
    { title: 'Second', comments: [] },
  ];

  it('are parts of pages in files, and bring their own CSS and JavaScript, each once [RN-02]', async () => {
    await mkdir(path.join(views, 'modules'));
    await writeFile(
      path.join(views, 'home.eta'),
      `<html><head><title>Home</title></head><body>
<% for (const entry of it.entries) { %>
<%= it.modules.Entry(entry) %>
<% } %>
</body></html>`,
    );
    await writeFile(
      path.join(views, 'entry.eta'),
      '<html><head></head><body><%= it.modules.Entry(it.entry, true) %></body></html>',
    );
    await writeFile(
      path.join(views, 'modules/entry.eta'),
      `<h2><%= it.entry.title %></h2>
<% if (it.showComments) { for (const comment of it.entry.comments) { %>
<p class="comment"><%= comment %></p>
<% } } %>
`,
    );
    class EntryModule extends UIModule {
      render(entry: Entry, showComments = false): Html | Promise<Html> {
        return this.renderString('modules/entry', { entry, showComments });
      }
      override embeddedCss(): string {
        return '.entry { margin-bottom: 1em }';
      }
      override cssFiles(): string[] {
        return ['/shared.css', 'https://cdn.example.com/x.css?a&b'];
      }
      override javascriptFiles(): string {
        return '/entry.js';
      }
      override embeddedJavascript(): string {
        return 'start()';
      }
    }
    class Home extends RequestHandler {
      override get() {
        return this.render('home', { entries });
      }
    }
    class One extends RequestHandler {
      override get() {
        return this.render('entry', { entry: entries[0] });
      }
    }
    const app = new Application(
      [
        ['/', Home],
        ['/entry', One],
      ],
      { templateEngine: new EtaEngine({ views }), uiModules: { Entry: EntryModule } },
    );
    await using server = await app.listen(local);
    const head = `<link rel="stylesheet" href="/shared.css">
<link rel="stylesheet" href="https://cdn.example.com/x.css?a&amp;b">
<style>
.entry { margin-bottom: 1em }
</style>
</head>`;
    const end = `<script src="/entry.js"></script>
<script>
start()
</script>
</body></html>`;
    expect(await (await fetch(server.url)).text()).toBe(
      `<html><head><title>Home</title>${head}<body>
<h2>First &lt;one&gt;</h2>
<h2>Second</h2>
${end}`,
    );
    expect(await (await fetch(`${server.url}/entry`)).text()).toBe(
      `<html><head>${head}<body><h2>First &lt;one&gt;</h2>
<p class="comment">nice</p>
${end}`,
    );
  });

  it('are called by their class in pages written with html, and know the user [RN-02]', async () => {
    class EntryModule extends UIModule<Home> {
      render({ title }: Entry, options: { readonly isNew?: boolean } = {}): Html {
        return html`<article>${title}${options.isNew === true && html` <b>new for ${this.currentUser}</b>`}</article>`;
      }
      override embeddedCss(): string {
        return 'article { margin: 1em }';
      }
    }
    const home = (list: readonly Entry[], view: TemplateView): Html =>
      html`<html><head></head><body>${list.map((entry, at) => view.module(EntryModule, entry, { isNew: at === 0 }))}</body></html>`;

    class Home extends RequestHandler {
      override getCurrentUser(): string {
        return 'Ann';
      }
      override get() {
        return this.render(home, entries);
      }
    }
    await using server = await new Application([['/', Home]]).listen(local);
    expect(await (await fetch(server.url)).text()).toBe(
      '<html><head><style>\narticle { margin: 1em }\n</style>\n</head><body>' +
        '<article>First &lt;one&gt; <b>new for Ann</b></article><article>Second</article></body></html>',
    );
  });

  it('may be templates alone, which name their resources themselves [RN-02]', async () => {
    await writeFile(
      path.join(views, 'entry.eta'),
      '<% it.setResources({ embeddedCss: \'.entry { color: navy }\' }) %><p class="entry"><%= it.entry.title %></p>\n',
    );
    await writeFile(
      path.join(views, 'home.eta'),
      `<head></head><body><% for (const entry of it.entries) { %>
<%= it.modules.Template('entry', { entry }) %>
<% } %></body>`,
    );
    class Home extends RequestHandler {
      override get() {
        return this.render('home', { entries });
      }
    }
    const app = new Application([['/', Home]], { templateEngine: new EtaEngine({ views }) });
    await using server = await app.listen(local);
    expect(await (await fetch(server.url)).text()).toBe(
      `<head><style>
.entry { color: navy }
</style>
</head><body><p class="entry">First &lt;one&gt;</p>
<p class="entry">Second</p>
</body>`,
    );
  });
});

describe('the language of a page', () => {
  it('is the locale of the handler, which templates and UI modules see [RN-01] [RN-02]', async () => {
    const locales = new Locales({
      de: { 'Sign in': 'Anmelden', 'one person': { one: 'eine Person', other: '%(shown)s Leute' } },
    });
    class BaseHandler extends RequestHandler {
      override getUserLocale(): string | undefined {
        return this.getCookie('language');
      }
    }
    class CountModule extends UIModule<BaseHandler> {
      render(count: number): string {
        const { locale } = this;
        const values = { shown: locale.friendlyNumber(count) };
        return locale.translate('one person', '%(shown)s people', count, values);
      }
    }
    await writeFile(
      path.join(views, 'page.eta'),
      '<html lang="<%= it.locale.tag %>"><button><%= it._("Sign in") %></button><%= it.modules.Count(it.count) %>',
    );
    class Main extends BaseHandler {
      override get() {
        return this.render('page', { count: Number(this.getArgument('count')) });
      }
    }
    const app = new Application([['/', Main]], {
      templateEngine: new EtaEngine({ views }),
      uiModules: { Count: CountModule },
      locales,
    });
    await using server = await app.listen(local);
    const page = async (count: number, headers: Record<string, string>): Promise<string> =>
      (await fetch(`${server.url}/?count=${count}`, { headers })).text();
    expect(await page(1234, { 'Accept-Language': 'de, en;q=0.5' })).toBe(
      '<html lang="de"><button>Anmelden</button>1.234 Leute',
    );
    expect(await page(1, { 'Accept-Language': 'de' })).toBe(
      '<html lang="de"><button>Anmelden</button>eine Person',
    );
    expect(await page(2, { 'Accept-Language': 'de', Cookie: 'language=en' })).toBe(
      '<html lang="en-US"><button>Sign in</button>2 people',
    );
  });
});
