import { HTTPServer } from '@landspout/httpserver';
import { IOLoop } from '@landspout/ioloop';
import { BODY, IDLE_TIMEOUT_MS, LISTEN, largeBody, ready, SERVER, settings, TYPE } from '../program.mjs';

/** Keeps its streams, to report the longest of their queues: the statistics of the server have only the sum. */
class Watched extends HTTPServer {
  #streams = new Set();

  handleStream(stream) {
    this.#streams.add(stream);
    super.handleStream(stream);
  }

  report() {
    let longestQueue = 0;
    for (const stream of this.#streams) {
      if (stream.isClosed) this.#streams.delete(stream);
      else longestQueue = Math.max(longestQueue, stream.queuedBytes);
    }
    const { open, queuedBytes } = this.stats();
    return { open, queuedBytes, longestQueue };
  }
}

const large = { Server: SERVER, 'Content-Type': TYPE };

function respond(request) {
  if (request.target === '/large') request.respond(200, largeBody(), large);
  else if (request.target === '/stats') request.respond(200, JSON.stringify(server.report()));
  else request.respond(200, BODY, { Server: SERVER });
}

const { deadlineMs } = settings.crowd;
const limits = { idleTimeoutMs: IDLE_TIMEOUT_MS, headerTimeoutMs: deadlineMs, progressMs: deadlineMs };
const server = new Watched(respond, limits);
await server.listen(LISTEN);
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
