import path from 'node:path';
import cookie from '@fastify/cookie';
import formbody from '@fastify/formbody';
import files from '@fastify/static';
import Fastify from 'fastify';
import { IDLE_TIMEOUT_MS, LISTEN, ready, SECRET, SERVER, settings, TYPE } from '../../program.mjs';

const app = Fastify({ logger: false, keepAliveTimeout: IDLE_TIMEOUT_MS });
const withoutConnection = (response) => response.removeHeader('Connection'); // Nor Keep-Alive. Node adds the Date.

function respond(reply, body, type = TYPE) {
  withoutConnection(reply.raw);
  return reply.header('Server', SERVER).type(type).send(body);
}

/** Of the responses that it is given, Fastify compiles how to write their JSON. */
const ITEM = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    name: { type: 'string' },
    price: { type: 'number' },
    inStock: { type: 'boolean' },
  },
};
const properties = { items: { type: 'array', items: ITEM }, note: { type: 'string' } };
const schema = { response: { 200: { type: 'object', properties } } };

const hello = () => app.get('/', (_request, reply) => respond(reply, 'Hello, world!'));
const note = ({ body }, reply) => respond(reply, `${body.name}: ${body.note.length}`);

const SCENES = {
  hello,
  json: () =>
    app.get('/json', { schema }, (_request, reply) =>
      respond(reply, settings.value, 'application/json; charset=utf-8'),
    ),
  path: () =>
    app.get('/users/:id/posts', ({ params, query }, reply) =>
      respond(reply, `user ${params.id}, page ${query.page}`),
    ),
  form: () => app.register(formbody).post('/form', note),
  'post-json': () => app.post('/post-json', note),
  routes: () => {
    for (let at = 0; at < settings.routes; at += 1)
      app.get(`/items${at}/:id`, ({ params }, reply) => respond(reply, `item ${params.id}`));
  },
  cookie: () => {
    app.register(cookie, { secret: SECRET });
    app.get('/login', (_request, reply) => reply.setCookie('user', 'Ada', { signed: true }).send());
    app.get('/', (request, reply) => {
      const { value } = request.unsignCookie(request.cookies.user);
      return respond(reply, `Hello, ${value}!`);
    });
  },
  middleware: () => {
    app.addHook('onRequest', (_request, reply, done) => {
      reply.header('X-Frame-Options', 'DENY');
      done();
    });
    hello();
  },
  static: () => {
    const root = path.join(settings.folder, 'static');
    app.register(files, { root, prefix: '/static/', setHeaders: ({ raw }) => withoutConnection(raw) });
  },
};

SCENES[settings.scene]();
await app.listen(LISTEN);
ready({ port: app.server.address().port, backend: 'node:http' });
