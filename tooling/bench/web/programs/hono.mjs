import { serve } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { getSignedCookie, setSignedCookie } from 'hono/cookie';
import { IDLE_TIMEOUT_MS, LISTEN, ready, SECRET, SERVER, settings, TYPE } from '../../program.mjs';

const app = new Hono();
const TEXT = { Server: SERVER, 'Content-Type': TYPE };
const JSON_TEXT = { Server: SERVER, 'Content-Type': 'application/json; charset=utf-8' };
const withoutConnection = (c) => c.env.outgoing.removeHeader('Connection'); // Nor Keep-Alive. Node adds the Date.

function respond(c, text) {
  withoutConnection(c);
  return c.text(text, 200, TEXT);
}

const hello = () => app.get('/', (c) => respond(c, 'Hello, world!'));
const note = (c, { name, note }) => respond(c, `${name}: ${note.length}`);

const SCENES = {
  hello,
  json: () =>
    app.get('/json', (c) => {
      withoutConnection(c);
      return c.json(settings.value, 200, JSON_TEXT);
    }),
  path: () =>
    app.get('/users/:id/posts', (c) => respond(c, `user ${c.req.param('id')}, page ${c.req.query('page')}`)),
  form: () => app.post('/form', async (c) => note(c, await c.req.parseBody())),
  'post-json': () => app.post('/post-json', async (c) => note(c, await c.req.json())),
  routes: () => {
    for (let at = 0; at < settings.routes; at += 1)
      app.get(`/items${at}/:id`, (c) => respond(c, `item ${c.req.param('id')}`));
  },
  cookie: () => {
    app.get('/login', async (c) => {
      await setSignedCookie(c, 'user', 'Ada', SECRET);
      return c.body(null);
    });
    app.get('/', async (c) => respond(c, `Hello, ${await getSignedCookie(c, SECRET, 'user')}!`));
  },
  middleware: () => {
    app.use((c, next) => {
      c.header('X-Frame-Options', 'DENY');
      return next();
    });
    hello();
  },
  static: () => {
    const onFound = (_path, c) => withoutConnection(c);
    app.get('/static/*', serveStatic({ root: settings.folder, onFound }));
  },
};

SCENES[settings.scene]();
const options = { fetch: app.fetch, port: LISTEN.port, hostname: LISTEN.host };
const server = serve(options, ({ port }) => ready({ port, backend: 'node:http' }));
server.keepAliveTimeout = IDLE_TIMEOUT_MS;
