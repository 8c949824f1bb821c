// A chat room in one file: the page, and a WebSocket for each browser that opens it.
// Run: node chat.ts [port], then open the URL that it prints in two tabs.
import { Application, broadcast, RequestHandler, WebSocketHandler, type WebSocketOptions } from 'landspout';

const PAGE = `<!DOCTYPE html>
<title>Chat</title>
<form><input placeholder="Say something" maxlength="500" required autofocus> <button>Send</button></form>
<pre></pre>
<script>
  const socket = new WebSocket(location.origin.replace('http', 'ws') + '/room');
  const input = document.querySelector('input');
  const log = document.querySelector('pre');
  const show = (text) => log.prepend(text + '\\n');
  document.querySelector('form').onsubmit = (event) => {
    event.preventDefault();
    socket.send(input.value);
    input.value = '';
  };
  socket.onmessage = (event) => show(event.data);
  socket.onclose = () => show('The connection is closed. Reload the page to join again.');
</script>
`;

class Page extends RequestHandler {
  override get(): void {
    this.write(PAGE);
  }
}

const room = new Set<Member>();

class Member extends WebSocketHandler {
  override connectionOptions(): WebSocketOptions {
    return { maxMessageBytes: 4 * 1024, maxQueuedBytes: 256 * 1024, pingIntervalMs: 30_000 };
  }
  override onOpen(): void {
    room.add(this);
  }
  override onMessage(message: string | Uint8Array): void {
    broadcast(room, message); // encoded once, sent to all
  }
  override onClose(): void {
    room.delete(this);
  }
}

const app = new Application([
  ['/', Page],
  ['/room', Member],
]);
const port = process.argv[2] ?? process.env.PORT ?? 8888;
const server = await app.listen({ port, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
