// @hono/node-server, with or without its Request and Response in place of those of Node.
import { serve } from '@hono/node-server';
import { IDLE_TIMEOUT_MS, LISTEN, ready, settings } from '../../program.mjs';
import { app } from './hono-app.mjs';
import { withoutConnection } from './node-settings.mjs';

const { overrides } = settings;
const options = {
  fetch: app.fetch,
  port: LISTEN.port,
  hostname: LISTEN.host,
  overrideGlobalObjects: overrides,
};
const server = serve(options, ({ port }) => ready({ port, backend: 'node:http' }));
withoutConnection(server).keepAliveTimeout = IDLE_TIMEOUT_MS;
