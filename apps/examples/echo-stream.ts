// An echo server on a stream: each line is sent back. The same on HTTP: echo-http.ts; on WebSocket: echo-websocket.ts.
// Run: node echo-stream.ts [port], then nc 127.0.0.1 8888, and type.
import { TCPServer } from 'landspout';

const server = new TCPServer({
  async handleStream(stream) {
    // The loop ends with a StreamClosedError when the client disconnects, which is not an error of this program.
    for (;;) await stream.write(await stream.readUntil('\n', { maxBytes: 64 * 1024 }));
  },
});

const port = process.argv[2] ?? process.env.PORT ?? 8888;
await server.listen({ port, host: '127.0.0.1' });
console.log(`listening on tcp://127.0.0.1:${server.port}`);
