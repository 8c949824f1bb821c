// Streams without end in response to /stream; responds to / at once.
import { IOLoop } from '@landspout/ioloop';
import { Application, RequestHandler } from '@landspout/web';
import { BODY, LISTEN, ready } from '../program.mjs';

const CHUNK = Buffer.alloc(64 * 1024, 'x');

class StreamHandler extends RequestHandler {
  async get() {
    while (!this.signal.aborted) {
      this.write(CHUNK);
      await this.flush();
    }
  }
}

class HelloHandler extends RequestHandler {
  get() {
    this.write(BODY);
  }
}

const routes = [
  ['/', HelloHandler],
  ['/stream', StreamHandler],
];
const server = await new Application(routes).listen(LISTEN);
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
