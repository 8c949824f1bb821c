// httpclient with what is below it: fetches from Node's own server, over one connection.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AsyncHTTPClient, HTTPClientError, type HTTPResponse, HTTPTimeoutError } from '@landspout/httpclient';
import { IOLoop } from '@landspout/ioloop';

let connections = 0;
const server = createServer((request, response) => {
  if (request.url === '/silence') return;
  if (request.url !== '/echo') response.statusCode = 404;
  response.setHeader('X-Method', request.method ?? '');
  request.pipe(response);
});
server.on('connection', () => connections++);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const client = new AsyncHTTPClient({ defaults: { requestTimeoutMs: 5_000 } });
const response: HTTPResponse = await client.fetch(`${origin}/echo`, { method: 'POST', body: '{"a":1}' });
assert.deepEqual([response.status, response.headers.get('x-method')], [200, 'POST']);
assert.deepEqual(response.json(), { a: 1 });

const missing: unknown = await client.fetch(`${origin}/nowhere`).catch((error: unknown) => error);
assert.ok(missing instanceof HTTPClientError);
assert.equal(missing.status, 404);
assert.equal((await client.fetch(`${origin}/nowhere`, { raiseError: false })).ok, false);
assert.equal(connections, 1, 'the connection was not used again');

const silence = client.fetch(`${origin}/silence`, { requestTimeoutMs: 50 });
await assert.rejects(silence, (error) => error instanceof HTTPTimeoutError && error.status === 599);
const controller = new AbortController();
const aborted = client.fetch(`${origin}/silence`, { signal: controller.signal });
controller.abort(new Error('enough'));
await assert.rejects(aborted, /enough/);

await client.close();
server.close();
await once(server, 'close');
console.log(`${IOLoop.current().backend} backend`);
