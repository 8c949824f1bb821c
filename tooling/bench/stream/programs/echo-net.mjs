// Sends back what comes, over net.Socket.
import { createServer } from 'node:net';
import { settings } from '../../loop/programs/measure.mjs';
import { ready } from '../../servers/ready.mjs';
import { HOST } from '../../servers/settings.mjs';

const WAYS = {
  write: (socket) => socket.on('data', (chunk) => socket.write(chunk)),
  pipe: (socket) => socket.pipe(socket),
};
const echo = WAYS[settings.way];

function ignore() {} // A client that resets its connection is no fault of ours.

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', ignore);
  echo(socket);
});
server.listen({ port: 0, host: HOST, backlog: 511 }, () => {
  ready({ port: server.address().port, backend: 'node' });
});
