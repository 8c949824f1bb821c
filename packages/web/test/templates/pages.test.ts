import { describe, expect, it } from 'vitest';
import { Application, type Html, html, Locales, RequestHandler, UIModule } from '../../src/index.ts';
import { Views } from '../eta/views.ts';
import { withApp } from '../fixtures/running-application.ts';

class Entry extends UIModule {
  count = 0;

  render(entry: { readonly title: string }): Html {
    this.count += 1;
    return html`<h1>${this.count}. ${entry.title}</h1>`;
  }
}

describe('the namespace of a template', () => {
  it('has the handler, its request, user, locale, URLs, XSRF field, methods and modules [RN-01] [RN-04]', async () => {
    using views = new Views({
      'page.eta':
        '<%= it.handler.constructor.name %>|<%= it.request.method %>|<%= it.currentUser.name %>|<%= it.locale.code %>|' +
        '<%= it.staticUrl("a.css", { includeVersion: false }) %>|<%= it.reverseUrl("page", 7) %>|' +
        '<%= it.xsrfFormHtml() %>|<%= it.shout("a", "b") %>|<%= it.modules.Note("<n>") %>|<%= it.module("Note", 1) %>|' +
        '<%= it.title %>',
    });
    class Note extends UIModule {
      render(text: unknown): string {
        return `${text} for ${(this.currentUser as { name: string }).name}`;
      }
    }
    const uiMethods = {
      shout: (handler: RequestHandler, ...texts: string[]) => `${handler.request.path} ${texts.join('')}!`,
    };
    class Page extends RequestHandler {
      override getUserLocale() {
        return 'de';
      }
      override getCurrentUser() {
        return { name: 'ada' };
      }
      override get xsrfToken(): string {
        return 'token';
      }
      override async get() {
        await this.render('page', { title: '<t>' });
      }
    }
    await withApp(
      [['/p/:id', Page, undefined, 'page']],
      async ({ url }) => {
        const response = await fetch(`${url}/p/1`);
        expect(await response.text()).toBe(
          'Page|GET|ada|de|/static/a.css|/p/7|<input type="hidden" name="_xsrf" value="token">|/p/1 ab!|' +
            '&lt;n&gt; for ada|1 for ada|&lt;t&gt;',
        );
      },
      {
        staticPath: views.folder,
        templateEngine: views.engine(),
        uiModules: { Note },
        uiMethods,
        locales: new Locales({ de: {} }),
      },
    );
  });

  it('looks up the user and the locale only if a template reads them [RN-01]', async () => {
    using views = new Views({ 'page.eta': 'nothing' });
    let lookups = 0;
    class Page extends RequestHandler {
      override getCurrentUser() {
        lookups += 1;
        return null;
      }
      override getUserLocale() {
        lookups += 1;
        return 'de';
      }
      override async get() {
        await this.render('page');
      }
    }
    await withApp(
      [['/', Page]],
      async ({ url }) => {
        expect(await (await fetch(url)).text()).toBe('nothing');
        expect(lookups).toBe(0);
      },
      { templateEngine: views.engine() },
    );
  });

  it('lets the data of the call hide other names [RN-01]', async () => {
    using views = new Views({
      'page.eta': '<%= it.request %><%= it.handler %><% const { staticUrl } = it %>',
    });
    class Page extends RequestHandler {
      override async get() {
        await this.render('page', { request: 'mine', handler: 1 });
      }
    }
    await withApp(
      [['/', Page]],
      async ({ url }) => {
        expect(await (await fetch(url)).text()).toBe('mine1');
      },
      { templateEngine: views.engine() },
    );
  });

  it.each([null, 1, 'text', [], Promise.resolve({})])('refuses data such as %s', async (data) => {
    using views = new Views({ 'page.eta': '' });
    class Page extends RequestHandler {
      override async get() {
        await this.render('page', data as object);
      }
    }
    await withApp(
      [['/', Page]],
      async ({ url, log }) => {
        expect((await fetch(url)).status).toBe(500);
        expect(log.records[0]?.error).toMatchObject({ code: 'ERR_WEB_USAGE' });
      },
      { templateEngine: views.engine() },
    );
  });
});

