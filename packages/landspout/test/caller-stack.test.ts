import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Application,
  AsyncHTTPClient,
  HTTPServer,
  IOLoop,
  TCPClient,
  TCPServer,
  websocketConnect,
} from '../src/index.ts';
import { ProcessSupervisor } from '../src/ioloop/processes.ts';
import { connect } from '../src/iostream/transports.ts';
import { bindSockets, bindUnixSocket, Subprocess, SystemResolver } from '../src/iostream.ts';

const THIS_FILE = fileURLToPath(import.meta.url);
const host = '127.0.0.1';
const nowhere = join(tmpdir(), 'landspout-no-such-folder', 'socket');
/** The name that no resolver knows (RFC 6761 §6.4). */
const unknown = 'no-such-host.invalid';

/** Listens, and takes connections without a word. */
let silent: Server;
/** Greets in plain text. */
let plain: Server;
/** Where something listens, and where nothing does. */
let taken: number;
let free: number;

beforeAll(async () => {
  silent = createServer((socket) => void socket.on('error', () => {}).resume()).listen(0, host);
  plain = createServer((socket) => void socket.on('error', () => {}).end('hello\r\n')).listen(0, host);
  const other = createServer().listen(0, host);
  await Promise.all([silent, plain, other].map((server) => once(server, 'listening')));
  taken = (silent.address() as AddressInfo).port;
  free = (other.address() as AddressInfo).port;
  other.close();
  await once(other, 'close');
});

afterAll(() => {
  silent.close();
  plain.close();
});

/** As programs call it: an async function that awaits another one. */
async function program(call: () => Promise<unknown>): Promise<unknown> {
  try {
    const value = await call();
    throw new Error(`a failure was expected, not ${inspect(value)}`);
  } catch (error) {
    return error;
  }
}

/** What fails, and how. */
const CALLS: readonly [string, code: string, call: () => Promise<unknown>][] = [
  [
    'TCPClient.connect, refused',
    'ECONNREFUSED',
    async () => await new TCPClient().connect({ host, port: free }),
  ],
  ['TCPClient.connect, no such path', 'ENOENT', async () => await new TCPClient().connect({ path: nowhere })],
  [
    'TCPClient.connect, unknown name',
    'ERR_STREAM_RESOLVE',
    async () => await new TCPClient().connect({ host: unknown, port: 80 }),
  ],
  [
    'TCPClient.connect, a peer that does not speak TLS',
    'ERR_STREAM_TLS',
    async () =>
      await new TCPClient().connect({ host, port: (plain.address() as AddressInfo).port, tls: true }),
  ],
  [
    'TCPClient.connect, without a TLS handshake in time',
    'ERR_STREAM_TIMEOUT',
    async () => await new TCPClient().connect({ host, port: taken, tls: true, timeoutMs: 50 }),
  ],
  [
    'connect, refused',
    'ECONNREFUSED',
    async () => await connect(IOLoop.current(), { address: host, port: free }),
  ],
  [
    'SystemResolver.resolve, unknown name',
    'ERR_STREAM_RESOLVE',
    async () => await new SystemResolver().resolve(unknown),
  ],
  [
    'fetch, refused',
    'ERR_HTTPCLIENT_CONNECT',
    async () => await new AsyncHTTPClient().fetch(`http://${host}:${free}/`),
  ],
  [
    'fetch, unknown name',
    'ERR_HTTPCLIENT_CONNECT',
    async () => await new AsyncHTTPClient().fetch(`http://${unknown}/`),
  ],
  [
    'fetch, without a response in time',
    'ERR_HTTPCLIENT_TIMEOUT',
    async () => await new AsyncHTTPClient().fetch(`http://${host}:${taken}/`, { requestTimeoutMs: 50 }),
  ],
  [
    'fetch, without a TLS handshake in time',
    'ERR_HTTPCLIENT_TIMEOUT',
    async () => await new AsyncHTTPClient().fetch(`https://${host}:${taken}/`, { connectTimeoutMs: 50 }),
  ],
  ['websocketConnect, refused', 'ECONNREFUSED', async () => await websocketConnect(`ws://${host}:${free}/`)],
  [
    'websocketConnect, without a response in time',
    'ERR_WEBSOCKET_CONNECT_TIMEOUT',
    async () => await websocketConnect(`ws://${host}:${taken}/`, { connectTimeoutMs: 50 }),
  ],
  [
    'TCPServer.listen, address in use',
    'EADDRINUSE',
    async () => await new TCPServer({ handleStream() {} }).listen({ host, port: taken }),
  ],
  [
    'HTTPServer.listen, address in use',
    'EADDRINUSE',
    async () => await new HTTPServer(() => {}).listen({ host, port: taken }),
  ],
  [
    'HTTPServer.listen, an address of another machine',
    'EADDRNOTAVAIL',
    async () => await new HTTPServer(() => {}).listen({ host: '192.0.2.1' }),
  ],
  [
    'HTTPServer.listen, unknown name',
    'ERR_STREAM_RESOLVE',
    async () => await new HTTPServer(() => {}).listen({ host: unknown }),
  ],
  [
    'HTTPServer.listen, no such folder',
    'ENOENT',
    async () => await new HTTPServer(() => {}).listen({ path: nowhere }),
  ],
  [
    'Application.listen, address in use',
    'EADDRINUSE',
    async () => await new Application().listen({ host, port: taken }),
  ],
  ['Subprocess.spawn, no such command', 'ENOENT', async () => await Subprocess.spawn(nowhere)],
  ['bindSockets, address in use', 'EADDRINUSE', async () => await bindSockets(taken, { address: host })],
  ['bindUnixSocket, no such folder', 'ENOENT', async () => await bindUnixSocket(nowhere)],
  [
    'ProcessSupervisor.start, address in use',
    'EADDRINUSE',
    async () =>
      await new ProcessSupervisor({ program: THIS_FILE, count: 1, listen: [{ host, port: taken }] }).start(),
  ],
];

describe('the stack of an error', () => {
  it.each(CALLS)('has the line of the caller: %s', async (_, code, call) => {
    const error = await program(call);
    expect(error).toMatchObject({ code });
    const { stack = '' } = error as Error;
    expect(stack).toContain(THIS_FILE);
    expect(stack).toMatch(/ at (?:async )?program /);
    expect(new Set(stack.split('\n')).size, stack).toBe(stack.split('\n').length);
  });

  it('has the line of the caller when several are waited for', async () => {
    const client = new AsyncHTTPClient();
    const error = await program(() =>
      Promise.all([free, free].map((port) => client.fetch(`http://${host}:${port}/`))),
    );
    expect((error as Error).stack).toMatch(/ at (?:async )?Promise\.all .*\n.* at (?:async )?program /);
  });

  it('stays that of the caller when the error is the caller’s', async () => {
    const reason = new Error('enough');
    const stack = reason.stack;
    const signal = AbortSignal.abort(reason);
    expect(await program(() => new AsyncHTTPClient().fetch(`http://${host}:${taken}/`, { signal }))).toBe(
      reason,
    );
    expect(reason.stack).toBe(stack);
  });
});
