// Routes with parameters, names and what their handlers are given.
import { Application, HTTPError, html, RedirectHandler, RequestHandler, route } from 'landspout';

type Stories = ReadonlyMap<string, string>;
const STORIES = new Map([
  ['1', 'A tale of two loops'],
  ['2', 'The old man and the C'],
]);

class Index extends RequestHandler {
  #stories: Stories = STORIES;

  override initialize({ stories }: { stories: Stories }): void {
    this.#stories = stories;
  }

  override get(): void {
    const item = ([id, title]: [string, string]) =>
      html`<li><a href="${this.reverseUrl('story', id)}">${title}</a></li>`;
    this.write(html`<ul>${[...this.#stories].map(item)}</ul>`);
  }
}

class Story extends RequestHandler<'/story/:id'> {
  #stories: Stories = STORIES;

  override initialize({ stories }: { stories: Stories }): void {
    this.#stories = stories;
  }

  override get({ id }: { id: string }): void {
    const title = this.#stories.get(id);
    if (title === undefined) throw new HTTPError(404);
    this.write({ id, title });
  }
}

class Photo extends RequestHandler {
  override get(year: string, name: string): void {
    this.setHeader('Content-Type', 'text/plain; charset=UTF-8');
    this.write(`photo ${name} of ${year}`);
  }
}

const app = new Application([
  route('/', Index, { stories: STORIES }),
  route('/story/:id', Story, { stories: STORIES }, 'story'),
  route(/\/photos\/(\d{4})\/(.+)/, Photo),
  route('/pictures/*rest', RedirectHandler, { url: '/photos/{rest}' }),
  route('/app', RedirectHandler, { url: '/', permanent: false }),
]);

const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
