import { fileURLToPath } from 'node:url';
import { IOLoop } from '@landspout/ioloop';
import { Application, html, RequestHandler } from '@landspout/web';
import { HTML, IDLE_TIMEOUT_MS, LISTEN, ready, settings } from '../../program.mjs';
import { pageWith } from './html-page.mjs';

const page = pageWith(html);

class Handler extends RequestHandler {
  /** As in every row: no automatic ETag. */
  computeEtag() {
    return undefined;
  }
}

class Page extends Handler {
  get() {
    return this.render(page(settings.data));
  }
}

/** Through the files in `views`. */
class View extends Handler {
  get() {
    return this.render('page', settings.data);
  }
}

class Made extends Handler {
  static #page = settings.data && String(page(settings.data));

  get() {
    this.setHeader('Content-Type', HTML);
    this.write(Made.#page);
  }
}

class Json extends Handler {
  get() {
    this.writeJson(settings.value);
  }
}

async function engine() {
  const { EtaEngine } = await import('@landspout/web/eta');
  return new EtaEngine({ views: fileURLToPath(new URL('views', import.meta.url)) });
}

const compressResponse = { codings: ['gzip'], levels: { gzip: settings.level } };
const SCENES = {
  page: settings.engine === 'eta' ? [View, { templateEngine: await engine() }] : [Page],
  made: [Made],
  json: [Json],
  compressed: [Json, { compressResponse }],
};

const [handler, applicationSettings] = SCENES[settings.scene];
const server = await new Application([['/', handler]], applicationSettings).listen({
  ...LISTEN,
  idleTimeoutMs: IDLE_TIMEOUT_MS,
});
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
