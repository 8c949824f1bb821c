// httpserver with what is below it: answers Node's own client, and drains.
import assert from 'node:assert/strict';
import { request as nodeRequest } from 'node:http';
import { HTTPServer, type HTTPServerOptions, type StopResult } from '@landspout/httpserver';
import { consoleLogger, IOLoop, type Logger } from '@landspout/ioloop';

const logged: unknown[] = [];
const logger: Logger = { ...consoleLogger, info() {}, error: (details) => logged.push(details) };
const options: HTTPServerOptions = { maxBodyBytes: 10, headerTimeoutMs: 5_000, loop: new IOLoop({ logger }) };
const server = new HTTPServer((request) => {
  if (request.target === '/broken') throw new TypeError('on purpose');
  request.respond(200, request.body, { 'Content-Type': 'text/plain', 'X-Method': request.method });
}, options);
await server.listen({ host: '127.0.0.1' });

const echo = await exchange('POST', '/echo', 'hello');
assert.deepEqual([echo.status, echo.body, echo.headers['x-method']], [200, 'hello', 'POST']);
assert.equal((await exchange('POST', '/echo', 'more than ten bytes')).status, 413);
assert.equal((await exchange('GET', '/broken')).status, 500);
assert.equal(logged.length, 1);

const { url } = server;
const stopped: StopResult = await server.stop();
assert.equal(stopped.cut, 0);
await assert.rejects(exchange('GET', '/', '', url), { code: 'ECONNREFUSED' });
console.log(`${IOLoop.current().backend} backend`);

interface Answer {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

function exchange(method: string, path: string, body = '', origin = server.url): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = nodeRequest(new URL(path, origin), { method, agent: false }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (part: string) => {
        text += part;
      });
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode, headers: incoming.headers, body: text }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
