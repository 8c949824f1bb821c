// An echo server on WebSocket, and a client that sends it one message.
// Run: node echo-websocket.ts [port]; the server then waits for other clients, such as a browser's WebSocket.
import { Application, WebSocketHandler, websocketConnect } from 'landspout';

class Echo extends WebSocketHandler {
  override async onMessage(message: string | Uint8Array): Promise<void> {
    await this.writeMessage(message); // the next message is read after this one has been sent
  }
}

const port = process.argv[2] ?? process.env.PORT ?? 8888;
const server = await new Application([['/echo', Echo]]).listen({ port, host: '127.0.0.1' });
const url = `${server.url.replace('http', 'ws')}/echo`;

const connection = await websocketConnect(url);
await connection.writeMessage('Hello, echo');
console.log(`received: ${await connection.readMessage()}`);
connection.close();
await connection.waitClosed();

console.log(`listening on ${url}`);
