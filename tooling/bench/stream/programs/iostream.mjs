// A reader of lines and a sender of files over IOStream.
import { open } from 'node:fs/promises';
import { IOLoop } from '@landspout/ioloop';
import { TCPServer } from '@landspout/iostream';
import { LISTEN, ready, settings } from '../../program.mjs';
import { lineCounter } from './line-counter.mjs';

const { backend } = IOLoop.current();

const WAYS = {
  async readUntil(stream) {
    const see = lineCounter(backend, { withEnd: true });
    for (;;) see(await stream.readUntil('\n'));
  },
  async lines(stream) {
    const see = lineCounter(backend, { withEnd: false });
    for await (const line of stream.lines()) see(line);
  },
  async sendFile(stream) {
    const file = await open(settings.file);
    try {
      await stream.sendFile(file);
    } finally {
      await file.close();
    }
    stream.close();
  },
};

const server = new TCPServer({ handleStream: WAYS[settings.way] });
await server.listen(LISTEN);
ready({ port: server.port, backend });
