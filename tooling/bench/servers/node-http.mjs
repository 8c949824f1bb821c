// node:http, over TLS node:https, also beside a crowd of bad clients: then with deadlines, and with /large and /stats.
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import {
  BODY,
  IDLE_TIMEOUT_MS,
  LISTEN,
  largeBody,
  ready,
  SERVER,
  settings,
  TLS,
  TYPE,
  UPLOADS,
} from '../program.mjs';

const { deadlineMs } = settings.crowd ?? {};
const deadlines = deadlineMs && {
  headersTimeout: deadlineMs,
  requestTimeout: deadlineMs,
  connectionsCheckingInterval: Math.min(500, deadlineMs / 4), // The default is 30 s.
};
const hello = (_request, response) => respond(response, BODY);
const listener = deadlineMs ? besideCrowd : UPLOADS ? takeBody : hello;
const [create, backend] = TLS ? [createSecureServer, 'node:https'] : [createServer, 'node:http'];
const server = create({ ...TLS, keepAliveTimeout: IDLE_TIMEOUT_MS, ...deadlines }, listener);
const sockets = new Set();
if (deadlineMs) watchSockets();
server.listen(LISTEN, () => ready({ port: server.address().port, backend }));

function takeBody(request, response) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => respond(response, String(Buffer.concat(chunks).length)));
}

function besideCrowd(request, response) {
  if (request.url === '/large') respond(response, largeBody());
  else if (request.url === '/stats') respond(response, JSON.stringify(report()));
  // The body is awaited, as in our row, whose callback gets complete requests.
  else if (request.method === 'POST') request.resume().on('end', () => respond(response, BODY));
  else respond(response, BODY);
}

function watchSockets() {
  server.timeout = deadlineMs; // Its one deadline for a client that does not read: a socket on which nothing moves.
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
}

function report() {
  const queues = [...sockets].map(({ writableLength }) => writableLength);
  const queuedBytes = queues.reduce((sum, bytes) => sum + bytes, 0);
  return { open: sockets.size, queuedBytes, longestQueue: queues.reduce((a, b) => Math.max(a, b), 0) };
}

function respond(response, body) {
  // Without Connection there is no Keep-Alive either; HTTP/1.1 stays persistent. Node adds the Date.
  response.removeHeader('Connection');
  response.writeHead(200, { Server: SERVER, 'Content-Type': TYPE, 'Content-Length': body.length });
  response.end(body);
}
