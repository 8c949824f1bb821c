// srvx on Node, with or without its Response in place of that of Node.
import { FastResponse, serve } from 'srvx/node';
import { IDLE_TIMEOUT_MS, LISTEN, ready, settings } from '../../program.mjs';
import { app } from './hono-app.mjs';
import { withoutConnection } from './node-settings.mjs';

if (settings.overrides) globalThis.Response = FastResponse;
const options = { fetch: app.fetch, port: LISTEN.port, hostname: LISTEN.host };
const server = serve({ ...options, manual: true, silent: true, gracefulShutdown: false });
withoutConnection(server.node.server).keepAliveTimeout = IDLE_TIMEOUT_MS;
await server.serve();
ready({ port: server.node.server.address().port, backend: 'node:http' });
