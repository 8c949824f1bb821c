// Sends back what comes, over IOStream: by the door of the layers above, or as a user would.
import { IOLoop } from '@landspout/ioloop';
import { TCPServer } from '@landspout/iostream';
import { LISTEN, ready, settings } from '../../program.mjs';

class Echo {
  #stream;

  constructor(stream) {
    this.#stream = stream;
  }

  received(bytes, start, end) {
    // The bytes are lent for this call only, so what is queued must be a copy.
    const copy = Buffer.allocUnsafe(end - start);
    bytes.copy(copy, 0, start, end);
    this.#stream.send(copy);
    if (!this.#stream.isWritable) this.#stream.pause();
  }

  drained() {
    this.#stream.resume();
  }

  ended() {
    this.#stream.close();
  }

  closed() {}
}

const WAYS = {
  consumer(stream) {
    stream.setConsumer(new Echo(stream));
    stream.resume();
  },
  async readBytes(stream) {
    for (;;) await stream.write(await stream.readBytes(64 * 1024, { partial: true }));
  },
  async forAwait(stream) {
    for await (const chunk of stream) await stream.write(chunk);
    stream.close();
  },
};

const server = new TCPServer({ handleStream: WAYS[settings.way] });
await server.listen(LISTEN);
ready({ port: server.port, backend: IOLoop.current().backend });
