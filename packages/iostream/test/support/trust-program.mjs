// A client on the built package, which connects to `localhost` on a port and trusts what Node trusts by default. Prints
// `trusted` or the code of the refusal, once more for each authority file that then replaces Node's list.
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { TCPClient } from '@landspout/iostream';

const [port, ...lists] = process.argv.slice(2);

async function attempt() {
  try {
    const stream = await new TCPClient().connect({
      host: '127.0.0.1',
      port,
      tls: { servername: 'localhost' },
    });
    stream.close();
    return 'trusted';
  } catch (error) {
    return error.cause?.code ?? error.message;
  }
}

const outcomes = [await attempt()];
for (const list of lists) {
  tls.setDefaultCACertificates([readFileSync(list, 'utf8')]);
  outcomes.push(await attempt());
}
console.log(outcomes.join(' '));
