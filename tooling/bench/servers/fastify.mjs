import Fastify from 'fastify';
import { ready } from './ready.mjs';
import { BODY, CONTENT_TYPE, HOST, IDLE_TIMEOUT_MS, SERVER } from './settings.mjs';

const app = Fastify({ logger: false, keepAliveTimeout: IDLE_TIMEOUT_MS });
app.get('/', (_request, reply) => {
  // Without Connection there is no Keep-Alive either; HTTP/1.1 stays persistent. Date is node's own.
  reply.raw.removeHeader('Connection');
  return reply.header('Server', SERVER).type(CONTENT_TYPE).send(BODY);
});
await app.listen({ port: 0, host: HOST });
ready({ port: app.server.address().port, backend: 'node:http' });
