import { HTTPServer } from '@landspout/httpserver';
import { IOLoop } from '@landspout/ioloop';
import { ready } from './ready.mjs';
import { BODY, HOST, IDLE_TIMEOUT_MS, SERVER } from './settings.mjs';

const server = new HTTPServer((request) => request.respond(200, BODY, { Server: SERVER }), {
  idleTimeoutMs: IDLE_TIMEOUT_MS,
});
await server.listen({ port: 0, host: HOST });
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
