// An echo server on the built package, for tests that limit what its process may have.
import { TCPServer } from '@landspout/iostream';

const server = new TCPServer({
  async handleStream(stream) {
    for (;;) await stream.write(await stream.readUntil('\n'));
  },
});
await server.listen({ port: 0, host: '127.0.0.1' });
console.log(server.port);
