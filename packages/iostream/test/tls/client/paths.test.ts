import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bindUnixSocket,
  IOStream,
  startTls,
  TCPClient,
  TCPServer,
  type TlsClientOptions,
  TlsSessionCache,
} from '../../../src/index.ts';
import {
  connect,
  connectNode,
  connectTls,
  memoryPair,
  type Transport,
} from '../../../src/transports/index.ts';
import { type Authority, type IssuedCertificate, makeAuthority } from '../../support/certificates.ts';
import { echoLines, echoOf, echoServer, host, watchedLoop } from '../../support/tls-fixture.ts';

let authority: Authority;
let own: IssuedCertificate;
beforeAll(() => {
  authority = makeAuthority();
  own = authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
});
afterAll(() => authority.remove());

const loop = IOLoop.current();
const trusting = () => ({ servername: 'localhost', caFile: authority.certFile });
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;

type Dial = (port: number) => Promise<Transport>;
const onBackend: Dial = (port) => connect(loop, { address: host, port });
const onSocket: Dial = (port) => connectNode(loop, { address: host, port });

/** Connects, has a line echoed, and closes. */
async function echoThrough(
  dial: Dial,
  port: number,
  tls: TlsClientOptions & { readonly servername: string },
): Promise<{ kind: string; reused: boolean | undefined; peer: unknown }> {
  const transport = await connectTls(await dial(port), tls);
  const { kind } = transport;
  await using stream = new IOStream(transport);
  expect(await echoOf(stream)).toBe('hello\n');
  return {
    kind,
    reused: stream.tls?.isSessionReused,
    peer: stream.tls?.getPeerCertificate()?.subject.CN,
  };
}

