import { HTTPServer } from '@landspout/httpserver';
import { IOLoop } from '@landspout/ioloop';
import { largeAnswer } from './large-answer.mjs';
import { ready } from './ready.mjs';
import { BODY, CONTENT_TYPE, CROWD, HOST, IDLE_TIMEOUT_MS, SERVER } from './settings.mjs';

/** Knows its streams, to say what waits in the longest of their queues; its own statistics have the sum. */
class Watched extends HTTPServer {
  #streams = new Set();

  handleStream(stream) {
    this.#streams.add(stream);
    super.handleStream(stream);
  }

  tell() {
    let longestQueue = 0;
    for (const stream of this.#streams) {
      if (stream.isClosed) this.#streams.delete(stream);
      else longestQueue = Math.max(longestQueue, stream.queuedBytes);
    }
    const { open, queuedBytes } = this.stats();
    return { open, queuedBytes, longestQueue };
  }
}

const large = { Server: SERVER, 'Content-Type': CONTENT_TYPE };

function answer(request) {
  if (request.target === '/large') request.respond(200, largeAnswer(), large);
  else if (request.target === '/stats') request.respond(200, JSON.stringify(server.tell()));
  else request.respond(200, BODY, { Server: SERVER });
}

const { deadlineMs } = CROWD;
const server = new Watched(answer, {
  idleTimeoutMs: IDLE_TIMEOUT_MS,
  headerTimeoutMs: deadlineMs,
  progressMs: deadlineMs,
});
await server.listen({ port: 0, host: HOST });
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
