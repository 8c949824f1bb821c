// The `ws` package, which unmasks in JavaScript unless bufferutil is there and not turned off.
import { LISTEN, ready, settings } from '../../program.mjs';

if (!settings.bufferutil) process.env.WS_NO_BUFFER_UTIL = '1';
const { WebSocketServer } = await import('ws');

const server = new WebSocketServer({ ...LISTEN, perMessageDeflate: settings.deflate });

function broadcast(message, binary) {
  for (const client of server.clients) client.send(message, { binary });
}

server.on('connection', (socket) => {
  socket.on('error', () => {}); // A client may reset what it no longer needs.
  if (settings.mode === 'broadcast') socket.on('message', broadcast);
  else socket.on('message', (message, binary) => socket.send(message, { binary }));
});
server.on('listening', () => ready({ port: server.address().port, backend: 'ws' }));