describe('the TLS path of a client', () => {
  it('is native if the loop and the connection allow it, and node:tls otherwise [CON-01]', async () => {
    const { server } = await echoServer({ cert: own.cert, key: own.key });
    await using _ = server;
    const native = loop.tls === 'native' ? 'reactor' : 'node';
    expect(await echoThrough(onBackend, server.port, trusting())).toMatchObject({ kind: native });
    expect(await echoThrough(onSocket, server.port, trusting())).toMatchObject({ kind: 'node' });
    const secureContext = createSecureContext({ ca: authority.cert });
    const ready = { servername: 'localhost', secureContext };
    expect(await echoThrough(onBackend, server.port, ready)).toMatchObject({ kind: 'node', peer: 'server' });
  });

  it.each(
    VERSIONS.flatMap((version) => [
      [version, 'the backend', onBackend, 'a Node socket', onSocket] as const,
      [version, 'a Node socket', onSocket, 'the backend', onBackend] as const,
    ]),
  )(
    'resumes over %s a session that was issued over %s on another kind of connection, %4$s [STR-15]',
    async (version, _one, first, _other, second) => {
      const { server } = await echoServer({ cert: own.cert, key: own.key, maxVersion: version });
      await using _ = server;
      const tls = { ...trusting(), sessions: new TlsSessionCache() };
      expect(await echoThrough(first, server.port, tls)).toMatchObject({ reused: false, peer: 'server' });
      expect(tls.sessions.size).toBeGreaterThan(0);
      expect(await echoThrough(second, server.port, tls)).toMatchObject({ reused: true, peer: 'server' });
    },
  );

  it('works over a Unix socket, whose sessions are resumed too [CON-01] [STR-15]', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
    const path = join(folder, 'socket');
    const tls = { cert: own.cert, key: own.key };
    const server = new TCPServer({ tls, handleStream: echoLines });
    await server.addSockets([await bindUnixSocket(path)]);
    const client = new TCPClient();
    const reused: unknown[] = [];
    for (let round = 0; round < 2; round += 1) {
      // The name is `localhost` by default.
      await using stream = await client.connect({ path, tls: { caFile: authority.certFile } });
      expect(await echoOf(stream)).toBe('hello\n');
      expect(stream.remoteAddress).toEqual({ family: 'unix', path });
      reused.push(stream.tls?.isSessionReused);
    }
    expect(reused).toEqual([false, true]);
    await expect(client.connect({ path, tls: true })).rejects.toMatchObject({
      code: 'ERR_STREAM_TLS',
      message: expect.stringContaining(`the certificate of localhost at ${path} was refused`),
    });
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('names only the host if the connection has no address [CON-01]', async () => {
    const [one, other] = memoryPair();
    const tls = { cert: own.cert, key: own.key };
    const serving = startTls(new IOStream(other), { server: true, tls }).catch(() => {});
    const failing = startTls(new IOStream(one), { server: false, tls: { servername: 'localhost' } });
    await expect(failing).rejects.toMatchObject({
      message: expect.stringContaining('the certificate of localhost was refused'),
      address: undefined,
    });
    await serving;
  });
});

describe('what a client reports of a server that it accepts in any case', () => {
  it.each<[string, object, string | undefined]>([
    ['is wrong about nothing', trusting, undefined],
    ['has another name', () => ({ ...trusting(), servername: 'b.example' }), 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['is not trusted', () => ({ servername: 'localhost' }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['is neither', () => ({ servername: 'b.example' }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ])('if it %s [NET-06]', async (_, options, authorizationError) => {
    const { server } = await echoServer({ cert: own.cert, key: own.key });
    await using __ = server;
    const tls = { ...(options as () => TlsClientOptions)(), rejectUnauthorized: false };
    await using stream = await new TCPClient().connect({ host, port: server.port, tls });
    expect(stream.tls).toMatchObject({
      authorized: authorizationError === undefined,
      authorizationError,
    });
    expect(await echoOf(stream)).toBe('hello\n');
  });
});

describe('the name that a client sends', () => {
  it.each([
    ['localhost', 'localhost'],
    ['localhost.', 'localhost'],
    [host, undefined],
  ])('for %s is %s (RFC 6066 §3) [CON-01]', async (servername, sent) => {
    const { server, seen } = await echoServer({ cert: own.cert, key: own.key });
    await using _ = server;
    const tls = { caFile: authority.certFile, servername };
    await using stream = await new TCPClient().connect({ host, port: server.port, tls });
    expect(await echoOf(stream)).toBe('hello\n');
    expect(seen).toMatchObject([{ servername: sent }]);
    expect(stream.tls).toMatchObject({ servername: sent, authorized: true });
  });
});

describe('the option keyLog of a client', () => {
  it.each(
    VERSIONS.flatMap((version) => [
      [version, 'the backend', onBackend] as const,
      [version, 'a Node socket', onSocket] as const,
    ]),
  )('is called with each line, %s over %s [NET-06]', async (version, _, dial) => {
    const lines: string[] = [];
    const theirs: string[] = [];
    const keyLog = (line: string) => void theirs.push(line);
    const { server } = await echoServer({ cert: own.cert, key: own.key, maxVersion: version, keyLog });
    await using __ = server;
    await echoThrough(dial, server.port, { ...trusting(), keyLog: (line) => lines.push(line) });
    expect(lines.length).toBeGreaterThan(0);
    // Both sides have derived the same keys.
    expect(new Set(lines)).toEqual(new Set(theirs));
  });

  it('logs an error that it throws, and the handshake goes on [NET-06]', async () => {
    const { loop: watched, records } = watchedLoop();
    const { server } = await echoServer({ cert: own.cert, key: own.key });
    await using _ = server;
    const keyLog = () => {
      throw new Error('the disk is full');
    };
    const transport = await connectTls(
      await connect(watched, { address: host, port: server.port }),
      { ...trusting(), keyLog },
      undefined,
      watched,
    );
    await using stream = new IOStream(transport);
    expect(await echoOf(stream)).toBe('hello\n');
    expect(records).toContainEqual(expect.objectContaining({ message: 'the option keyLog of TLS threw' }));
  });
});
