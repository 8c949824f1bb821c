import { fileURLToPath } from 'node:url';
import compression from 'compression';
import { Eta } from 'eta';
import express from 'express';
import { HTML, IDLE_TIMEOUT_MS, JSON_TEXT, LISTEN, ready, SERVER, settings } from '../../program.mjs';

const app = express().disable('x-powered-by').disable('etag');
const eta = new Eta({ views: fileURLToPath(new URL('views', import.meta.url)), cache: true });

/** Without Connection or Keep-Alive; Node adds the Date. */
function open(response, type) {
  response.removeHeader('Connection');
  return response.set('Server', SERVER).type(type);
}

const json = (_request, response) => open(response, JSON_TEXT).json(settings.value);

const SCENES = {
  // As the manual of Eta has it: without the views of Express, whose engines take files.
  page: () =>
    app.get('/', (_request, response) => open(response, HTML).send(eta.render('page', settings.data))),
  made: () => {
    const made = eta.render('page', settings.data);
    app.get('/', (_request, response) => open(response, HTML).send(made));
  },
  json: () => app.get('/', json),
  compressed: () => app.use(compression({ level: settings.level })).get('/', json),
};

SCENES[settings.scene]();
const server = app.listen(LISTEN.port, LISTEN.host, () =>
  ready({ port: server.address().port, backend: 'node:http' }),
);
server.keepAliveTimeout = IDLE_TIMEOUT_MS;
