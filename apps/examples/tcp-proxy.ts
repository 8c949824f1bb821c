// A TCP proxy: for each connection it opens one to the target, and passes on bytes, back-pressure and half-close both
// ways.
// Run: node tcp-proxy.ts [port] [target host] [target port], then curl -H 'Host: example.com' http://127.0.0.1:8888
import { TCPClient, TCPServer } from 'landspout';
import { join } from 'landspout/iostream';

const [, , port = process.env.PORT ?? 8888, targetHost = 'example.com', targetPort = 80] = process.argv;

const client = new TCPClient();
const server = new TCPServer({
  maxConnections: 1_000,
  async handleStream(inbound) {
    const outbound = await client.connect({ host: targetHost, port: targetPort, timeoutMs: 5_000 });
    await join(inbound, outbound);
  },
});

await server.listen({ port, host: '127.0.0.1' });
console.log(`listening on tcp://127.0.0.1:${server.port}, for ${targetHost}:${targetPort}`);
