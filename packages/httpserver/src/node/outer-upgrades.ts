import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { HTTPHeaders, type HTTPServerConnectionDelegate } from '@landspout/http1';
import { safeReason } from '@landspout/http1/protocol';
import type { IOLoop } from '@landspout/ioloop';
import { callReporting, onAbort } from '@landspout/ioloop/reactor';
import { IOStream } from '@landspout/iostream';
import { NodeTransport } from '@landspout/iostream/transports';
import { type CallFailure, failurePage, judgeCall } from '../calling/call-failure.ts';
import { addFields, checkHead, OuterRequestHead } from '../calling/outer-head.ts';
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
    const report = (error: unknown) => this.#loop.logger.error({ error }, 'stopping upgrades failed');
    // Without a listener of its own, a request in progress keeps the process alive.
    callReporting(() => this.#server.stopListening(), undefined, report);
    onAbort(signal, () => callReporting(() => this.#server.stop(), undefined, report));
  }

  serve(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    // The timeout of node:http between two requests.
    if ('setTimeout' in socket && typeof socket.setTimeout === 'function') socket.setTimeout(0);
    if (socket.destroyed || socket.readableEnded) {
      socket.destroy();
      return;
    }
    let bytes: Buffer;
    try {
      bytes = headBytes(request);
    } catch (error) {
      this.refuse(socket, error);
      return;
    }
    socket.unshift(Buffer.concat([bytes, head]));
    this.#server.handleStream(new IOStream(new NodeTransport(socket, { loop: this.#loop })));
  }

  /** Responds to a request that is not passed on, because of `error`. */
  refuse(socket: Duplex, error: unknown): void {
    refuse(socket, judgeCall(error));
  }
}

/**
 * Returns the head as the client sent it, but with the target that handlers in front may have changed.
 *
 * @throws Http1ProtocolError if a part of it is not one that a client can have sent. The text would then be read as
 *   something else: as latin1, U+010D and U+010A become CR and LF.
 */
function headBytes({ method = '', url = '', httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const version = httpVersion === '1.0' ? 'HTTP/1.0' : 'HTTP/1.1';
  const headers = addFields(new HTTPHeaders(), rawHeaders);
  checkHead(new OuterRequestHead(method, url, version, headers, undefined));
  let text = `${method} ${url} ${version}\r\n`;
  for (const [name, value] of headers.getAll()) text += `${name}: ${value}\r\n`;
  return Buffer.from(`${text}\r\n`, 'latin1');
}

/** Responds in place of the server, and closes the connection. */
function refuse(socket: Duplex, failure: CallFailure): void {
  const { headers, body } = failurePage(failure);
  headers.set('Content-Length', String(Buffer.byteLength(body))).set('Connection', 'close');
  let text = `HTTP/1.1 ${failure.status} ${safeReason(failure.status, '')}\r\n`;
  for (const [name, value] of headers.getAll()) text += `${name}: ${value}\r\n`;
  // The socket has no listeners left from node:http. A client that has left needs no response.
  socket.on('error', () => {});
  // Unread bytes would reset the connection before the client has read the response.
  socket.resume();
  socket.end(`${text}\r\n${body}`, 'latin1', () => socket.destroy());
}
