import type { IncomingHttpHeaders } from 'node:http';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { serve as honoServe } from '@hono/node-server';
import type { Logger } from '@landspout/ioloop';
import { serve as srvxServe } from 'srvx';
import { type ServeOptions, serve } from '../../../src/fetch/index.ts';

type Handler = ServeOptions['fetch'];

export interface Started {
  readonly port: number;
  close(): Promise<unknown>;
}

export interface Kind {
  readonly name: string;
  readonly isOurs: boolean;
  start(fetch: Handler): Promise<Started>;
}

/** What the servers of this package logged as errors since the last call. */
export function takeErrors(): unknown[] {
  return errors.splice(0);
}

const errors: unknown[] = [];
const ignore = (): void => {};
const logger: Logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: (details) => void errors.push((details as { error?: unknown }).error),
};

function ours(name: string, overrideGlobalObjects: boolean): Kind {
  return {
    name,
    isOurs: true,
    async start(fetch) {
      const options = { fetch, overrideGlobalObjects, logger, hostname: '127.0.0.1', port: 0 };
      const server = await serve(options).ready();
      return { port: server.port as number, close: () => server.close(true) };
    },
  };
}

/** It does not undo the replacement of the global objects, so it runs without. */
const HONO: Kind = {
  name: '@hono/node-server',
  isOurs: false,
  start: (fetch) =>
    new Promise((resolve) => {
      const options = {
        fetch: fetch as Parameters<typeof honoServe>[0]['fetch'],
        overrideGlobalObjects: false,
        hostname: '127.0.0.1',
        port: 0,
      };
      const server = honoServe(options, ({ port }: AddressInfo) => {
        const close = (): Promise<void> =>
          new Promise((closed) => {
            server.close(() => closed());
            if ('closeAllConnections' in server) server.closeAllConnections();
          });
        resolve({ port, close });
      });
    }),
};

const SRVX: Kind = {
  name: 'srvx',
  isOurs: false,
  async start(fetch) {
    const options = { port: 0, hostname: '127.0.0.1', silent: true, gracefulShutdown: false };
    const server = srvxServe({ fetch: fetch as (request: Request) => Response, ...options });
    await server.ready();
    return { port: Number(new URL(server.url as string).port), close: () => server.close(true) };
  },
};

export const OUR_SERVERS: readonly Kind[] = [
  ours('landspout', true),
  ours('landspout without overrideGlobalObjects', false),
];

/** Every behaviour holds for the server of this package and for the one that it replaces. */
export const HONO_SERVERS: readonly Kind[] = [...OUR_SERVERS, HONO];
export const SRVX_SERVERS: readonly Kind[] = [...OUR_SERVERS, SRVX];
export const ALL_SERVERS: readonly Kind[] = [...OUR_SERVERS, HONO, SRVX];

/** Runs `test` against a server of that kind, and closes it. */
export async function withKind(
  kind: Kind,
  fetch: Handler,
  test: (port: number) => Promise<void>,
): Promise<void> {
  const server = await kind.start(fetch);
  try {
    await test(server.port);
  } finally {
    await server.close();
  }
}

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Uint8Array | undefined;
  /** Sends the body in pieces of any length, chunked. */
  readonly chunks?: readonly (string | Uint8Array)[];
  /** For HTTPS. */
  readonly ca?: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body was cut off. */
  readonly isCut: boolean;
}

/** Sends a request on a connection of its own, and reads the whole response. */
export async function ask(port: number, path: string, question: Question = {}): Promise<Reply> {
  const message = await responseOf(send(port, path, question));
  const pieces: Buffer[] = [];
  let isCut = false;
  try {
    for await (const piece of message) pieces.push(piece as Buffer);
  } catch {
    isCut = true;
  }
  const bytes = Buffer.concat(pieces);
  return {
    status: message.statusCode as number,
    statusText: message.statusMessage as string,
    headers: message.headers,
    bytes,
    text: bytes.toString(),
    isCut: isCut || !message.complete,
  };
}

/** Sends a request on a connection of its own. */
export function send(port: number, path: string, question: Question = {}): ClientRequest {
  const { method = 'GET', headers = {}, body, chunks, ca } = question;
  const options = { host: '127.0.0.1', port, path, method, headers: { ...headers }, agent: false } as const;
  const sending =
    ca === undefined ? request(options) : secureRequest({ ...options, ca, servername: 'localhost' });
  for (const chunk of chunks ?? []) sending.write(chunk);
  sending.end(body);
  return sending;
}

export function responseOf(sending: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sending.once('response', resolve);
    sending.once('error', reject);
  });
}

/** Sends a GET, and leaves when the handler was called. */
export async function leaveAfter(called: Promise<unknown>, port: number): Promise<void> {
  const sending = send(port, '/');
  sending.on('error', () => {});
  await called;
  sending.destroy();
}

/** A handler that waits until its client has left. */
export function waitingHandler(): {
  readonly handler: (request: Request) => Promise<Response>;
  readonly called: Promise<AbortSignal>;
  readonly aborted: Promise<void>;
} {
  const called = deferred<AbortSignal>();
  const aborted = deferred();
  const handler = async ({ signal }: Request): Promise<Response> => {
    signal.addEventListener('abort', () => aborted.resolve());
    called.resolve(signal);
    await aborted.promise;
    return new Response('too late');
  };
  return { handler, called: called.promise, aborted: aborted.promise };
}

/** A promise and what settles it. */
export function deferred<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
