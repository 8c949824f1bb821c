import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { html } from 'hono/html';
import { HTML, IDLE_TIMEOUT_MS, JSON_TEXT, LISTEN, ready, SERVER, settings } from '../../program.mjs';
import { pageWith } from './html-page.mjs';

const app = new Hono();
const PAGE = { Server: SERVER, 'Content-Type': HTML };
const withoutConnection = (c) => c.env.outgoing.removeHeader('Connection'); // Nor Keep-Alive. Node adds the Date.
const page = pageWith(html);

function respond(c, body) {
  withoutConnection(c);
  return c.html(body, 200, PAGE);
}

function json(c) {
  withoutConnection(c);
  return c.json(settings.value, 200, { Server: SERVER, 'Content-Type': JSON_TEXT });
}

const SCENES = {
  page: () => app.get('/', (c) => respond(c, page(settings.data))),
  made: () => {
    const made = String(page(settings.data));
    app.get('/', (c) => respond(c, made));
  },
  json: () => app.get('/', json),
  // Its level is that of CompressionStream, which nothing sets: 6.
  compressed: () => app.use(compress({ encoding: 'gzip' })).get('/', json),
};

SCENES[settings.scene]();
const options = { fetch: app.fetch, port: LISTEN.port, hostname: LISTEN.host };
const server = serve(options, ({ port }) => ready({ port, backend: 'node:http' }));
server.keepAliveTimeout = IDLE_TIMEOUT_MS;
