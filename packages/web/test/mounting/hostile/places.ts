import { getEventListeners } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { HTTPServerConnectionDelegate } from '@landspout/http1';
import { FetchContainer, type FetchEnvironment, serve, toFetchHandler } from '@landspout/httpserver/fetch';
import { NodeContainer, toNodeHandler } from '@landspout/httpserver/node';
import { IOLoop } from '@landspout/ioloop';
import compression from 'compression';
import connect from 'connect';
import express from 'express';
import helmet from 'helmet';
import { Hono } from 'hono';
import {
  Application,
  type ApplicationSettings,
  type HandlerClass,
  HTTPServer,
  mount,
} from '../../../src/index.ts';
import { nodeMiddleware } from '../../../src/node/index.ts';
import { RecordingLogger } from '../../fixtures/running-application.ts';

export type FetchFunction = (request: Request, environment: FetchEnvironment) => unknown;
export type NodeFunction = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => unknown;

/** One handler for each kind of place. */
export interface Handlers {
  readonly fetch: FetchFunction;
  readonly node: NodeFunction;
  readonly web: HandlerClass;
}

export type Kind = keyof Handlers;

/** A server that calls a handler. */
export interface OpenPlace {
  readonly port: number;
  readonly log: RecordingLogger;
  /** Listeners on the objects that live as long as the server. */
  listeners(): number;
  /** Completes requests in progress, at most for a moment. */
  stop(): Promise<void>;
}

/** A way to mount a handler. */
export interface Place {
  readonly name: string;
  readonly kind: Kind;
  /** Before the path that the handler sees. */
  readonly prefix: string;
  /** Whether the server that reads the requests is node:http. */
  readonly isNode?: boolean;
  open(handlers: Handlers): Promise<OpenPlace>;
}

/** The limit of a body in each place. */
export const MAX_BODY_BYTES = 1024 * 1024;

const STOP = { graceMs: 0, drainMs: 200 };

/** Serves a delegate on an HTTPServer. */
async function onServer(delegate: HTTPServerConnectionDelegate, log: RecordingLogger): Promise<OpenPlace> {
  const stopping = new Set<AbortSignal>();
  const server = new HTTPServer(
    {
      startRequest: (exchange) => {
        stopping.add(exchange.stopping);
        return delegate.startRequest(exchange);
      },
      onClose: (connection) => delegate.onClose?.(connection),
      refusalPage: (refusal) => delegate.refusalPage?.(refusal),
      serverStopped: () => delegate.serverStopped?.(),
    },
    { loop: new IOLoop({ logger: log }), maxBodyBytes: MAX_BODY_BYTES },
  );
  await server.listen({ port: 0, host: '127.0.0.1' });
  return {
    port: server.port,
    log,
    listeners: () => countListeners(stopping),
    stop: async () => void (await server.stop(STOP)),
  };
}

async function onServe(fetch: FetchFunction, overrideGlobalObjects: boolean): Promise<OpenPlace> {
  const log = new RecordingLogger();
  const server = serve({
    fetch,
    port: 0,
    hostname: '127.0.0.1',
    overrideGlobalObjects,
    maxBodyBytes: MAX_BODY_BYTES,
    silent: true,
    logger: log,
  });
  await server.ready();
  return {
    port: server.port as number,
    log,
    listeners: () => countListeners([server.server.stopping]),
    stop: () => server.close(STOP),
  };
}

