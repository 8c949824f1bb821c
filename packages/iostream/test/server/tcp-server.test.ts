import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect as nodeConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Future, SystemError } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type IOStream,
  StreamClosedError,
  TCPClient,
  TCPServer,
  type TCPServerOptions,
} from '../../src/index.ts';
import { recordingLoop } from '../support/recording-logger.ts';
import { watchedLoop } from '../support/tls-fixture.ts';
import { openDescriptors, until, untilDescriptorsAre } from '../support/until.ts';

const client = new TCPClient();
const host = '127.0.0.1';

/** Answers each line with itself until the peer ends. */
async function echoLines(stream: IOStream): Promise<void> {
  for (;;) await stream.write(await stream.readUntil('\n'));
}

async function echoServer(options: TCPServerOptions = {}): Promise<TCPServer> {
  return new TCPServer({ handleStream: echoLines, ...options }).listen({ host });
}

async function expectEcho(stream: IOStream, line = 'hello\n'): Promise<void> {
  void stream.write(line);
  expect((await stream.readUntil('\n')).toString()).toBe(line);
}

describe('TCPServer', () => {
  it('gives each connection to handleStream [SRV-03]', async () => {
    await using server = await echoServer();
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => client.connect({ host, port: server.port })),
    );
    for (const [i, stream] of streams.entries()) await expectEcho(stream, `line ${i}\n`);
    expect(server.openConnections).toBe(20);
    for (const stream of streams) stream.close();
    await until(() => server.openConnections === 0);
  });

  it('calls handleStream of a subclass', async () => {
    class Greeter extends TCPServer {
      override handleStream(stream: IOStream): void {
        void stream.write('welcome').then(() => stream.close());
      }
    }
    await using server = await new Greeter().listen({ host });
    await using stream = await client.connect({ host, port: server.port });
    expect((await stream.readUntilClose()).toString()).toBe('welcome');
  });

  it('refuses to be made without a handler', () => {
    expect(() => new TCPServer()).toThrow(expect.objectContaining({ code: 'ERR_STREAM_USAGE' }));
  });

  it.each([{ backlog: 0 }, { maxConnections: -1 }, { maxConnectionsPerAddress: 1.5 }])(
    'refuses the option %j',
    (option) => {
      expect(() => new TCPServer({ handleStream() {}, ...option })).toThrow(
        expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
      );
    },
  );

  it.each(['localhost', undefined])(
    'listens on every address of host %s with one port [NET-01]',
    async (name) => {
      await using server = await new TCPServer({ handleStream: echoLines }).listen(
        name === undefined ? {} : { host: name },
      );
      const [first, ...others] = server.addresses;
      expect(first).toMatchObject({ family: 'IPv4', port: server.port });
      for (const other of others) expect(other).toMatchObject({ family: 'IPv6', port: server.port });
      for (const { family } of server.addresses) {
        await using stream = await client.connect({
          host: family === 'IPv6' ? '::1' : host,
          port: server.port,
        });
        await expectEcho(stream);
        expect(stream.remoteAddress.family).toBe(family);
      }
    },
  );

  it('listens on several ports [SRV-02]', async () => {
    await using server = await echoServer();
    await server.listen({ host });
    const ports = server.addresses.map((address) => ('port' in address ? address.port : 0));
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) {
      await using stream = await client.connect({ host, port });
      await expectEcho(stream);
    }
  });

  it('says which address is in use, and leaves nothing open [NET-01]', async () => {
    await using server = await echoServer();
    const before = openDescriptors();
    const second = new TCPServer({ handleStream: echoLines });
    const error = await second.listen({ host, port: server.port }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: `${host}:${server.port}` });
    expect(second.addresses).toEqual([]);
    await untilDescriptorsAre(before);
  });

  it('says which address is not one of this machine', async () => {
    const server = new TCPServer({ handleStream: echoLines });
    await expect(server.listen({ host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'bind',
    });
  });

  it.each([-1, 65_536, 1.5, Number.NaN])('refuses port %d', async (port) => {
    const server = new TCPServer({ handleStream: echoLines });
    await expect(server.listen({ host, port })).rejects.toMatchObject({ code: 'ERR_STREAM_USAGE' });
  });

  it('says that a host has no address', async () => {
    const server = new TCPServer({ handleStream: echoLines });
    await expect(server.listen({ host: 'no\0name' })).rejects.toMatchObject({ code: 'ERR_STREAM_RESOLVE' });
  });

  it('shares a port with another server, or says that this system cannot [NET-01]', async () => {
    const { loop } = recordingLoop();
    await using one = new TCPServer({ handleStream: echoLines });
    await using other = new TCPServer({ handleStream: echoLines });
    const outcome = await one.listen({ host, reusePort: true }).then(
      () => other.listen({ host, port: one.port, reusePort: true }).then(() => 'shared'),
      (error: { code: string }) => error.code,
    );
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const nodeCan = major >= 24 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
    expect(outcome).toBe(loop.backend === 'native' || nodeCan ? 'shared' : 'ERR_STREAM_USAGE');
  });

  it('closes only its listeners when stopped, and may listen again [SRV-02]', async () => {
    await using server = await echoServer();
    const { port } = server;
    await using stream = await client.connect({ host, port });
    await expectEcho(stream);
    await server.stop();
    await server.stop();
    await expectEcho(stream);
    expect(() => server.port).toThrow(expect.objectContaining({ code: 'ERR_STREAM_USAGE' }));
    await expect(client.connect({ host, port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await server.listen({ host, port });
    await using second = await client.connect({ host, port });
    await expectEcho(second);
  });

  it('closes every connection when disposed', async () => {
    const server = await echoServer();
    const streams = await Promise.all(
      Array.from({ length: 5 }, () => client.connect({ host, port: server.port })),
    );
    for (const stream of streams) await expectEcho(stream);
    await server[Symbol.asyncDispose]();
    for (const stream of streams) expect((await stream.readUntilClose()).length).toBe(0);
    expect(server.openConnections).toBe(0);
    for (const stream of streams) stream.close();
  });

  it('logs a failing handler once, closes its stream, and goes on accepting [SRV-03]', async () => {
    const { loop, of } = recordingLoop();
    const failures: (() => unknown)[] = [
      () => {
        throw new Error('at once');
      },
      () => Promise.reject(new Error('later')),
      () => {
        const future = new Future<void>();
        setImmediate(() => future.setException(new Error('by a Future')));
        return future;
      },
    ];
    await using server = await new TCPServer({ loop, handleStream: () => failures.shift()?.() }).listen({
      host,
    });
    for (const message of ['at once', 'later', 'by a Future']) {
      await using stream = await client.connect({ host, port: server.port });
      expect((await stream.readUntilClose()).length).toBe(0);
      await until(() => of('error').some(({ error }) => (error as Error).message === message));
    }
    expect(of('error')).toHaveLength(3);
  });

  it('is quiet when a handler fails because the peer went away [STR-12]', async () => {
    const { loop, records } = recordingLoop();
    await using server = await echoServer({ loop });
    const stream = await client.connect({ host, port: server.port });
    await expectEcho(stream);
    stream.close();
    await until(() => server.openConnections === 0);
    expect(records).toEqual([]);
  });

  it('fails a waiting read with the reset of its peer, quietly [STR-12] [ATT-76]', async () => {
    const { loop, records } = recordingLoop();
    let failed!: (error: unknown) => void;
    const failure = new Promise<unknown>((resolve) => {
      failed = resolve;
    });
    await using server = new TCPServer({
      loop,
      handleStream: async (stream) => {
        await stream.write(await stream.readUntil('\n'));
        await stream.readUntil('\n').catch(failed);
      },
    });
    await server.listen({ host });
    const stream = await client.connect({ host, port: server.port });
    // Nothing is on its way when the reset comes: libuv takes data and a reset that come together for an end.
    await expectEcho(stream);
    stream.reset();
    const error = await failure;
    expect(error).toBeInstanceOf(StreamClosedError);
    expect((error as StreamClosedError).cause).toMatchObject({ code: 'ECONNRESET' });
    await until(() => server.openConnections === 0);
    expect(records).toEqual([]);
  });

  it('refuses connections above its limit, says so once a minute, and accepts again below it', async () => {
    const { loop, clock, records } = watchedLoop();
    await using server = await echoServer({ loop, maxConnections: 2 });
    const first = await client.connect({ host, port: server.port });
    await using second = await client.connect({ host, port: server.port });
    await expectEcho(first);
    await expectEcho(second);
    for (let i = 0; i < 3; i += 1) {
      await using refused = await client.connect({ host, port: server.port });
      expect((await refused.readUntilClose()).length).toBe(0);
    }
    expect(records).toMatchObject([{ level: 'warn', count: 1, openConnections: 2 }]);
    first.close();
    await until(() => server.openConnections === 1);
    await using third = await client.connect({ host, port: server.port });
    await expectEcho(third);
    // Room for a moment makes no new record: a peer that comes and goes at the limit would fill a disk.
    await using refused = await client.connect({ host, port: server.port });
    expect((await refused.readUntilClose()).length).toBe(0);
    expect(records).toHaveLength(1);
    await clock.advance(60_000);
    expect(records).toMatchObject([{ count: 1 }, { level: 'warn', count: 3 }]);
  });

  it('counts a stream whose transport was given away as gone', async () => {
    let taken!: (stream: IOStream) => void;
    const arrival = new Promise<IOStream>((resolve) => {
      taken = resolve;
    });
    await using server = await new TCPServer({ handleStream: (stream) => taken(stream) }).listen({ host });
    await using stream = await client.connect({ host, port: server.port });
    const transport = (await arrival).detachTransport();
    expect(server.openConnections).toBe(0);
    transport.attach({ received() {}, ended() {}, sent() {}, closed() {} });
    transport.close();
    expect((await stream.readUntilClose()).length).toBe(0);
  });

  it('leaves no descriptor behind, however its connections end', async () => {
    const before = openDescriptors();
    {
      await using server = await echoServer();
      for (let round = 0; round < 10; round += 1) {
        const streams = await Promise.all(
          Array.from({ length: 10 }, () => client.connect({ host, port: server.port })),
        );
        for (const [i, stream] of streams.entries()) {
          await expectEcho(stream);
          if (i % 3 === 0) stream.reset();
          else if (i % 3 === 1) stream.close();
          else stream.endWrite();
        }
        for (const stream of streams) await stream.readUntilClose().catch(() => {});
        for (const stream of streams) stream.close();
      }
      await until(() => server.openConnections === 0);
    }
    await untilDescriptorsAre(before);
  });

  it('serves a foreign client that half-closes', async () => {
    await using server = await new TCPServer({
      async handleStream(stream) {
        const all = await stream.readUntilClose();
        await stream.write(`${all.length} bytes`);
        stream.endWrite();
      },
    }).listen({ host });
    const socket = nodeConnect({ host, port: server.port, allowHalfOpen: true });
    let answer = '';
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.end('0123456789');
    await once(socket, 'close');
    expect(answer).toBe('10 bytes');
  });
});

describe('TCPServer on a Unix socket', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'landspout-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('serves its owner alone unless told otherwise, and removes the socket at the end [NET-02]', async () => {
    const path = join(folder, 'own.sock');
    const server = new TCPServer({ handleStream: echoLines });
    await server.listen({ path });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(server.address).toEqual({ family: 'unix', path });
    await using stream = await client.connect({ path });
    await expectEcho(stream);
    expect(stream.remoteAddress).toEqual({ family: 'unix', path });
    await server.closeAll();
    expect(existsSync(path)).toBe(false);
  });

  it('gives the socket the mode that is asked for [NET-02]', async () => {
    const path = join(folder, 'mode.sock');
    await using server = await new TCPServer({ handleStream: echoLines }).listen({ path, mode: 0o666 });
    expect(statSync(path).mode & 0o777).toBe(0o666);
    expect(() => server.port).toThrow(expect.objectContaining({ code: 'ERR_STREAM_USAGE' }));
  });

  it('replaces the socket that a dead process has left [NET-02]', async () => {
    const path = join(folder, 'stale.sock');
    await leaveStaleSocket(path);
    await using server = await new TCPServer({ handleStream: echoLines }).listen({ path });
    await using stream = await client.connect({ path });
    await expectEcho(stream);
    expect(server.openConnections).toBe(1);
  });

  it('does not take a socket that somebody listens on [NET-02]', async () => {
    const path = join(folder, 'busy.sock');
    await using server = await new TCPServer({ handleStream: echoLines }).listen({ path });
    const second = new TCPServer({ handleStream: echoLines });
    await expect(second.listen({ path })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      syscall: 'bind',
      address: path,
    });
    await using stream = await client.connect({ path });
    await expectEcho(stream);
    expect(server.addresses).toHaveLength(1);
  });

  it('does not touch another kind of file [NET-02]', async () => {
    const path = join(folder, 'precious.txt');
    writeFileSync(path, 'precious');
    const server = new TCPServer({ handleStream: echoLines });
    await expect(server.listen({ path })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(statSync(path).size).toBe(8);
  });

  it('listens on an abstract name [NET-02]', async () => {
    const path = `\0landspout-test-${process.pid}-${Date.now()}`;
    await using server = await new TCPServer({ handleStream: echoLines }).listen({ path });
    await using stream = await client.connect({ path });
    await expectEcho(stream);
    expect(server.address).toEqual({ family: 'unix', path });
  });
});

/** Another process listens on `path` and is killed, so that nobody removes the file. */
async function leaveStaleSocket(path: string): Promise<void> {
  const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(existsSync(path)).toBe(true);
}
