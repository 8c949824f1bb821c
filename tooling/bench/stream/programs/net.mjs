// An echo, a reader of lines and a sender of files over net.Socket.
import { createReadStream } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { LISTEN, ready, settings } from '../../program.mjs';
import { LineCounter } from './line-counter.mjs';

const WAYS = {
  write: (socket) => socket.on('data', (chunk) => socket.write(chunk)),
  pipe: (socket) => socket.pipe(socket),
  line: (socket) => linesOf(socket, (lines, counter) => lines.on('line', (line) => counter.see(line))),
  forAwait: (socket) =>
    linesOf(socket, async (lines, counter) => {
      for await (const line of lines) counter.see(line);
    }),
  sendFile: (socket) => createReadStream(settings.file).pipe(socket),
};
const serve = WAYS[settings.way];

function linesOf(socket, read) {
  const counter = new LineCounter({ withEnd: false });
  void counter.report('node');
  read(createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY }), counter);
}

function ignore() {} // A client may reset its connection.

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', ignore);
  serve(socket);
});
server.listen({ ...LISTEN, backlog: 511 }, () => {
  ready({ port: server.address().port, backend: 'node' });
});
