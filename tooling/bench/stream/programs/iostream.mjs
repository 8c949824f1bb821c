// A reader of lines and a sender of files over IOStream.
import { open } from 'node:fs/promises';
import { IOLoop } from '@landspout/ioloop';
import { TCPServer } from '@landspout/iostream';
import { LISTEN, ready, settings } from '../../program.mjs';
import { LineCounter } from './line-counter.mjs';

const { backend } = IOLoop.current();

const WAYS = {
  async readUntil(stream) {
    const counter = new LineCounter({ withEnd: true });
    void counter.report(backend);
    for (;;) counter.see(await stream.readUntil('\n'));
  },
  async lines(stream) {
    const counter = new LineCounter({ withEnd: false });
    void counter.report(backend);
    for await (const line of stream.lines()) counter.see(line);
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
