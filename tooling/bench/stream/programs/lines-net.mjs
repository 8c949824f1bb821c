// Reads lines by node:readline over net.Socket.
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { settings } from '../../loop/programs/measure.mjs';
import { ready } from '../../servers/ready.mjs';
import { HOST } from '../../servers/settings.mjs';
import { LineCounter } from '../line-counter.mjs';

const counter = new LineCounter({ withEnd: false });

const WAYS = {
  event: (lines) => lines.on('line', (line) => counter.see(line)),
  async forAwait(lines) {
    for await (const line of lines) counter.see(line);
  },
};
const read = WAYS[settings.way];

const server = createServer((socket) => {
  void counter.report('node');
  read(createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY }));
});
server.listen({ port: 0, host: HOST }, () => ready({ port: server.address().port, backend: 'node' }));
