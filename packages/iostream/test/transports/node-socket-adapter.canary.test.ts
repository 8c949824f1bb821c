import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { resetDuplex, servernameOf, writeNothing } from '../../src/transports/node-socket-adapter.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { within } from '../support/within.ts';

const host = '127.0.0.1';

let folder: string;
let certificates: Certificates;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  certificates = makeCertificates();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  certificates.remove();
});

/** Two connected sockets, over TCP or at a path. */
async function socketPair(path?: string): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  await once(path === undefined ? server.listen(0, host) : server.listen(path), 'listening');
  const target = path === undefined ? { host, port: (server.address() as AddressInfo).port } : { path };
  const near = connect({ ...target, allowHalfOpen: true });
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ];
  server.close();
  for (const socket of [near, far]) {
    socket.on('error', () => {});
    onTestFinished(() => void socket.destroy());
  }
  return { near, far };
}

/** Both sides of a TLS connection, and the socket below the client's. */
async function tlsPair(): Promise<{ near: TLSSocket; far: TLSSocket; below: Socket }> {
  const { near: below, far: plain } = await socketPair();
  const server = createTlsServer({ cert: certificates.cert, key: certificates.key });
  const accepted = once(server, 'secureConnection');
  server.emit('connection', plain);
  const near = connectTls({ socket: below, servername: 'localhost', ca: certificates.cert });
  near.on('error', () => {});
  const [[far]] = (await Promise.all([accepted, once(near, 'secureConnect')])) as [[TLSSocket], unknown];
  far.on('error', () => {});
  onTestFinished(() => void near.destroy());
  return { near, far, below };
}

function closeOf(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}

describe("what node-socket-adapter.ts relies on of Node's internals", () => {
  it('`servername` is on both sides of a TLS connection', async () => {
    const { near, far } = await tlsPair();
    expect(servernameOf(far), 'a server has no `servername`').toBe('localhost');
    expect(servernameOf(near), 'a client has no `servername`').toBe('localhost');
  });

  it('an empty write to a Unix socket fails if the peer has closed', async () => {
    const { near, far } = await socketPair(join(folder, 'closed'));
    far.destroy();
    await once(near.resume(), 'end');
    const error = await within(
      new Promise((resolve) => writeNothing(near, resolve)),
      'an empty write never ends',
    );
    expect(error, 'an empty write is not handed to the system').toMatchObject({ code: 'EPIPE' });
  });

  it('an empty write to a Unix socket succeeds if the peer has only ended its side', async () => {
    const { near, far } = await socketPair(join(folder, 'ended'));
    far.end();
    await once(near.resume(), 'end');
    const error = await within(
      new Promise((resolve) => writeNothing(near, resolve)),
      'an empty write never ends',
    );
    expect(error ?? undefined, 'an empty write fails on an open socket').toBeUndefined();
  });

  it.each([
    ['writing', () => {}],
    ['shutting down', (socket: Socket) => void socket.end()],
  ])('a socket that is %s closes after a reset', async (_, before) => {
    const { near } = await socketPair();
    before(near);
    resetDuplex(near, near);
    await within(closeOf(near), 'a socket that is reset emits no `close`');
  });

  it('the close of the socket below destroys the TLS socket on it', async () => {
    const { near, below } = await tlsPair();
    resetDuplex(near, below);
    await within(closeOf(near), 'a TLS socket stays open after the socket below was reset');
  });
});
