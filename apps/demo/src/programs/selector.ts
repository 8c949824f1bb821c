// An event loop written by hand: what IOLoop does for you, using only a socket and a selector.
import { lookup } from 'node:dns/promises';
import { DefaultSelector, EVENT_READ, EVENT_WRITE, type SelectorKey, Socket } from 'landspout/ioloop';

/** Sends a GET and prints the raw response. Blocks the thread until it is complete. */
export async function runSelector(url: URL): Promise<void> {
  const { address, family } = await lookup(url.hostname.replace(/^\[|\]$/g, ''));
  const selector = new DefaultSelector<(key: SelectorKey) => void>();
  const socket = Socket.tcp(family === 6 ? 6 : 4);
  const response: Uint8Array[] = [];
  let unsent: Uint8Array = Buffer.from(
    `GET ${url.pathname}${url.search} HTTP/1.0\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`,
  );
  let stopped = false;

  function connected(key: SelectorKey): void {
    const error = key.socket.getError();
    if (error !== undefined) throw error;
    unsent = unsent.subarray(key.socket.send(unsent));
    if (unsent.length > 0) return; // only a part was sent; the rest follows when the socket is writable again
    selector.unregister(key.socket);
    selector.register(key.socket, EVENT_READ, readable);
  }

  function readable(key: SelectorKey): void {
    const chunk = key.socket.recv();
    if (chunk === undefined) return; // a socket that was reported as readable may have nothing to read after all
    if (chunk.length > 0) response.push(chunk);
    else stopped = true; // end of the stream
  }

  socket.connect({ host: address, port: Number(url.port || 80) });
  selector.register(socket, EVENT_WRITE, connected);
  while (!stopped) for (const [key] of selector.select()) key.data(key);
  selector.close();
  socket.close();
  console.log(Buffer.concat(response).toString());
}