async function onNode(
  makeListener: (
    log: RecordingLogger,
    signal: AbortSignal,
  ) => (...args: [IncomingMessage, ServerResponse]) => void,
): Promise<OpenPlace> {
  const log = new RecordingLogger();
  const stopping = new AbortController();
  const server = createServer(makeListener(log, stopping.signal));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    log,
    listeners: () => countListeners([stopping.signal]),
    async stop() {
      stopping.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function countListeners(signals: Iterable<AbortSignal>): number {
  let count = 0;
  for (const signal of signals) count += getEventListeners(signal, 'abort').length;
  for (const name of process.eventNames()) count += process.listenerCount(name);
  return count;
}

/** Mounts a delegate at `/m` of an application. */
function mounted(
  delegateOf: (handlers: Handlers, log: RecordingLogger) => HTTPServerConnectionDelegate,
  settings: () => ApplicationSettings,
): (handlers: Handlers) => Promise<OpenPlace> {
  return (handlers) => {
    const log = new RecordingLogger();
    const routes = [mount('/m', delegateOf(handlers, log))];
    return onServer(new Application(routes, { logger: log, ...settings() }), log);
  };
}

const fetchContainer = ({ fetch }: Handlers, logger: RecordingLogger): FetchContainer =>
  new FetchContainer(fetch as never, { logger });
const nodeContainer = ({ node }: Handlers, logger: RecordingLogger): NodeContainer =>
  new NodeContainer(node, { logger });

const plain = (): ApplicationSettings => ({});
const compressed = (): ApplicationSettings => ({ compressResponse: true });
const behindHelmet = (): ApplicationSettings => ({
  middleware: [nodeMiddleware(helmet() as Parameters<typeof nodeMiddleware>[0])],
});
const behindCompression = (): ApplicationSettings => ({
  middleware: [nodeMiddleware(compression() as unknown as Parameters<typeof nodeMiddleware>[0])],
});

const applicationOf = (
  { web }: Handlers,
  log: RecordingLogger,
  more: ApplicationSettings = {},
): Application => new Application([['/*path', web]], { logger: log, ...more });

async function onContainer(
  container: (log: RecordingLogger) => HTTPServerConnectionDelegate,
): Promise<OpenPlace> {
  const log = new RecordingLogger();
  return onServer(container(log), log);
}

const FETCH_PLACES: readonly Place[] = [
  {
    name: 'a FetchContainer on an HTTPServer',
    kind: 'fetch',
    prefix: '',
    open: (handlers) => onContainer((log) => fetchContainer(handlers, log)),
  },
  {
    name: 'serve with replaced globals',
    kind: 'fetch',
    prefix: '',
    open: ({ fetch }) => onServe(fetch, true),
  },
  {
    name: 'serve with the globals of Node',
    kind: 'fetch',
    prefix: '',
    open: ({ fetch }) => onServe(fetch, false),
  },
  {
    name: 'a FetchContainer in an Application',
    kind: 'fetch',
    prefix: '/m',
    open: mounted(fetchContainer, plain),
  },
  {
    name: 'a FetchContainer in an Application behind helmet',
    kind: 'fetch',
    prefix: '/m',
    open: mounted(fetchContainer, behindHelmet),
  },
  {
    name: 'a FetchContainer in an Application behind the middleware compression',
    kind: 'fetch',
    prefix: '/m',
    open: mounted(fetchContainer, behindCompression),
  },
  {
    name: 'a FetchContainer in an Application with compressResponse',
    kind: 'fetch',
    prefix: '/m',
    open: mounted(fetchContainer, compressed),
  },
];

const NODE_PLACES: readonly Place[] = [
  {
    name: 'a NodeContainer',
    kind: 'node',
    prefix: '',
    open: (handlers) => onContainer((log) => nodeContainer(handlers, log)),
  },
  {
    name: 'Express in a NodeContainer',
    kind: 'node',
    prefix: '',
    open: ({ node }) =>
      onContainer((logger) => {
        const app = express();
        app.use((request, response, next) => node(request, response, next));
        return new NodeContainer(app as unknown as NodeFunction, { logger });
      }),
  },
  {
    name: 'Connect in a NodeContainer',
    kind: 'node',
    prefix: '',
    open: ({ node }) =>
      onContainer((logger) => {
        const app = connect();
        app.use((request, response, next) => node(request, response as ServerResponse, next));
        return new NodeContainer(app as unknown as NodeFunction, { logger });
      }),
  },
  {
    name: 'a NodeContainer in an Application',
    kind: 'node',
    prefix: '/m',
    open: mounted(nodeContainer, plain),
  },
  {
    name: 'a NodeContainer in an Application behind helmet',
    kind: 'node',
    prefix: '/m',
    open: mounted(nodeContainer, behindHelmet),
  },
  {
    name: 'a NodeContainer in an Application behind the middleware compression',
    kind: 'node',
    prefix: '/m',
    open: mounted(nodeContainer, behindCompression),
  },
  {
    name: 'a NodeContainer in an Application with compressResponse',
    kind: 'node',
    prefix: '/m',
    open: mounted(nodeContainer, compressed),
  },
];

const WEB_PLACES: readonly Place[] = [
  {
    name: 'an Application behind helmet',
    kind: 'web',
    prefix: '',
    open: (handlers) => onContainer((log) => applicationOf(handlers, log, behindHelmet())),
  },
  {
    name: 'an Application behind the middleware compression',
    kind: 'web',
    prefix: '',
    open: (handlers) => onContainer((log) => applicationOf(handlers, log, behindCompression())),
  },
  {
    name: 'an Application under Hono',
    kind: 'web',
    prefix: '/live',
    open: (handlers) =>
      onContainer((logger) => {
        const app = new Hono();
        const application = applicationOf(handlers, logger);
        app.mount(
          '/live',
          toFetchHandler(application, { mountPath: '/live', logger, maxBodyBytes: MAX_BODY_BYTES }),
        );
        return new FetchContainer(app.fetch as never, { logger });
      }),
  },
  {
    name: 'an Application on node:http',
    kind: 'web',
    prefix: '',
    isNode: true,
    open: (handlers) =>
      onNode((logger, signal) =>
        toNodeHandler(applicationOf(handlers, logger), { logger, signal, maxBodyBytes: MAX_BODY_BYTES }),
      ),
  },
  {
    name: 'an Application in Express in a NodeContainer',
    kind: 'web',
    prefix: '/live',
    open: (handlers) =>
      onContainer((logger) => {
        const app = express();
        app.use(
          '/live',
          toNodeHandler(applicationOf(handlers, logger), { logger, maxBodyBytes: MAX_BODY_BYTES }) as never,
        );
        return new NodeContainer(app as unknown as NodeFunction, { logger });
      }),
  },
];

export const PLACES: readonly Place[] = [...FETCH_PLACES, ...NODE_PLACES, ...WEB_PLACES];
