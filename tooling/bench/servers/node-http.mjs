import { createServer } from 'node:http';
import { ready } from './ready.mjs';
import { BODY, CONTENT_TYPE, HOST, IDLE_TIMEOUT_MS, SERVER, UPLOADS } from './settings.mjs';

const hello = (_request, response) => answer(response, BODY);
const server = createServer({ keepAliveTimeout: IDLE_TIMEOUT_MS }, UPLOADS ? takeBody : hello);
server.listen({ port: 0, host: HOST }, () => ready({ port: server.address().port, backend: 'node:http' }));

function takeBody(request, response) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => answer(response, String(Buffer.concat(chunks).length)));
}

function answer(response, body) {
  // Without Connection there is no Keep-Alive either; HTTP/1.1 stays persistent. Date is node's own.
  response.removeHeader('Connection');
  response.writeHead(200, { Server: SERVER, 'Content-Type': CONTENT_TYPE, 'Content-Length': body.length });
  response.end(body);
}
