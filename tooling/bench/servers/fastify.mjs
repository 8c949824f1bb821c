import Fastify from 'fastify';
import { BODY, IDLE_TIMEOUT_MS, LISTEN, ready, SERVER, TYPE, UPLOADS } from '../program.mjs';

const app = Fastify({ logger: false, keepAliveTimeout: IDLE_TIMEOUT_MS });
if (UPLOADS) {
  const whole = (_request, body, done) => done(null, body);
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, whole);
  app.post('/', (request, reply) => respond(reply, String(request.body.length)));
} else {
  app.get('/', (_request, reply) => respond(reply, BODY));
}
await app.listen(LISTEN);
ready({ port: app.server.address().port, backend: 'node:http' });

function respond(reply, body) {
  // Without Connection there is no Keep-Alive either; HTTP/1.1 stays persistent. Node adds the Date.
  reply.raw.removeHeader('Connection');
  return reply.header('Server', SERVER).type(TYPE).send(body);
}
