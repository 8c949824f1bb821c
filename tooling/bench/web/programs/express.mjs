import path from 'node:path';
import cookieParser from 'cookie-parser';
import express from 'express';
import { IDLE_TIMEOUT_MS, LISTEN, ready, SECRET, SERVER, settings } from '../../program.mjs';

const app = express().disable('x-powered-by').disable('etag');
const withoutConnection = (response) => response.removeHeader('Connection'); // Nor Keep-Alive. Node adds the Date.

function open(response) {
  withoutConnection(response);
  return response.set('Server', SERVER);
}

const respond = (response, text) => open(response).type('text/plain').send(text);
const hello = () => app.get('/', (_request, response) => respond(response, 'Hello, world!'));
const note = ({ body }, response) => respond(response, `${body.name}: ${body.note.length}`);

const SCENES = {
  hello,
  json: () => app.get('/json', (_request, response) => open(response).json(settings.value)),
  path: () =>
    app.get('/users/:id/posts', ({ params, query }, response) =>
      respond(response, `user ${params.id}, page ${query.page}`),
    ),
  form: () => app.post('/form', express.urlencoded(), note),
  'post-json': () => app.post('/post-json', express.json(), note),
  routes: () => {
    for (let at = 0; at < settings.routes; at += 1)
      app.get(`/items${at}/:id`, ({ params }, response) => respond(response, `item ${params.id}`));
  },
  cookie: () => {
    app.use(cookieParser(SECRET));
    app.get('/login', (_request, response) => response.cookie('user', 'Ada', { signed: true }).end());
    app.get('/', (request, response) => respond(response, `Hello, ${request.signedCookies.user}!`));
  },
  middleware: () => {
    app.use((_request, response, next) => {
      response.set('X-Frame-Options', 'DENY');
      next();
    });
    hello();
  },
  static: () => {
    const root = path.join(settings.folder, 'static');
    app.use('/static', express.static(root, { setHeaders: withoutConnection }));
  },
};

SCENES[settings.scene]();
const server = app.listen(LISTEN.port, LISTEN.host, () =>
  ready({ port: server.address().port, backend: 'node:http' }),
);
server.keepAliveTimeout = IDLE_TIMEOUT_MS;
