// A worker thread whose server and clients, of the built package, shake hands until it is terminated.
// workerData: a certificate and its key, and after how many connections it reports.
import { parentPort, workerData } from 'node:worker_threads';
import { TCPClient, TCPServer } from '@landspout/iostream';

const { cert, key, connections } = workerData;
const AT_ONCE = 8;

const server = await new TCPServer({
  tls: { cert, key },
  async handleStream(stream) {
    for await (const piece of stream.chunks()) await stream.write(piece);
    stream.close();
  },
}).listen({ host: '127.0.0.1' });
const client = new TCPClient();
let count = 0;

async function connectOften() {
  for (;;) {
    const stream = await client.connect({
      host: '127.0.0.1',
      port: server.port,
      tls: { ca: cert, servername: 'localhost' },
    });
    await stream.write('x'.repeat(20_000));
    await stream.readBytes(10_000);
    if (count % 3 === 0) stream.reset();
    else stream.close();
    count += 1;
    if (count === connections) parentPort.postMessage('busy');
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, connectOften));
