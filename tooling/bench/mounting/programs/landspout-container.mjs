// NodeContainer with the Express application.
import { HTTPServer } from '@landspout/httpserver';
import { NodeContainer } from '@landspout/httpserver/node';
import { IOLoop } from '@landspout/ioloop';
import { IDLE_TIMEOUT_MS, LISTEN, ready } from '../../program.mjs';
import { app } from './express-app.mjs';

const server = new HTTPServer(new NodeContainer(app), { idleTimeoutMs: IDLE_TIMEOUT_MS });
await server.listen(LISTEN);
ready({ port: Number(new URL(server.url).port), backend: IOLoop.current().backend });
