import { describe, expect, it } from 'vitest';
import { Application, html, Locale, Locales, RequestHandler, UIModule } from '../../src/index.ts';
import { Views } from '../eta/views.ts';
import { withApp } from '../fixtures/running-application.ts';

const texts = { de: { Hello: 'Hallo', 'Hello, %(name)s': 'Hallo, %(name)s' }, fr_FR: { Hello: 'Bonjour' } };
const locales = new Locales(texts);

class Page extends RequestHandler {
  override getUserLocale(): string | undefined {
    return this.getCookie('language');
  }
  override get(): void {
    this.write(`${this.locale.code} ${this.locale.translate('Hello')}`);
  }
}

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly vary: string | null;
  readonly language: string | null;
}

async function reply(url: string, headers: Record<string, string> = {}): Promise<Reply> {
  const response = await fetch(url, { headers });
  return {
    status: response.status,
    text: await response.text(),
    vary: response.headers.get('Vary'),
    language: response.headers.get('Content-Language'),
  };
}

const GERMAN = { 'Accept-Language': 'de-AT, en;q=0.5' };

describe('RequestHandler.locale', () => {
  it('is the locale of the user, or else that of the browser [LO-02]', async () => {
    await withApp(
      [['/', Page]],
      async ({ url }) => {
        expect(await reply(url)).toEqual({
          status: 200,
          text: 'en_US Hello',
          vary: 'Accept-Language',
          language: null,
        });
        expect(await reply(url, GERMAN)).toMatchObject({ text: 'de Hallo', vary: 'Accept-Language' });
        const chosen = await reply(url, { ...GERMAN, Cookie: 'language=fr' });
        expect(chosen).toMatchObject({ text: 'fr_FR Bonjour', vary: null });
        expect(await reply(url, { ...GERMAN, Cookie: 'language=' })).toMatchObject({ text: 'de Hallo' });
        expect(await reply(url, { ...GERMAN, Cookie: 'language=x%00y' })).toMatchObject({
          text: 'en_US Hello',
        });
      },
      { locales },
    );
  });

  it('is looked up once, and only if it is read', async () => {
    let lookups = 0;
    class Counting extends RequestHandler {
      override getUserLocale(): undefined {
        lookups += 1;
      }
      override get(): void {
        if (this.getArgument('read', '') !== '') this.write(this.locale.code + this.locale.code);
      }
    }
    await withApp(
      [['/', Counting]],
      async ({ url }) => {
        expect((await reply(url)).vary).toBeNull();
        expect(lookups).toBe(0);
        expect((await reply(`${url}?read=1`)).text).toBe('en_USen_US');
        expect(lookups).toBe(1);
      },
      { locales },
    );
  });

  it('can be assigned in prepare, which may be asynchronous', async () => {
    class Assigning extends RequestHandler {
      override async prepare(): Promise<void> {
        const language = await Promise.resolve(this.getArgument('language', undefined));
        this.locale = language ?? this.getBrowserLocale();
      }
      override get(): void {
        this.write(`${this.locale.translate('Hello')} ${this.locale instanceof Locale}`);
      }
    }
    await withApp(
      [['/', Assigning]],
      async ({ url }) => {
        expect(await reply(`${url}?language=fr`, GERMAN)).toMatchObject({ text: 'Bonjour true', vary: null });
        expect(await reply(url, GERMAN)).toMatchObject({ text: 'Hallo true', vary: 'Accept-Language' });
      },
      { locales },
    );
  });

  it.each([
    [
      () => Promise.reject(new Error('unhandled')),
      /getUserLocale returned a promise; assign this.locale in prepare/,
    ],
    [() => 5, /getUserLocale must return/],
  ])('refuses what getUserLocale must not return: %s', async (getUserLocale, problem) => {
    class Wrong extends RequestHandler {
      override getUserLocale = getUserLocale as never;
      override get(): void {
        this.write(this.locale.code);
      }
    }
    await withApp(
      [['/', Wrong]],
      async ({ url, log }) => {
        expect((await reply(url)).status).toBe(500);
        expect(log.records[0]?.error).toMatchObject({
          code: 'ERR_WEB_USAGE',
          message: expect.stringMatching(problem),
        });
      },
      { locales },
    );
  });

  it('refuses the assignment of other values', async () => {
    class Wrong extends RequestHandler {
      override get(): void {
        this.locale = Promise.resolve('de') as never;
      }
    }
    await withApp([['/', Wrong]], async ({ url, log }) => {
      expect((await reply(url)).status).toBe(500);
      expect(log.records[0]?.error).toMatchObject({ code: 'ERR_WEB_USAGE' });
    });
  });

  it('has Vary also on error pages, and beside the names of others', async () => {
    class Failing extends RequestHandler {
      override get(): void {
        this.setHeader('Vary', 'Cookie');
        if (this.locale.code === 'de') throw new Error('on purpose');
      }
      override writeError(status: number): void {
        this.write(`${status} ${this.locale.translate('Hello')}`);
      }
    }
    await withApp(
      [['/', Failing]],
      async ({ url }) => {
        expect(await reply(url, GERMAN)).toMatchObject({
          status: 500,
          text: '500 Hallo',
          vary: 'Accept-Language',
        });
        expect(await reply(url)).toMatchObject({ status: 200, vary: 'Cookie, Accept-Language' });
      },
      { locales },
    );
  });

  it('can be read after the headers were sent', async () => {
    class Late extends RequestHandler {
      override async get(): Promise<void> {
        this.write('a ');
        await this.flush();
        this.write(this.locale.code);
      }
    }
    await withApp(
      [['/', Late]],
      async ({ url }) =>
        expect(await reply(url, GERMAN)).toMatchObject({ status: 200, text: 'a de', vary: null }),
      { locales: new Locales(texts, { contentLanguage: true }) },
    );
  });

  it('can be read after the connection was taken over', async () => {
    class Taking extends RequestHandler {
      override async get(): Promise<void> {
        const stream = this.detach();
        const body = this.locale.translate('Hello');
        await stream.write(
          `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        );
        stream.close();
      }
    }
    await withApp(
      [['/', Taking]],
      async ({ url }) => expect(await reply(url, GERMAN)).toMatchObject({ status: 200, text: 'Hallo' }),
      { locales: new Locales(texts, { contentLanguage: true }) },
    );
  });

  it('is that of the default without the setting, and says nothing of the browser', async () => {
    await withApp([['/', Page]], async ({ url }) => {
      expect(await reply(url, GERMAN)).toMatchObject({ text: 'en_US Hello', vary: null });
    });
  });

  it('has the locales of the outer application, unless a mounted one has its own', async () => {
    const own = new Application([['/', Page]], { locales: new Locales({ it: { Hello: 'Ciao' } }) });
    await withApp(
      [
        ['/own', own],
        ['/shared', new Application([['/', Page]])],
      ],
      async ({ url }) => {
        expect((await reply(`${url}/shared/`, GERMAN)).text).toBe('de Hallo');
        expect((await reply(`${url}/own/`, { 'Accept-Language': 'it' })).text).toBe('it Ciao');
      },
      { locales },
    );
  });

  it('is announced as Content-Language if the locales say so', async () => {
    class Own extends Page {
      override get(): void {
        super.get();
        if (this.getArgument('own', '') !== '') this.setHeader('Content-Language', 'tlh');
      }
    }
    await withApp(
      [
        ['/', Own],
        [
          '/none',
          class extends RequestHandler {
            override get(): void {}
          },
        ],
      ],
      async ({ url }) => {
        expect((await reply(url, GERMAN)).language).toBe('de');
        expect((await reply(url, { Cookie: 'language=fr' })).language).toBe('fr-FR');
        expect((await reply(`${url}?own=1`)).language).toBe('tlh');
        expect((await reply(`${url}/none`)).language).toBeNull();
      },
      { locales: new Locales(texts, { contentLanguage: true }) },
    );
  });
});

describe('the setting locales', () => {
  it('must be Locales', () => {
    expect(() => new Application([], { locales: { de: {} } as never })).toThrow(
      expect.objectContaining({ code: 'ERR_WEB_USAGE', message: expect.stringMatching(/locales/) }),
    );
  });
});

describe('pages', () => {
  it('translate with _ in html, in functions and in UI modules, and escape the catalogue [LO-03]', async () => {
    const hostile = new Locales({
      de: { 'Hello, %(name)s': '<script>%(name)s</script>', 'Say "hi"': '" onclick="' },
    });
    class Greeting extends UIModule {
      render(name: string) {
        return html`<i>${this.locale._('Hello, %(name)s', { name })}</i>`;
      }
    }
    class Home extends RequestHandler {
      override get() {
        return this.render((_, { _: translate, locale, module }) => {
          const name = html`<b>A</b>`;
          return html`<html lang="${locale.tag}" dir="${locale.direction}"><p title="${translate('Say "hi"')}">
            ${translate('Hello, %(name)s', { name })}${module(Greeting, '&')}`;
        });
      }
    }
    await withApp(
      [['/', Home]],
      async ({ url }) => {
        const { text } = await reply(url, GERMAN);
        expect(text.replace(/\s+/g, ' ')).toBe(
          '<html lang="de" dir="ltr"><p title="&quot; onclick=&quot;"> ' +
            '&lt;script&gt;<b>A</b>&lt;/script&gt;<i>&lt;script&gt;&amp;&lt;/script&gt;</i>',
        );
      },
      { locales: hostile },
    );
  });

  it('translate with _ in templates of Eta [LO-03]', async () => {
    using views = new Views({
      'page.eta':
        '<p title="<%= it._("Hello, %(name)s", { name: it.name }) %>"><%= it._("Hello") %> ' +
        '<%= it.locale.translateHtml("Hello, %(name)s", { name: it.link }) %> <%= it.locale.friendlyNumber(1234) %>',
    });
    class Home extends RequestHandler {
      override get() {
        return this.render('page', { name: '"A"', link: html`<a>B</a>` });
      }
    }
    await withApp(
      [['/', Home]],
      async ({ url }) => {
        expect((await reply(url, GERMAN)).text).toBe(
          '<p title="Hallo, &quot;A&quot;">Hallo Hallo, <a>B</a> 1.234',
        );
      },
      { locales, templateEngine: views.engine() },
    );
  });
});
