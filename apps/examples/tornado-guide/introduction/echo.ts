// One layer below HTTP: a server that sends each line back.
import { type IOStream, StreamClosedError, TCPServer } from 'landspout';

class EchoServer extends TCPServer {
  override async handleStream(stream: IOStream): Promise<void> {
    try {
      for (;;) {
        const line = await stream.readUntil('\n', { maxBytes: 1024 });
        await stream.write(line.toString().toUpperCase());
      }
    } catch (error) {
      if (!(error instanceof StreamClosedError)) throw error;
      console.log('a client left');
    }
  }
}

const server = new EchoServer();
await server.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on http://127.0.0.1:${server.port}`);
