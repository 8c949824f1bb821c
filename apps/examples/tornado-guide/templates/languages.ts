// A page in the language of its reader: that of the account, or of the browser.
import path from 'node:path';
import { Application, html, RequestHandler } from 'landspout';
import { Locales } from 'landspout/web';

const FOLDER = path.join(import.meta.dirname, 'locale');
const [ONE, MANY] = ['You have one message.', 'You have %(count)d messages.'];

class Messages extends RequestHandler {
  override getUserLocale(): string | undefined {
    return this.getCookie('language'); // undefined: as the browser prefers
  }

  override get(): void {
    const count = Number(this.getQueryArgument('count'));
    const { _ } = this.locale;
    this.write(html`<p>${_('Hello, %(name)s.', { name: 'Ann' })}</p>`);
    this.write(html`<p>${_(ONE, MANY, count)}</p>`);
  }
}

const locales = await Locales.fromCsv(FOLDER, { defaultLocale: 'en_US' });
const app = new Application([['/', Messages]], { locales });
const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
