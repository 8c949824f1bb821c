// Socket.IO with connection state recovery: a room is what a topic is. One of several processes has its Redis Streams
// adapter.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from 'socket.io';
import { LISTEN, ready, settings } from '../../program.mjs';
import { listenForOrders, TOPIC } from './publisher.mjs';

/** Between two looks at the connections of Redis. */
const LOOK_MS = 10;
const { redis, member } = settings;
const client = redis === undefined ? undefined : await openClient();
const http = createServer();
const io = new Server(http, {
  transports: ['websocket'],
  serveClient: false,
  // No other row sends pings.
  pingInterval: 3_600_000,
  connectionStateRecovery: { maxDisconnectionDuration: 120_000 },
  ...(client && { adapter: await adapterOf(client) }),
});
if (client) await startReading(client);
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
http.listen(LISTEN, () => ready({ port: http.address().port, control, backend: 'socket.io', member }));

async function openClient() {
  const { createClient } = await import('@redis/client');
  const client = createClient({ url: redis, name: `socket.io-${process.pid}` });
  await client.connect();
  return client;
}

async function adapterOf(client) {
  const { createAdapter } = await import('@socket.io/redis-streams-adapter');
  return createAdapter(client);
}

/**
 * Waits until the adapter reads the stream, and publishes once: until it has read something, it begins at the end of the
 * stream with each call, and loses what comes between two calls.
 */
async function startReading(client) {
  const isReading = (line) =>
    line.includes(` name=socket.io-${process.pid} `) && line.includes(' cmd=xread ');
  while (!(await client.sendCommand(['CLIENT', 'LIST'])).split('\n').some(isReading)) await sleep(LOOK_MS);
  io.emit('ready');
}
