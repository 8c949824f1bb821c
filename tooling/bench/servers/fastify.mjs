import Fastify from 'fastify';
import { ready } from './ready.mjs';
import { BODY, CONTENT_TYPE, HOST, IDLE_TIMEOUT_MS, SERVER, UPLOADS } from './settings.mjs';

const app = Fastify({ logger: false, keepAliveTimeout: IDLE_TIMEOUT_MS });
if (UPLOADS) {
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.post('/', (request, reply) => answer(reply, String(request.body.length)));
} else {
  app.get('/', (_request, reply) => answer(reply, BODY));
}
await app.listen({ port: 0, host: HOST });
ready({ port: app.server.address().port, backend: 'node:http' });

function answer(reply, body) {
  // Without Connection there is no Keep-Alive either; HTTP/1.1 stays persistent. Date is node's own.
  reply.raw.removeHeader('Connection');
  return reply.header('Server', SERVER).type(CONTENT_TYPE).send(body);
}
