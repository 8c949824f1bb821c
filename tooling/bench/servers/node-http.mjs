import { createServer } from 'node:http';
import { ready } from './ready.mjs';
import { BODY, CONTENT_TYPE, HOST, IDLE_TIMEOUT_MS, SERVER } from './settings.mjs';

const server = createServer({ keepAliveTimeout: IDLE_TIMEOUT_MS }, (_request, response) => {
  // Without Connection there is no Keep-Alive either; HTTP/1.1 stays persistent. Date is node's own.
  response.removeHeader('Connection');
  response.writeHead(200, { Server: SERVER, 'Content-Type': CONTENT_TYPE, 'Content-Length': BODY.length });
  response.end(BODY);
});
server.listen({ port: 0, host: HOST }, () => ready({ port: server.address().port, backend: 'node:http' }));
