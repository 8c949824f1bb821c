import { HTTPServer, type HTTPServerOptions } from '@landspout/httpserver';
import { FetchContainer } from '@landspout/httpserver/fetch';
import { IOLoop } from '@landspout/ioloop';
import {
  type ServerWebSocket,
  type UpgradeWebSocketOptions,
  upgradeWebSocket,
  WebSocketUpgradeError,
} from '../../src/fetch/index.ts';
import { RecordingLogger } from '../fixtures/running-application.ts';

export interface FetchServer {
  readonly server: HTTPServer;
  readonly port: number;
  /** Such as `ws://127.0.0.1:8888`. */
  readonly url: string;
  /** The records of the server and of the sockets. */
  readonly log: RecordingLogger;
}

type FetchHandler = (request: Request) => Response | Promise<Response>;

/** Runs a server of a Fetch handler while `use` runs. Whatever is still open then is closed. */
export async function withFetch(
  handler: FetchHandler,
  use: (running: FetchServer) => Promise<void>,
  options: HTTPServerOptions = {},
  log = new RecordingLogger(),
): Promise<void> {
  const server = new HTTPServer(new FetchContainer(handler, { logger: log }), {
    loop: new IOLoop({ logger: log }),
    ...options,
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const { address } = server;
  const port = 'port' in address ? address.port : 0;
  try {
    await use({ server, port, url: `ws://127.0.0.1:${port}`, log });
  } finally {
    await server.closeAll();
  }
}

/** Sockets that were upgraded, in their order. */
export interface Upgrades extends FetchServer {
  readonly sockets: readonly ServerWebSocket[];
}

/**
 * Runs a server that upgrades each request, and responds to refused ones.
 *
 * @param prepare - called with each socket, to add listeners.
 */
export async function withSockets(
  prepare: (socket: ServerWebSocket) => void,
  use: (running: Upgrades) => Promise<void>,
  options: UpgradeWebSocketOptions | ((request: Request) => UpgradeWebSocketOptions) = {},
  serverOptions: HTTPServerOptions = {},
): Promise<void> {
  const log = new RecordingLogger();
  const sockets: ServerWebSocket[] = [];
  const handler = (request: Request): Response => {
    try {
      const chosen = typeof options === 'function' ? options(request) : options;
      const { socket, response } = upgradeWebSocket(request, { logger: log, ...chosen });
      sockets.push(socket);
      prepare(socket);
      return response;
    } catch (error) {
      if (error instanceof WebSocketUpgradeError) return error.getResponse();
      throw error;
    }
  };
  await withFetch(handler, (running) => use({ ...running, sockets }), serverOptions, log);
}

/** Sends each message back. */
export function echo(socket: ServerWebSocket): void {
  socket.onmessage = ({ data }) => socket.send(data);
}
