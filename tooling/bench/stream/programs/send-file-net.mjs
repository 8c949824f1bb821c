// Sends a file to whoever connects, by a stream of node:fs piped to the net.Socket.
import { createReadStream } from 'node:fs';
import { createServer } from 'node:net';
import { settings } from '../../loop/programs/measure.mjs';
import { ready } from '../../servers/ready.mjs';
import { HOST } from '../../servers/settings.mjs';

const server = createServer({ noDelay: true }, (socket) => {
  createReadStream(settings.file).pipe(socket);
});
server.listen({ port: 0, host: HOST }, () => ready({ port: server.address().port, backend: 'node' }));
