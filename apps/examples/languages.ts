// A page in three languages, one of them written from right to left. The browser's languages choose one, until the
// visitor does. Messages, plurals, dates, numbers and lists are those of the language.
// Run: node languages.ts [port], then open the URL that it prints.
import { Application, type Html, html, Locales, RequestHandler } from 'landspout';

// Catalogues may also be CSV files (Locales.fromCsv) or those of gettext (Locales.fromGettext).
const locales = new Locales({
  de: {
    Welcome: 'Willkommen',
    'Language:': 'Sprache:',
    '%(count)s visit, the last one %(when)s.': {
      one: '%(count)s Besuch, zuletzt %(when)s.',
      other: '%(count)s Besuche, zuletzt %(when)s.',
    },
    'This page is available in %(languages)s.': 'Diese Seite gibt es auf %(languages)s.',
  },
  ar: {
    Welcome: 'أهلاً وسهلاً',
    'Language:': 'اللغة:',
    '%(count)s visit, the last one %(when)s.': {
      one: 'زيارة واحدة، آخرها %(when)s.',
      two: 'زيارتان، آخرهما %(when)s.',
      few: '%(count)s زيارات، آخرها %(when)s.',
      other: '%(count)s زيارة، آخرها %(when)s.',
    },
    'This page is available in %(languages)s.': 'هذه الصفحة متاحة بـ: %(languages)s.',
  },
});

let visits = 0;
let lastVisit = Date.now();

class Home extends RequestHandler {
  /** What the visitor has chosen. Without a choice, the header Accept-Language decides. */
  override getUserLocale(): string | undefined {
    return this.getCookie('language');
  }

  override get(): void {
    const { locale } = this;
    const { _ } = locale;
    visits += 1;
    const when = locale.formatDate(lastVisit);
    lastVisit = Date.now();
    const values = { count: locale.friendlyNumber(visits), when };
    const names = [...locales].map(({ name, tag }) => html`<b lang="${tag}">${name}</b>`);
    this.finish(html`<!DOCTYPE html>
<html lang="${locale.tag}" dir="${locale.direction}">
<meta charset="utf-8">
<title>${_('Welcome')}</title>
<h1>${_('Welcome')}</h1>
<p>${_('%(count)s visit, the last one %(when)s.', '%(count)s visits, the last one %(when)s.', visits, values)}</p>
<p>${_('This page is available in %(languages)s.', { languages: locale.listHtml(names) })}</p>
<form method="post">${this.xsrfFormHtml()}${_('Language:')} ${this.#buttons()}</form>
</html>`);
  }

  override post(): void {
    const code = this.getBodyArgument('language');
    if (locales.has(code)) this.setCookie('language', code, { expiresDays: 365 });
    this.redirect('/', { status: 303 });
  }

  #buttons(): Html[] {
    return [...locales].map(({ code, tag, name }) => {
      const isChosen = code === this.locale.code;
      return html`<button name="language" value="${code}" lang="${tag}" disabled=${isChosen}>${name}</button> `;
    });
  }
}

const app = new Application([['/', Home]], { locales, xsrfCookies: true });
const port = process.argv[2] ?? process.env.PORT ?? 8888;
const server = await app.listen({ port, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
