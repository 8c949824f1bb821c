// `serve`, with or without its Response in place of that of Node.
import { serve } from '@landspout/httpserver/fetch';
import { IOLoop } from '@landspout/ioloop';
import { IDLE_TIMEOUT_MS, LISTEN, ready, settings } from '../../program.mjs';
import { app } from './hono-app.mjs';

const options = { port: LISTEN.port, hostname: LISTEN.host, idleTimeoutMs: IDLE_TIMEOUT_MS };
serve({ ...options, fetch: app.fetch, overrideGlobalObjects: settings.overrides }, ({ port }) =>
  ready({ port, backend: IOLoop.current().backend }),
);
