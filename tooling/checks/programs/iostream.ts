// iostream with ioloop: a line echo over TCP, a pair in memory, and the compliance suite on the latter.
import assert from 'node:assert/strict';
import { IOLoop } from '@landspout/ioloop';
import { IOStream, StreamClosedError, type StreamErrorCode, TCPClient, TCPServer } from '@landspout/iostream';
import { type TestFramework, transportCompliance } from '@landspout/iostream/compliance';
import { memoryPair } from '@landspout/iostream/transports';

const server = new TCPServer({
  async handleStream(stream) {
    for (;;) await stream.write(await stream.readUntil('\n')); // ends when the peer does
  },
});
await server.listen({ host: '127.0.0.1' });
const stream: IOStream = await new TCPClient().connect({ host: '127.0.0.1', port: server.port });
for (const line of ['one\n', 'two\n']) {
  await stream.write(line);
  assert.equal((await stream.readUntil('\n', { maxBytes: 100 })).toString(), line);
}
stream.close();
const code: StreamErrorCode = 'ERR_STREAM_CLOSED';
await assert.rejects(
  stream.readBytes(1),
  (error) => error instanceof StreamClosedError && error.code === code,
);
await server.closeAll();
assert.equal(server.openConnections, 0);

const [left, right] = memoryPair().map((transport) => new IOStream(transport));
assert.ok(left !== undefined && right !== undefined);
await left.write('hello');
left.endWrite();
assert.equal((await right.readUntilClose()).toString(), 'hello');
left.close();
right.close();

const tests: (() => Promise<void>)[] = [];
const framework: TestFramework = {
  describe: (_name, body) => body(),
  it: (_name, test) => void tests.push(test),
};
transportCompliance('memory', framework, async () => {
  const [a, b] = memoryPair();
  return { a, b, close: () => Promise.resolve() };
});
assert.ok(tests.length > 10);
for (const test of tests) await test();

console.log(`${IOLoop.current().backend} backend`);
