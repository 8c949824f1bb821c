import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import type { IOLoop } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import { IOStream } from '@landspout/iostream';
import { NodeTransport } from '@landspout/iostream/transports';
import { HTTPServer } from '../http-server.ts';
import type { HTTPServerOptions } from '../options.ts';

/**
 * Serves the connections that node:http hands over with the event `upgrade`, each for one request, whose head it has
 * read: an HTTPServer without a listener, so that refusals, limits, `detach` and stops are those of an HTTPServer.
 */
export class OuterUpgrades {
  readonly #server: HTTPServer;
  readonly #loop: IOLoop;

  constructor(
    delegate: HTTPServerConnectionDelegate,
    options: HTTPServerOptions & { readonly loop: IOLoop },
    signal: AbortSignal | undefined,
  ) {
    this.#loop = options.loop;
    this.#server = new HTTPServer(delegate, { ...options, keepAlive: false });
    // Without a listener of its own, a request in progress keeps the process alive.
    void this.#server.stopListening();
    onAbort(signal, () => void this.#server.stop());
  }

  serve(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    // The timeout of node:http between two requests.
    if ('setTimeout' in socket && typeof socket.setTimeout === 'function') socket.setTimeout(0);
    if (socket.destroyed || socket.readableEnded) {
      socket.destroy();
      return;
    }
    socket.unshift(Buffer.concat([headBytes(request), head]));
    this.#server.handleStream(new IOStream(new NodeTransport(socket, { loop: this.#loop })));
  }
}

/** Returns the head as the client sent it, but with the target that handlers in front may have changed. */
function headBytes({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return Buffer.from(`${text}\r\n`, 'latin1');
}
