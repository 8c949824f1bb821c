// httpserver with what is below it: answers Node's own client, runs handlers of others, and drains.
import assert from 'node:assert/strict';
import { createServer, request as nodeRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HTTPServer, type HTTPServerOptions, type StopResult } from '@landspout/httpserver';
import { exchangeOf, FetchContainer, serve, toFetchHandler } from '@landspout/httpserver/fetch';
import { NodeContainer, toNodeHandler } from '@landspout/httpserver/node';
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

// A Fetch handler, which also is a delegate, a Fetch handler again, and a handler of node:http.
const shout = async (request: Request): Promise<Response> => {
  const text = await request.text();
  return new Response(text.toUpperCase(), { headers: { 'X-Method': request.method } });
};
const ResponseBefore = Response;
const served = serve({ fetch: shout, port: 0, hostname: '127.0.0.1' });
await served.ready();
assert.notEqual(Response, ResponseBefore);
await checkShout(String(served.url));
await served.close();
assert.equal(Response, ResponseBefore);

const container = new FetchContainer(shout);
await withServer(new HTTPServer(container), checkShout);
const again = toFetchHandler(container);
const response = await again(new Request('http://localhost/', { method: 'POST', body: 'hello' }));
assert.equal(await response.text(), 'HELLO');
const hosted = new FetchContainer((request) => {
  assert.equal(exchangeOf(request)?.head.method, 'POST');
  return again(request);
});
await withServer(new HTTPServer(hosted), checkShout);

// The same the other way round: in a server of node:http, whose handler is in an HTTPServer.
const nodeHandler = toNodeHandler(container);
await withServer(new HTTPServer(new NodeContainer(nodeHandler)), checkShout);
const nodeServer = createServer(nodeHandler).listen(0, '127.0.0.1');
await new Promise((resolve) => nodeServer.once('listening', resolve));
await checkShout(`http://127.0.0.1:${(nodeServer.address() as AddressInfo).port}/`);
nodeServer.closeAllConnections();
nodeServer.close();

console.log(`${IOLoop.current().backend} backend`);

async function withServer(own: HTTPServer, test: (url: string) => Promise<void>): Promise<void> {
  await own.listen({ host: '127.0.0.1' });
  await test(own.url);
  await own.closeAll();
}

async function checkShout(url: string): Promise<void> {
  const { status, body, headers } = await exchange('POST', '/', 'hello', url);
  assert.deepEqual([status, body, headers['x-method']], [200, 'HELLO', 'POST']);
}

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
