// websocket with what is below it: an echo, from both sides, also in a Fetch handler, and the codec alone.
import assert from 'node:assert/strict';
import { serve } from '@landspout/httpserver/fetch';
import { Application, IOLoop } from '@landspout/web';
import {
  WebSocketClientConnection,
  WebSocketHandler,
  WebSocketHandshakeError,
  websocketConnect,
} from '@landspout/websocket';
import { upgradeWebSocket, WebSocketUpgradeError } from '@landspout/websocket/fetch';
import { encodeFrame, FrameDecoder, MESSAGE, NEED_DATA, OPCODES } from '@landspout/websocket/protocol';

const closed: (number | undefined)[] = [];
class Echo extends WebSocketHandler<'/echo/:room'> {
  override selectSubprotocol(offered: readonly string[]): string | undefined {
    return offered.find((one) => one === this.pathParams.room);
  }

  override async onMessage(message: string | Uint8Array): Promise<void> {
    await this.writeMessage(message);
  }

  override onClose(): void {
    closed.push(this.closeCode);
  }
}

const server = await new Application([['/echo/:room', Echo]]).listen({ host: '127.0.0.1' });
const address = server.url.replace('http:', 'ws:');

const connection = await websocketConnect(`${address}/echo/chat`, { subprotocols: ['news', 'chat'] });
assert.ok(connection instanceof WebSocketClientConnection);
assert.equal(connection.selectedSubprotocol, 'chat');
await connection.writeMessage('hello');
assert.equal(await connection.readMessage(), 'hello');
await connection.writeMessage(Buffer.from([1, 2, 3]));
assert.deepEqual(Buffer.from((await connection.readMessage()) ?? []), Buffer.from([1, 2, 3]));
connection.close(4000, 'done');
assert.equal(await connection.readMessage(), null);
await connection.waitClosed();

await assert.rejects(
  websocketConnect(`${address}/nowhere`),
  (error) => error instanceof WebSocketHandshakeError && error.status === 404,
);
await server.closeAll();
assert.deepEqual(closed, [4000]);

const fetchServer = serve({
  fetch(request) {
    const { socket, response } = upgradeWebSocket(request);
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  },
  error(error) {
    if (error instanceof WebSocketUpgradeError) return error.getResponse();
    throw error;
  },
  ...{ port: 0, hostname: '127.0.0.1' },
});
await fetchServer.ready();
const upgraded = await websocketConnect(String(fetchServer.url).replace('http:', 'ws:'));
await upgraded.writeMessage('hello');
assert.equal(await upgraded.readMessage(), 'hello');
upgraded.close();
await upgraded.waitClosed();
assert.equal((await fetch(String(fetchServer.url), { headers: { Connection: 'close' } })).status, 400);
await fetchServer.close(true);

const frame = Buffer.from(encodeFrame(OPCODES.text, Buffer.from('hello')));
const decoder = new FrameDecoder({ role: 'client' });
decoder.receive(frame, 0, frame.length);
assert.deepEqual([decoder.next(), decoder.next()], [MESSAGE, NEED_DATA]);

console.log(`${IOLoop.current().backend} backend`);
