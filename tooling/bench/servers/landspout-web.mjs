import { IOLoop } from '@landspout/ioloop';
import { Application, RequestHandler } from '@landspout/web';
import { ready } from './ready.mjs';
import { BODY, CONTENT_TYPE, HOST, IDLE_TIMEOUT_MS } from './settings.mjs';

class Hello extends RequestHandler {
  /** As in every row: a hash of a large body would be most of its time. A small one gets none anyway. */
  computeEtag() {
    return undefined;
  }

  get() {
    this.setHeader('Content-Type', CONTENT_TYPE);
    this.write(BODY);
  }

  post() {
    this.setHeader('Content-Type', CONTENT_TYPE);
    this.write(String(this.request.body.length));
  }
}

const app = new Application([['/', Hello]]);
const server = await app.listen({ port: 0, host: HOST, idleTimeoutMs: IDLE_TIMEOUT_MS });
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
