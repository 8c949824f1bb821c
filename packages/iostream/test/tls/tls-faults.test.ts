import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as nodeConnect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  IOStream,
  startTls,
  TCPClient,
  TCPServer,
  type TCPServerOptions,
  type TlsServerOptions,
} from '../../src/index.ts';
import { memoryPair, NodeTransport } from '../../src/transports/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { runSClient } from '../support/openssl-peer.ts';
import { echoOf, echoServer, host, watchedLoop } from '../support/tls-fixture.ts';
import { openDescriptors, until, untilDescriptorsAre } from '../support/until.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

const own = (): TlsServerOptions => ({ certFile: certificates.certFile, keyFile: certificates.keyFile });
const trusting = () => ({ caFile: certificates.certFile });
const client = new TCPClient();

/** The first bytes of a ClientHello of 16 KiB: enough to be taken for one, and never complete. */
const HELLO_HEAD = Buffer.from([0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3]);

async function plainSocket(port: number): Promise<Socket> {
  const socket = nodeConnect(port, host);
  // How it is closed is the system's business: with bytes on their way it is a reset.
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  return socket;
}

/** When a socket is closed, by whatever. */
function closedOf(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}

/** Lets time pass until something is true. */
async function pass(clock: { advance(ms: number): Promise<void> }, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await clock.advance(10_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function watchedServer(
  tls: Partial<TlsServerOptions> = {},
  options: Partial<TCPServerOptions> = {},
): Promise<ReturnType<typeof watchedLoop> & { server: TCPServer }> {
  const watched = watchedLoop();
  const { server } = await echoServer({ ...own(), ...tls }, { loop: watched.loop, ...options });
  return { ...watched, server };
}

describe('TCPServer and a peer that breaks TLS', () => {
  it('closes one that speaks plain text, and warns once with its address and the cause [STR-15]', async () => {
    const { server, records, clock } = await watchedServer();
    await using _ = server;
    await using stream = await client.connect({ host, port: server.port });
    const { localAddress } = stream;
    void stream.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await stream.readUntilClose();
    await until(() => server.openConnections === 0);
    expect(records).toMatchObject([
      {
        level: 'warn',
        message: 'a TLS handshake failed',
        remoteAddress: localAddress,
        error: {
          name: 'StreamConnectError',
          code: 'ERR_STREAM_TLS',
          message:
            'tls: the handshake failed: the client spoke HTTP without TLS to a TLS port (http request)',
          cause: { code: 'ERR_SSL_HTTP_REQUEST' },
        },
        reasons: { ERR_SSL_HTTP_REQUEST: 1 },
      },
    ]);
    expect(clock.pending).toBe(0);
  });

  it('counts further failures of a minute by reason in one record, without stacks [STR-15]', async () => {
    const { server, records, clock } = await watchedServer({ alpnProtocols: ['known'] });
    await using _ = server;
    const speakHttp = async (): Promise<void> => {
      await using stream = await client.connect({ host, port: server.port });
      void stream.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await stream.readUntilClose();
    };
    const offer = (): Promise<unknown> =>
      client.connect({ host, port: server.port, tls: { ...trusting(), alpnProtocols: ['other'] } });
    await speakHttp();
    await speakHttp();
    await speakHttp();
    await expect(offer()).rejects.toMatchObject({ code: 'ERR_STREAM_TLS' });
    await until(() => server.stats().handshakesFailed === 4);
    await clock.advance(60_000);
    expect(records).toMatchObject([
      { count: 1, reasons: { ERR_SSL_HTTP_REQUEST: 1 } },
      {
        count: 3,
        reasons: { ERR_SSL_HTTP_REQUEST: 2, ERR_SSL_NO_APPLICATION_PROTOCOL: 1 },
        error: { message: expect.stringContaining('see alpnProtocols') },
      },
    ]);
    for (const { error } of records) {
      const { cause } = error as unknown as { cause: Error };
      for (const each of [error as unknown as Error, cause])
        expect(each.stack).toBe(`${each.name}: ${each.message}`);
    }
  });

  it.each<[string, Buffer]>([
    ['says nothing', Buffer.alloc(0)],
    ['stops in its first message', HELLO_HEAD],
  ])('closes one that %s at its deadline, not before, and quietly [STR-15]', async (_what, bytes) => {
    const { server, clock, records } = await watchedServer();
    await using _ = server;
    const socket = await plainSocket(server.port);
    const closed = closedOf(socket);
    socket.write(bytes);
    await until(() => server.openConnections === 1);
    await clock.advance(9_999);
    // Somebody else's whole handshake: time enough for the end of the first one, if there were one.
    expect(await echoFrom(server)).toBe('hello\n');
    expect(socket.destroyed).toBe(false);
    await clock.advance(1);
    await closed;
    await until(() => server.openConnections === 0);
    expect(records).toMatchObject([
      {
        level: 'debug',
        message: 'a TLS handshake was not completed',
        remoteAddress: { address: host },
        error: { name: 'StreamTimeoutError', code: 'ERR_STREAM_TIMEOUT' },
      },
    ]);
    expect(clock.pending).toBe(0);
  });

  it('does not let a client buy time by dribbling [STR-15]', async () => {
    const { server, clock, records } = await watchedServer({ handshakeTimeoutMs: 100 });
    await using _ = server;
    const socket = await plainSocket(server.port);
    const closed = closedOf(socket);
    await until(() => server.openConnections === 1);
    for (const [at, byte] of HELLO_HEAD.entries()) {
      if (at === 10) break;
      socket.write(Uint8Array.of(byte));
      await clock.advance(10);
    }
    await closed;
    expect(records).toMatchObject([{ error: { code: 'ERR_STREAM_TIMEOUT' } }]);
  });

  it('has no deadline after the handshake [STR-15]', async () => {
    const { server, clock } = await watchedServer();
    await using _ = server;
    await using stream = await client.connect({ host, port: server.port, tls: trusting() });
    expect(await echoOf(stream)).toBe('hello\n');
    expect(clock.pending).toBe(0);
    await clock.advance(1_000_000);
    expect(await echoOf(stream, 'still here\n')).toBe('still here\n');
  });

  it.each(['end', 'resetAndDestroy', 'destroy'] as const)(
    'is quiet about one that leaves in the handshake by %s [STR-15]',
    async (how) => {
      const { server, records, clock } = await watchedServer();
      await using _ = server;
      for (const bytes of [Buffer.alloc(0), HELLO_HEAD]) {
        const socket = await plainSocket(server.port);
        await until(() => server.openConnections === 1);
        if (bytes.length > 0) await new Promise((resolve) => socket.write(bytes, resolve));
        socket[how]();
        await until(() => server.openConnections === 0);
      }
      expect(records.map(({ level }) => level)).toEqual(['debug', 'debug']);
      expect(records).toMatchObject([
        { remoteAddress: { address: host } },
        { remoteAddress: { address: host } },
      ]);
      expect(clock.pending).toBe(0);
    },
  );

  it('goes on serving after a peer that sends noise, counts each, and says so once a minute [STR-15]', async () => {
    const { server, clock, records } = await watchedServer();
    await using _ = server;
    const sendNoise = async () => {
      const socket = await plainSocket(server.port);
      const closed = closedOf(socket);
      socket.end(Buffer.concat([Buffer.from([0x16, 3, 1, 0, 200]), randomBytes(200)]));
      await closed;
      await until(() => server.openConnections === 0);
    };
    for (let i = 0; i < 20; i += 1) await sendNoise();
    expect(await echoFrom(server)).toBe('hello\n');
    expect(server.stats()).toMatchObject({ opened: 1, handshakesFailed: 20 });
    expect(records).toMatchObject([{ level: 'warn', message: 'a TLS handshake failed', count: 1 }]);
    await clock.advance(60_000);
    await sendNoise();
    expect(records).toMatchObject([
      { count: 1 },
      {
        message: 'a TLS handshake failed (19 times within 60 s)',
        count: 19,
        error: { code: 'ERR_STREAM_TLS' },
      },
    ]);
  });

  it('hears of a certificate that the client does not believe, by its alert [STR-15]', async () => {
    const { server, records } = await watchedServer();
    await using _ = server;
    const { status } = await runSClient(server.port, ['-verify_return_error', '-tls1_2']);
    expect(status).not.toBe(0);
    await until(() => server.openConnections === 0);
    expect(records).toMatchObject([
      { level: 'warn', error: { code: 'ERR_STREAM_TLS', cause: { code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' } } },
    ]);
  });

  it('closes connections above maxHandshakes, says so once a minute, and takes more when there is room [SRV-01]', async () => {
    const { server, clock, records } = await watchedServer({ maxHandshakes: 2 });
    await using _ = server;
    const waiting = [await plainSocket(server.port), await plainSocket(server.port)];
    await until(() => server.openConnections === 2);
    for (let i = 0; i < 3; i += 1) await closedOf(await plainSocket(server.port));
    expect(records).toMatchObject([{ level: 'warn', message: expect.stringContaining('limit') }]);
    waiting[0]?.destroy();
    await until(() => server.openConnections === 1);
    expect(await echoFrom(server)).toBe('hello\n');
    await clock.advance(10_000);
    await until(() => server.openConnections === 0);
  });

  async function echoFrom(server: TCPServer): Promise<string> {
    await using stream = await client.connect({ host, port: server.port, tls: trusting() });
    const echo = await echoOf(stream);
    stream.close();
    await until(() => server.openConnections < 2);
    return echo;
  }
});

describe('TCPClient and a server that breaks TLS', () => {
  const badServers: Record<string, (stream: IOStream) => unknown> = {
    'speaks plain text': (stream) => stream.write('220 ready\r\n'),
    closes: (stream) => stream.close(),
    resets: (stream) => stream.reset(),
    'shuts down its side': (stream) => stream.endWrite(),
    'sends noise': (stream) =>
      stream.write(Buffer.concat([Buffer.from([0x16, 3, 3, 0, 99]), randomBytes(99)])),
  };

  it.each(Object.keys(badServers))('fails with the cause when it %s [STR-15]', async (what) => {
    const misbehave = badServers[what] as (stream: IOStream) => unknown;
    await using server = await new TCPServer({
      async handleStream(stream) {
        // Part of the ClientHello: from here on it is the handshake that fails.
        await stream.readBytes(1);
        misbehave(stream);
        await stream.readUntilClose();
        stream.close();
      },
    }).listen({ host });
    const connecting = client.connect({ host, port: server.port, tls: true });
    await expect(connecting).rejects.toMatchObject({
      name: 'StreamConnectError',
      code: 'ERR_STREAM_TLS',
      cause: { code: expect.stringMatching(/^E/) },
    });
    await until(() => server.openConnections === 0);
  });

  it.each([
    ['timeoutMs', { timeoutMs: 300, tls: true }],
    ['handshakeTimeoutMs', { timeoutMs: 0, tls: { handshakeTimeoutMs: 300 } }],
  ] as const)('stops at %s when it says nothing, and closes [STR-15]', async (_what, options) => {
    const { loop, clock } = watchedLoop();
    const handleStream = (stream: IOStream) => stream.readUntilClose().then(() => stream.close());
    await using server = await new TCPServer({ handleStream }).listen({ host });
    const connecting = new TCPClient({ loop }).connect({ host, port: server.port, ...options });
    const outcome = connecting.catch((error: unknown) => error);
    await until(() => server.openConnections === 1 && clock.pending > 0);
    await clock.advance(299);
    expect(server.openConnections).toBe(1);
    // Connected a moment later than the clock was read, so its time may be up a moment later.
    await pass(clock, () => clock.pending === 0);
    expect(await outcome).toMatchObject({ name: 'StreamTimeoutError', code: 'ERR_STREAM_TIMEOUT' });
    await until(() => server.openConnections === 0);
  });

  it('fails for a wrong name, and names it in the cause [STR-14]', async () => {
    const { server } = await watchedServer();
    await using _ = server;
    const tls = { ...trusting(), servername: 'wrong.example' };
    await expect(client.connect({ host, port: server.port, tls })).rejects.toMatchObject({
      name: 'StreamConnectError',
      code: 'ERR_STREAM_TLS',
      message: expect.stringContaining('wrong.example'),
      cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    });
    await until(() => server.openConnections === 0);
  });
});

describe('200 failing handshakes of each sort', () => {
  const ROUNDS = 200;
  const AT_ONCE = 20;

  type Failing = (server: TCPServer, clock: { advance(ms: number): Promise<void> }) => Promise<unknown>;
  const closedAfter = async (server: TCPServer, bytes: Uint8Array, how?: 'end' | 'resetAndDestroy') => {
    const socket = await plainSocket(server.port);
    const closed = closedOf(socket);
    socket.write(bytes);
    if (how !== undefined) socket[how]();
    await closed;
  };
  const refused = (tls: object) => (server: TCPServer) =>
    expect(client.connect({ host, port: server.port, tls })).rejects.toMatchObject({
      code: 'ERR_STREAM_TLS',
    });
  const sorts: Record<string, Failing> = {
    'plain text': (server) => closedAfter(server, Buffer.from('GET / HTTP/1.1\r\n\r\n')),
    'an early end': (server) => closedAfter(server, HELLO_HEAD, 'end'),
    'a reset': (server) => closedAfter(server, HELLO_HEAD, 'resetAndDestroy'),
    'a certificate of an unknown authority': refused({}),
    'a wrong name': (server) => refused({ ...trusting(), servername: 'wrong.example' })(server),
    'no common protocol': (server) => refused({ ...trusting(), alpnProtocols: ['other'] })(server),
    async 'a deadline that passes'(server, clock) {
      const closed = closedAfter(server, HELLO_HEAD);
      await until(() => server.openConnections > 0);
      await pass(clock, () => server.openConnections === 0);
      await closed;
    },
  };

  it.each(Object.keys(sorts))('leave nothing behind: %s [STR-15]', async (sort) => {
    const fail = sorts[sort] as Failing;
    const { server, clock } = await watchedServer({ alpnProtocols: ['known'] });
    await using _ = server;
    await fail(server, clock);
    await until(() => server.openConnections === 0);
    const descriptors = openDescriptors();
    const resources = activeResources();
    for (let round = 0; round < ROUNDS / AT_ONCE; round += 1) {
      await Promise.all(Array.from({ length: AT_ONCE }, () => fail(server, clock)));
    }
    await until(() => server.openConnections === 0);
    await untilDescriptorsAre(descriptors);
    await until(() => activeResources() <= resources);
    // The failures of the last minute are counted, and what is left then is nobody's.
    await clock.advance(60_000);
    expect(clock.pending).toBe(0);
    expect(server.openConnections).toBe(0);
    await until(() => server.stats().handshakesFailed >= ROUNDS);
  });

  /** Sockets and timers of Node's that are alive. */
  function activeResources(): number {
    return process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Pipe|Stream/.test(name)).length;
  }
});

describe('startTls and a peer that breaks TLS', () => {
  it.each([true, false])('stops at its deadline, server: %s [STR-14] [STR-15]', async (server) => {
    const { loop, clock } = watchedLoop();
    const [one, other] = memoryPair();
    await using silent = new IOStream(other);
    const tls = { handshakeTimeoutMs: 50 };
    const securing = server
      ? startTls(new IOStream(one), { server, loop, tls: { ...own(), ...tls } })
      : startTls(new IOStream(one), { server, loop, tls: { ...tls, servername: 'localhost' } });
    const outcome = securing.catch((error: unknown) => error);
    await until(() => clock.pending === 1);
    await clock.advance(50);
    expect(await outcome).toMatchObject({ name: 'StreamTimeoutError', code: 'ERR_STREAM_TIMEOUT' });
    await silent.readUntilClose();
    expect(clock.pending).toBe(0);
  });

  it.each([true, false])('fails for plain text, server: %s [STR-14] [STR-15]', async (server) => {
    const [one, other] = memoryPair();
    await using plain = new IOStream(other);
    const securing = server
      ? startTls(new IOStream(one), { server, tls: own() })
      : startTls(new IOStream(one), { server, tls: { servername: 'localhost' } });
    void plain.write('MAIL FROM:<a@example.org>\r\n');
    await expect(securing).rejects.toMatchObject({ name: 'StreamConnectError', code: 'ERR_STREAM_TLS' });
    await plain.readUntilClose();
  });

  it.each([true, false])(
    'fails where the peer had ended before, server: %s [STR-14] [STR-15]',
    async (server) => {
      const { loop, clock } = watchedLoop();
      const ended = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), autoDestroy: false });
      const stream = new IOStream(new NodeTransport(ended, { loop }));
      ended.push(null);
      // Node notices the end of an empty stream although it is paused.
      ended.read(0);
      await until(() => ended.readableEnded);
      const securing = server
        ? startTls(stream, { server, loop, tls: own() })
        : startTls(stream, { server, loop, tls: { servername: 'localhost' } });
      await expect(securing).rejects.toMatchObject({ code: 'ERR_STREAM_TLS', cause: { code: 'ECONNRESET' } });
      expect(ended.destroyed).toBe(true);
      expect(clock.pending).toBe(0);
    },
  );
});
