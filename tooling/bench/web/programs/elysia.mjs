// On Bun.
import path from 'node:path';
import { staticPlugin } from '@elysiajs/static';
import { Elysia } from 'elysia';
import { IDLE_TIMEOUT_MS, LISTEN, ready, SECRET, SERVER, settings, TYPE } from '../../program.mjs';

const serve = { idleTimeout: IDLE_TIMEOUT_MS / 1000 };
const signed = settings.scene === 'cookie' && { cookie: { secrets: SECRET, sign: ['user'] } };
const app = new Elysia({ serve, ...signed }).headers({ Server: SERVER });

const text = () => app.headers({ 'Content-Type': TYPE });
const hello = () => text().get('/', () => 'Hello, world!');
const note = ({ body }) => `${body.name}: ${body.note.length}`;

const SCENES = {
  hello,
  json: () => app.get('/json', () => settings.value),
  path: () => text().get('/users/:id/posts', ({ params, query }) => `user ${params.id}, page ${query.page}`),
  form: () => text().post('/form', note, { parse: 'urlencoded' }),
  'post-json': () => text().post('/post-json', note, { parse: 'json' }),
  routes: () => {
    text();
    for (let at = 0; at < settings.routes; at += 1)
      app.get(`/items${at}/:id`, ({ params }) => `item ${params.id}`);
  },
  cookie: () => {
    text().get('/login', ({ cookie }) => {
      cookie.user.value = 'Ada';
      return '';
    });
    app.get('/', ({ cookie }) => `Hello, ${cookie.user.value}!`);
  },
  middleware: () => {
    app.onBeforeHandle(({ set }) => {
      set.headers['X-Frame-Options'] = 'DENY';
    });
    hello();
  },
  static: () => app.use(staticPlugin({ assets: path.join(settings.folder, 'static'), prefix: '/static' })),
};

SCENES[settings.scene]();
await app.modules;
app.listen({ port: LISTEN.port, hostname: LISTEN.host }, ({ port }) => ready({ port, backend: 'bun' }));
