import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { HTTPHeaders, type HTTPServerExchange } from '@landspout/http1';
import type { Logger } from '@landspout/ioloop';

export interface LogRecord {
  readonly level: string;
  readonly message: string;
  readonly error: unknown;
}

/** Keeps what is logged. */
export class RecordingLogger implements Logger {
  readonly records: LogRecord[] = [];
  debug = this.#at('debug');
  info = this.#at('info');
  warn = this.#at('warn');
  error = this.#at('error');

  /** The errors that a person should look at. */
  get problems(): LogRecord[] {
    return this.records.filter(({ level }) => level === 'error');
  }

  #at(level: string): (details: object, message: string) => void {
    return (details, message) =>
      void this.records.push({ level, message, error: (details as { error?: unknown }).error });
  }
}

export interface OuterServer {
  readonly server: Server;
  readonly port: number;
  readonly url: string;
}

/** Runs a server of node:http on a free port while `test` runs. */
export async function withNodeServer(
  listener: RequestListener,
  test: (outer: OuterServer) => Promise<void>,
  options: ServerOptions = {},
): Promise<void> {
  const isSecure = options.key !== undefined;
  const server = isSecure ? createSecureServer(options, listener) : createServer(options, listener);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await test({ server, port, url: `http${isSecure ? 's' : ''}://127.0.0.1:${port}` });
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Responds with the whole body at once. */
export function respond(
  exchange: HTTPServerExchange,
  status: number,
  body: string | Uint8Array,
  headers: Record<string, string | readonly string[]> = {},
): void {
  exchange.writeHead(status, '', HTTPHeaders.from(headers), body, true);
}

/** A promise that is settled from outside. */
export function deferred<T = void>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
} {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
