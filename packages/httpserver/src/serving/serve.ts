import type { AddressInfo } from 'node:net';
import { FetchServer } from './fetch-server.ts';
import type { ServeOptions } from './serve-options.ts';

/**
 * Serves a Fetch handler. Listening begins at the call; `ready()` of the result waits for it. If listening fails, and
 * there is neither a listener of `error` nor a call of `ready`, the error is uncaught, as for `http.Server`.
 *
 * Accepts the options of `serve` of @hono/node-server and of srvx, and those of HTTPServer. Instead of options, a Hono or
 * h3 application may be passed. Signals are handled only if `stopOnSignals` or `gracefulShutdown` asks for it, and
 * nothing is printed.
 *
 * @param onListen - called with the address when the server listens; a path if it listens on a Unix socket.
 * @throws StreamUsageError `ERR_STREAM_USAGE` if an option is unknown, invalid or not supported, and the errors of the
 *   constructor of HTTPServer.
 *
 * @example
 * serve({ fetch: () => new Response('Hello, world'), port: 8888 });
 */
export function serve(options: ServeOptions, onListen?: (address: AddressInfo) => void): FetchServer {
  const server = new FetchServer(options);
  // The type is that of the other libraries; in the case of a Unix socket they pass a path too.
  if (onListen !== undefined) server.once('listening', () => onListen(server.address() as AddressInfo));
  return server;
}
