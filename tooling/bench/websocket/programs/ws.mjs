// The `ws` package, over TLS on node:https, which unmasks in JavaScript unless bufferutil is there and not turned off.
import { createServer } from 'node:https';
import { LISTEN, ready, settings, TLS } from '../../program.mjs';

if (!settings.bufferutil) process.env.WS_NO_BUFFER_UTIL = '1';
const { WebSocketServer } = await import('ws');

const secure = TLS && createServer(TLS).listen(LISTEN);
const place = secure === undefined ? LISTEN : { server: secure };
const server = new WebSocketServer({ ...place, perMessageDeflate: settings.deflate });

function broadcast(message, binary) {
  for (const client of server.clients) client.send(message, { binary });
}

server.on('connection', (socket) => {
  socket.on('error', () => {}); // A client may reset what it no longer needs.
  if (settings.mode === 'broadcast') socket.on('message', broadcast);
  else socket.on('message', (message, binary) => socket.send(message, { binary }));
});
server.on('listening', () => ready({ port: server.address().port, backend: 'ws' }));
