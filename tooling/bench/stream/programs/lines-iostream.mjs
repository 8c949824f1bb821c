// Reads lines from an IOStream.
import { IOLoop } from '@landspout/ioloop';
import { TCPServer } from '@landspout/iostream';
import { settings } from '../../loop/programs/measure.mjs';
import { ready } from '../../servers/ready.mjs';
import { HOST } from '../../servers/settings.mjs';
import { LineCounter } from '../line-counter.mjs';

const { backend } = IOLoop.current();
const counter = new LineCounter({ withEnd: settings.way === 'readUntil' });

const WAYS = {
  async readUntil(stream) {
    for (;;) counter.see(await stream.readUntil('\n'));
  },
  async lines(stream) {
    for await (const line of stream.lines()) counter.see(line);
  },
};
const read = WAYS[settings.way];

const server = new TCPServer({
  handleStream(stream) {
    void counter.report(backend);
    return read(stream);
  },
});
await server.listen({ port: 0, host: HOST });
ready({ port: server.port, backend });
