// Socket.IO with connection state recovery: a room is what a topic is.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { LISTEN, ready } from '../../program.mjs';
import { listenForOrders, TOPIC } from './publisher.mjs';

const http = createServer();
const io = new Server(http, {
  transports: ['websocket'],
  serveClient: false,
  // No other row sends pings.
  pingInterval: 3_600_000,
  connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
});
io.on('connection', (socket) => {
  socket.on('sub', (topic, acknowledge) => {
    socket.join(topic);
    acknowledge();
  });
});
// `close` of the load client resets its connections.
http.on('clientError', () => {});

const publish = (data) => io.to(TOPIC).emit('msg', data);
const control = await listenForOrders(publish);
http.listen(LISTEN, () => ready({ port: http.address().port, control, backend: 'socket.io' }));
