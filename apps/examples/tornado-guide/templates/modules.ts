// UI modules: parts of pages with their own style and script. Pages are functions with the tag `html`.
import {
  Application,
  type Awaitable,
  type Html,
  html,
  RequestHandler,
  type TemplateView,
  UIModule,
} from 'landspout';

interface BlogEntry {
  readonly slug: string;
  readonly title: string;
}

const ENTRIES: readonly BlogEntry[] = [
  { slug: 'loops', title: 'Loops & <more>' },
  { slug: 'c', title: 'The old man and the C' },
];

class Entry extends UIModule {
  override render(entry: BlogEntry, showComments = false): Html {
    return html`<h2><a href="/entry/${entry.slug}">${entry.title}</a></h2>
${showComments && html`<p>No comments</p>`}
`;
  }

  override embeddedCss(): string {
    return '.entry { margin: 1em }';
  }

  override javascriptFiles(): string {
    return 'https://example.com/entry.js';
  }
}

function count(view: TemplateView, entries: readonly BlogEntry[]): string {
  return `${entries.length} entries at ${view.request.path}`;
}

function page(entries: readonly BlogEntry[], view: TemplateView): Html {
  return html`<html><head><title>Blog</title></head><body>
${entries.map((entry) => view.module(Entry, entry))}
<p>${count(view, entries)}</p></body></html>
`;
}

class Page extends RequestHandler {
  override get(): Awaitable {
    return this.render(page, ENTRIES);
  }
}

const app = new Application([['/blog', Page]]);
const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
