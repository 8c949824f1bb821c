import { fileURLToPath } from 'node:url';
import compress from '@fastify/compress';
import view from '@fastify/view';
import { Eta } from 'eta';
import Fastify from 'fastify';
import { HTML, IDLE_TIMEOUT_MS, JSON_TEXT, LISTEN, ready, SERVER, settings } from '../../program.mjs';

const app = Fastify({ logger: false, keepAliveTimeout: IDLE_TIMEOUT_MS });
const VIEWS = fileURLToPath(new URL('views', import.meta.url));

/** Without Connection or Keep-Alive; Node adds the Date. */
function open(reply, type) {
  reply.raw.removeHeader('Connection');
  return reply.header('Server', SERVER).type(type);
}

const json = (_request, reply) => open(reply, JSON_TEXT).send(settings.value);

const SCENES = {
  page: async () => {
    await app.register(view, { engine: { eta: new Eta() }, root: VIEWS });
    app.get('/', (_request, reply) => open(reply, HTML).view('page', settings.data));
  },
  made: () => {
    const made = new Eta({ views: VIEWS }).render('page', settings.data);
    app.get('/', (_request, reply) => open(reply, HTML).send(made));
  },
  json: () => app.get('/', json),
  compressed: async () => {
    await app.register(compress, { encodings: ['gzip'], zlibOptions: { level: settings.level } });
    app.get('/', json);
  },
};

await SCENES[settings.scene]();
await app.listen(LISTEN);
ready({ port: app.server.address().port, backend: 'node:http' });
