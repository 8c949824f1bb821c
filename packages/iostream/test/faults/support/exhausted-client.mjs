// Connects on the built package until no descriptor is left; says how that was told, and that it passes.
import { TCPClient } from '@landspout/iostream';

const target = { host: '127.0.0.1', port: Number(process.argv[2]) };
const client = new TCPClient();
const streams = [];
let failure;
while (failure === undefined) {
  try {
    streams.push(await client.connect(target));
  } catch (error) {
    failure = error;
  }
}
for (const stream of streams) stream.close();
await Promise.all(streams.map((stream) => stream.waitClosed()));
const again = await client.connect(target);
const { name, code, syscall } = failure;
console.log(JSON.stringify({ name, code, syscall, before: streams.length, isOpenAgain: !again.isClosed }));
again.close();
