import { IOLoop } from '@landspout/ioloop';
import { Application, RequestHandler } from '@landspout/web';
import { BODY, IDLE_TIMEOUT_MS, LISTEN, ready, TYPE } from '../program.mjs';

class Hello extends RequestHandler {
  /** As in every row: a hash of a large body would be most of its time. A small one gets none anyway. */
  computeEtag() {
    return undefined;
  }

  get() {
    this.setHeader('Content-Type', TYPE);
    this.write(BODY);
  }

  post() {
    this.setHeader('Content-Type', TYPE);
    this.write(String(this.request.body.length));
  }
}

const app = new Application([['/', Hello]]);
const server = await app.listen({ ...LISTEN, idleTimeoutMs: IDLE_TIMEOUT_MS });
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
