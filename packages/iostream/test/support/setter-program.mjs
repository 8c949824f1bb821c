// A client on the built package whose program has setters on Array.prototype that close the stream. Prints how many of
// them ran, and `alive` after the certificates were read.
import { readFileSync } from 'node:fs';
import { TCPClient } from '@landspout/iostream';

const [port, caFile] = process.argv.slice(2);
const stream = await new TCPClient().connect({
  host: '127.0.0.1',
  port,
  tls: { servername: 'localhost', ca: readFileSync(caFile) },
});
let closed = 0;
for (const index of [0, 1, 2]) {
  Object.defineProperty(Array.prototype, index, {
    configurable: true,
    set() {
      closed += 1;
      stream.close();
    },
  });
}
try {
  stream.tls.getPeerCertificate();
} catch {
  // What the program has done to arrays may break any code; it must not crash.
}
for (const index of [0, 1, 2]) delete Array.prototype[index];
console.log(closed > 0 ? 'closed' : 'open', 'alive');
process.exit();
