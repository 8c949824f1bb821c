import { HTTPServer } from '@landspout/httpserver';
import { IOLoop } from '@landspout/ioloop';
import { about, BODY, IDLE_TIMEOUT_MS, LISTEN, ready, SERVER, TLS, TYPE, UPLOADS } from '../program.mjs';

const hello = (request) => request.respond(200, BODY, { Server: SERVER });
const large = (request) => request.respond(200, BODY, { Server: SERVER, 'Content-Type': TYPE });
const uploads = (request) => request.respond(200, String(request.body.length), { Server: SERVER });
const whole = typeof BODY === 'string' ? hello : large; // Only text gets its type by itself.

const server = new HTTPServer(UPLOADS ? uploads : whole, { idleTimeoutMs: IDLE_TIMEOUT_MS, tls: TLS });
await server.listen(LISTEN);
ready({ port: Number(new URL(server.url).port), ...about(IOLoop.current()) });
