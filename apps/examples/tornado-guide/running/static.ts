// Static files: those of pages, with versions in their URLs, and a folder that is served as it is.
import path from 'node:path';
import { Application, html, RequestHandler, StaticFileHandler } from 'landspout';

const FOLDER = path.join(import.meta.dirname, 'public');

class Home extends RequestHandler {
  override get(): void {
    this.write(html`<script src="${this.staticUrl('main.js')}"></script>`);
  }
}

const settings = { staticPath: FOLDER };
await StaticFileHandler.loadVersions(settings); // the first pages have versions, too

const files = { path: FOLDER, defaultFilename: 'index.html' };
const routes = [
  ['/', Home],
  ['/files/*path', StaticFileHandler, files],
] as const;
const app = new Application(routes, settings);
const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
