// A server on the built package that listens on what it has inherited as descriptor 3. Prints its address; answers each
// connection with that address, and stops at the end of its standard input.
import { TCPServer } from '@landspout/iostream';

const server = new TCPServer({
  async handleStream(stream) {
    await stream.write(JSON.stringify(stream.localAddress));
    stream.close();
  },
});
await server.listen({ fd: 3 });
console.log(JSON.stringify(server.address));
process.stdin.resume().once('end', () => server.closeAll());
