// An echo, a reader of lines and a sender of files over net.Socket.
import { createReadStream } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { LISTEN, ready, settings } from '../../program.mjs';
import { lineCounter } from './line-counter.mjs';

const linesOf = (input) => createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
const WAYS = {
  write: (socket) => socket.on('data', (chunk) => socket.write(chunk)),
  pipe: (socket) => socket.pipe(socket),
  line: (socket) => linesOf(socket).on('line', lineCounter('node', { withEnd: false })),
  async forAwait(socket) {
    const see = lineCounter('node', { withEnd: false });
    for await (const line of linesOf(socket)) see(line);
  },
  sendFile: (socket) => createReadStream(settings.file).pipe(socket),
};
const serve = WAYS[settings.way];

function ignore() {} // A client may reset its connection.

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', ignore);
  serve(socket);
});
server.listen({ ...LISTEN, backlog: 511 }, () => {
  ready({ port: server.address().port, backend: 'node' });
});
