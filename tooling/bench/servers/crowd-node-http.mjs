import { createServer } from 'node:http';
import { largeAnswer } from './large-answer.mjs';
import { ready } from './ready.mjs';
import { BODY, CONTENT_TYPE, CROWD, HOST, IDLE_TIMEOUT_MS, SERVER } from './settings.mjs';

const { deadlineMs } = CROWD;
const sockets = new Set();
const options = {
  keepAliveTimeout: IDLE_TIMEOUT_MS,
  headersTimeout: deadlineMs,
  requestTimeout: deadlineMs,
  // By itself it looks every 30 s.
  connectionsCheckingInterval: Math.min(500, deadlineMs / 4),
};
const server = createServer(options, (request, response) => {
  if (request.url === '/large') send(response, largeAnswer());
  else if (request.url === '/stats') send(response, JSON.stringify(tell()));
  // The body is awaited, as in our row, whose callback gets requests that are complete.
  else if (request.method === 'POST') request.resume().on('end', () => send(response, BODY));
  else send(response, BODY);
});
// Its one deadline for who does not read: a socket on which nothing moves.
server.timeout = deadlineMs;
server.on('connection', (socket) => {
  sockets.add(socket);
  socket.on('error', () => {}).on('close', () => sockets.delete(socket));
});
server.listen({ port: 0, host: HOST }, () => ready({ port: server.address().port, backend: 'node:http' }));

function send(response, body) {
  response.removeHeader('Connection');
  response.writeHead(200, { Server: SERVER, 'Content-Type': CONTENT_TYPE, 'Content-Length': body.length });
  response.end(body);
}

function tell() {
  const queues = [...sockets].map(({ writableLength }) => writableLength);
  const queuedBytes = queues.reduce((sum, bytes) => sum + bytes, 0);
  return { open: sockets.size, queuedBytes, longestQueue: queues.reduce((a, b) => Math.max(a, b), 0) };
}