describe('a page with an invalid template', () => {
  it('is a 500 whose body shows nothing of the template; the log has file and line [TP-08]', async () => {
    using views = new Views({
      'page.eta': 'secret source\n<%= it.x.y %>',
      'broken.eta': 'secret source <% } %>',
    });
    class Page extends RequestHandler {
      override async get() {
        const name: string = this.getQueryArgument('name');
        await this.render(name);
      }
    }
    await withApp(
      [['/', Page]],
      async ({ url, log }) => {
        const names = ['page', 'broken', 'missing', '../../etc/passwd', '\0'];
        for (const name of names) {
          const response = await fetch(`${url}/?name=${encodeURIComponent(name)}`);
          expect(response.status).toBe(500);
          const body = await response.text();
          for (const hidden of ['secret', '.eta', views.folder, 'passwd']) expect(body).not.toContain(hidden);
        }
        const errors = log.records.map(({ error }) => error);
        expect(errors).toHaveLength(names.length);
        expect(errors.every((error) => (error as { code?: string }).code === 'ERR_WEB_TEMPLATE')).toBe(true);
        expect(errors[0]).toMatchObject({ file: views.path('page.eta'), line: 2 });
      },
      { templateEngine: views.engine() },
    );
  });
});

describe('UI modules of a page', () => {
  it('have one instance per request, and their assets are in the page once [RN-02]', async () => {
    using views = new Views({
      'page.eta':
        '<html><head><title>t</title></head><body><% for (const e of it.entries) { %><%= it.modules.Entry(e) %>' +
        '<% } %><%~ it.modules.Template("part", { n: 1 }) %></body></html>',
      'part.eta':
        '<% it.setResources({ cssFiles: "part.css", htmlHead: capture(() => { %><meta content="<%= "<" + it.n %>"><% }) ' +
        '}) %><i><%= it.n %><%= it.entries %></i>',
    });
    class Styled extends Entry {
      override cssFiles = (): string => 'entry.css';
      override embeddedJavascript = (): string => `count(${this.count})`;
    }
    class Page extends RequestHandler {
      override async get() {
        await this.render('page', { entries: [{ title: '<a>' }, { title: 'b' }] });
      }
    }
    await withApp(
      [['/', Page]],
      async ({ url }) => {
        const expected =
          '<html><head><title>t</title><link rel="stylesheet" href="/static/entry.css">\n' +
          '<link rel="stylesheet" href="/static/part.css">\n<meta content="&lt;1"></head><body><h1>1. &lt;a&gt;</h1><h1>2. b</h1>' +
          '<i>1</i><script>\ncount(2)\n</script>\n</body></html>';
        for (const _ of [1, 2]) expect(await (await fetch(url)).text()).toBe(expected);
      },
      { staticPath: views.folder, templateEngine: views.engine(), uiModules: { Entry: Styled } },
    );
  });

  it('render templates of their own, also asynchronous ones [RN-02]', async () => {
    using views = new Views({
      'page.eta': '<%= it.modules.Card("x") %><%= await it.modules.Late("y") %>',
      'card.eta': '[<%= it.text %><%= it.title %>]',
      'late.eta': '(<%= await it.text %>)',
    });
    class Card extends UIModule {
      render(text: string) {
        return this.renderString('card', { text });
      }
    }
    class Late extends UIModule {
      render(text: string) {
        return this.renderString('late', { text: Promise.resolve(`<${text}>`) });
      }
    }
    class Page extends RequestHandler {
      override async get() {
        await this.render('page', { title: 'not seen' });
      }
    }
    await withApp(
      [['/', Page]],
      async ({ url }) => {
        expect(await (await fetch(url)).text()).toBe('[x](&lt;y&gt;)');
      },
      { templateEngine: views.engine(), uiModules: [{ Card }, { Late }] },
    );
  });

  it('work in html templates, typed by their class [RN-02]', async () => {
    class Page extends RequestHandler {
      override async get() {
        // @ts-expect-error: render needs an entry
        const wrong = () => this.module(Entry);
        expect(wrong).toBeDefined();
        await this.render(html`<body>${this.module(Entry, { title: '<t>' })}</body>`);
      }
    }
    await withApp([['/', Page]], async ({ url }) => {
      expect(await (await fetch(url)).text()).toBe('<body><h1>1. &lt;t&gt;</h1></body>');
    });
  });
});

describe('the settings of an application', () => {
  it.each([
    [{ uiMethods: { request: () => 1 } }, 'Application: uiMethods: "request" is built in'],
    [{ uiModules: { entry: Entry } }, 'Application: uiModules: a name must start with a capital'],
    [{ uiModule: {} }, 'did you mean "uiModules"?'],
  ])('%j are refused when it is created [RN-03]', (settings, problem) => {
    expect(() => new Application([], settings as object)).toThrow(problem);
  });
});
