import { IOLoop } from '@landspout/ioloop';
import { Application, RequestHandler } from '@landspout/web';
import { BODY, IDLE_TIMEOUT_MS, LISTEN, ready, settings, TYPE } from '../program.mjs';

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

const CHUNK = Buffer.alloc(64 * 1024, 'x');

/** Streams without end. */
class Stream extends RequestHandler {
  async get() {
    while (!this.signal.aborted) {
      this.write(CHUNK);
      await this.flush();
    }
  }
}

const app = new Application(
  settings.streams
    ? [
        ['/', Hello],
        ['/stream', Stream],
      ]
    : [['/', Hello]],
);
const server = await app.listen({ ...LISTEN, idleTimeoutMs: IDLE_TIMEOUT_MS });
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
