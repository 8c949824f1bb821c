// The umbrella: an application, a client and a WebSocket from one name, and each layer from its subpath.
import assert from 'node:assert/strict';
import * as umbrella from 'landspout';
import {
  Application,
  AsyncHTTPClient,
  IOLoop,
  RequestHandler,
  WebSocketHandler,
  websocketConnect,
} from 'landspout';
import * as http1 from 'landspout/http1';
import * as httpclient from 'landspout/httpclient';
import * as httpserver from 'landspout/httpserver';
import { FetchContainer } from 'landspout/httpserver/fetch';
import { NodeContainer } from 'landspout/httpserver/node';
import * as ioloop from 'landspout/ioloop';
import * as executors from 'landspout/ioloop/executors';
import * as processes from 'landspout/ioloop/processes';
import * as iostream from 'landspout/iostream';
import * as topics from 'landspout/topics';
import * as web from 'landspout/web';
import { nodeMiddleware } from 'landspout/web/node';
import * as websocket from 'landspout/websocket';
import { upgradeWebSocket } from 'landspout/websocket/fetch';
import * as topicDoor from 'landspout/websocket/topics';

// What applications use is that of the layers, under the same names.
const layers = {
  http1,
  httpclient,
  httpserver,
  ioloop,
  executors,
  processes,
  iostream,
  topics,
  web,
  websocket,
  topicDoor,
};
const everything = new Map<string, unknown>(Object.values(layers).flatMap((layer) => Object.entries(layer)));
for (const [name, value] of Object.entries(umbrella)) assert.equal(value, everything.get(name), name);

class Hello extends RequestHandler<'/hello/:name'> {
  override get(): void {
    this.write({ hello: this.pathParams.name });
  }
}
class Echo extends WebSocketHandler {
  override onMessage(message: string | Uint8Array): void {
    void this.writeMessage(message);
  }
}
const fetchHandler = (request: Request): Response => {
  const { socket, response } = upgradeWebSocket(request);
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
};
const app = new Application(
  [
    ['/hello/:name', Hello],
    ['/echo', Echo],
    web.mount('/fetch', new FetchContainer(fetchHandler)),
    web.mount('/node', new NodeContainer((request, response) => response.end(request.url))),
  ],
  {
    middleware: [
      nodeMiddleware((_request, response, next) => {
        response.setHeader('X-Middleware', 'yes');
        next();
      }),
    ],
  },
);
const server = await app.listen({ host: '127.0.0.1' });

const client = new AsyncHTTPClient();
assert.deepEqual((await client.fetch(`${server.url}/hello/you`)).json(), { hello: 'you' });
const passed = await client.fetch(`${server.url}/node/a`);
assert.deepEqual([passed.body.toString(), passed.headers.get('X-Middleware')], ['/a', 'yes']);
for (const path of ['/echo', '/fetch/echo']) {
  const connection = await websocketConnect(server.url.replace('http:', 'ws:') + path);
  await connection.writeMessage('back');
  assert.equal(await connection.readMessage(), 'back');
  connection.close();
  await connection.waitClosed();
}

await client.close();
await server.closeAll();
console.log(`${IOLoop.current().backend} backend`);
