import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  type IOStream,
  OverrideResolver,
  type ResolvedAddress,
  type Resolver,
  SystemResolver,
  TCPClient,
  TCPServer,
} from '../../src/index.ts';
import { openDescriptors, until, untilDescriptorsAre } from '../support/until.ts';

const host = '127.0.0.1';

/** Answers a name with what the test says. */
class FixedResolver implements Resolver {
  readonly #addresses: readonly ResolvedAddress[];

  constructor(...addresses: ResolvedAddress[]) {
    this.#addresses = addresses;
  }

  async resolve(): Promise<readonly ResolvedAddress[]> {
    return this.#addresses;
  }
}

async function greetingServer(): Promise<TCPServer> {
  const greet = (stream: IOStream): void => {
    void stream.write('hi').then(() => stream.close());
  };
  return new TCPServer({ handleStream: greet }).listen({ host });
}

/** A port on which nothing listens: it was free a moment ago. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Accepts and never says a word. */
async function silentServer(): Promise<Server & AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  }).listen(0, host);
  await once(server, 'listening');
  return Object.assign(server, {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}

describe('TCPClient', () => {
  it('connects to a numeric address and names both ends [CON-01]', async () => {
    await using server = await greetingServer();
    await using stream = await new TCPClient().connect({ host, port: server.port });
    expect(stream.remoteAddress).toEqual({ family: 'IPv4', address: host, port: server.port });
    expect(stream.localAddress).toMatchObject({ family: 'IPv4', address: host });
    expect((await stream.readUntilClose()).toString()).toBe('hi');
  });

  it('connects to a name [CON-01]', async () => {
    await using server = await greetingServer();
    await using stream = await new TCPClient().connect({ host: 'localhost', port: server.port });
    expect((await stream.readUntilClose()).toString()).toBe('hi');
  });

  it('connects from the address and port that it is told [CON-03]', async () => {
    await using server = await greetingServer();
    const localPort = await deadPort();
    await using stream = await new TCPClient().connect({
      host,
      port: server.port,
      localAddress: '127.0.0.2',
      localPort,
    });
    expect(stream.localAddress).toEqual({ family: 'IPv4', address: '127.0.0.2', port: localPort });
  });

  it('connects from loopback when only a port is given [CON-03]', async () => {
    await using server = await greetingServer();
    const localPort = await deadPort();
    await using stream = await new TCPClient().connect({ host, port: server.port, localPort });
    expect(stream.localAddress).toEqual({ family: 'IPv4', address: host, port: localPort });
  });

  it('raises a bind that fails, and leaves nothing open [CON-03]', async () => {
    await using server = await greetingServer();
    const before = openDescriptors();
    const connecting = new TCPClient().connect({ host, port: server.port, localAddress: '192.0.2.1' });
    await expect(connecting).rejects.toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'bind' });
    await untilDescriptorsAre(before);
  });

  it('tries every address until one answers [CON-02]', async () => {
    await using server = await greetingServer();
    const resolver = new FixedResolver(
      { address: host, family: 4, port: await deadPort() },
      { address: '127.0.0.2', family: 4, port: await deadPort() },
      { address: host, family: 4 },
    );
    await using stream = await new TCPClient({ resolver }).connect({
      host: 'many.example',
      port: server.port,
    });
    expect((await stream.readUntilClose()).toString()).toBe('hi');
  });

  it('takes addresses from a resolver that returns a thenable of another library, or none', async () => {
    await using server = await greetingServer();
    const addresses = [{ address: host, family: 4 as const }];
    // biome-ignore lint/suspicious/noThenProperty: a thenable of another library is the subject.
    const foreign = { then: (resolved: (value: unknown) => void) => void resolved(addresses) };
    for (const found of [foreign, addresses]) {
      const resolver: Resolver = { resolve: () => found as never };
      await using stream = await new TCPClient({ resolver }).connect({ host: 'a.test', port: server.port });
      expect((await stream.readUntilClose()).toString()).toBe('hi');
    }
  });

  it('throws an error with the code of the last address when none accepts [CON-02]', async () => {
    const before = openDescriptors();
    const port = await deadPort();
    const resolver = new FixedResolver({ address: '127.0.0.2', family: 4 }, { address: host, family: 4 });
    const connecting = new TCPClient({ resolver }).connect({ host: 'dead.example', port });
    await expect(connecting).rejects.toMatchObject({
      name: 'ConnectError',
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: `${host}:${port}`,
      errors: [{ address: `127.0.0.2:${port}` }, { address: `${host}:${port}` }],
    });
    await untilDescriptorsAre(before);
  });

  it('refuses what a resolver without an answer gives', async () => {
    const connecting = new TCPClient({ resolver: new FixedResolver() }).connect({
      host: 'none.example',
      port: 1,
    });
    await expect(connecting).rejects.toMatchObject({ code: 'ERR_STREAM_RESOLVE' });
  });

  it('says that a name does not resolve', async () => {
    const connecting = new TCPClient().connect({ host: 'does-not-exist.invalid', port: 1 });
    await expect(connecting).rejects.toMatchObject({
      name: 'StreamConnectError',
      code: 'ERR_STREAM_RESOLVE',
    });
  });

  it('says that nothing listens at a path', async () => {
    const connecting = new TCPClient().connect({ path: '/nowhere/at-all.sock' });
    await expect(connecting).rejects.toMatchObject({
      code: 'ENOENT',
      syscall: 'connect',
      address: '/nowhere/at-all.sock',
    });
  });

  it('has one deadline for resolving too [CON-01]', async () => {
    const resolver: Resolver = { resolve: () => new Promise(() => {}) };
    const connecting = new TCPClient({ resolver }).connect({ host: 'slow.example', port: 1, timeoutMs: 20 });
    await expect(connecting).rejects.toMatchObject({
      name: 'StreamTimeoutError',
      code: 'ERR_STREAM_TIMEOUT',
    });
  });

  it('has one deadline for the TLS handshake too, and leaves nothing open [CON-01]', async () => {
    const before = openDescriptors();
    {
      await using server = await silentServer();
      const connecting = new TCPClient().connect({ host, port: server.port, tls: true, timeoutMs: 50 });
      await expect(connecting).rejects.toMatchObject({ code: 'ERR_STREAM_TIMEOUT' });
    }
    await untilDescriptorsAre(before);
  });

  it('does nothing when it is aborted before', async () => {
    const reason = new Error('never mind');
    const connecting = new TCPClient().connect({ host, port: 1, signal: AbortSignal.abort(reason) });
    await expect(connecting).rejects.toBe(reason);
  });

  it.each(['connecting', 'the TLS handshake'])(
    'leaves nothing open when it is aborted during %s [CON-01]',
    async (phase) => {
      const before = openDescriptors();
      {
        await using server = await silentServer();
        const controller = new AbortController();
        const reason = new Error('never mind');
        const connecting = new TCPClient().connect({
          host,
          port: server.port,
          tls: true,
          signal: controller.signal,
        });
        if (phase === 'the TLS handshake') await once(server, 'connection');
        controller.abort(reason);
        await expect(connecting).rejects.toBe(reason);
      }
      await untilDescriptorsAre(before);
    },
  );

  it.each([{ port: -1 }, { port: 70_000 }, { port: 1, timeoutMs: -1 }])(
    'refuses the options %j',
    async (options) => {
      await expect(new TCPClient().connect({ host, ...options })).rejects.toMatchObject({
        code: 'ERR_STREAM_USAGE',
      });
    },
  );
});

describe('SystemResolver', () => {
  it.each([
    ['127.0.0.1', 4],
    ['::1', 6],
  ] as const)('answers the address %s with itself [NET-05]', async (address, family) => {
    expect(await new SystemResolver().resolve(address)).toEqual([{ address, family }]);
  });

  it('refuses an address of another family than was asked for', async () => {
    await expect(new SystemResolver().resolve('127.0.0.1', { family: 6 })).rejects.toMatchObject({
      code: 'ERR_STREAM_RESOLVE',
    });
  });

  it.each(['', 'a\0b', 'x'.repeat(300)])('refuses %j without asking anybody', async (name) => {
    await expect(new SystemResolver().resolve(name)).rejects.toMatchObject({ code: 'ERR_STREAM_RESOLVE' });
  });

  it('answers many names at once, and lets those that wait be taken back', async () => {
    const controller = new AbortController();
    const resolver = new SystemResolver();
    const first = Array.from({ length: 20 }, () => resolver.resolve('localhost', { family: 4 }));
    const last = resolver.resolve('localhost', { signal: controller.signal });
    const reason = new Error('never mind');
    controller.abort(reason);
    await expect(last).rejects.toBe(reason);
    for (const answer of await Promise.all(first))
      expect(answer).toContainEqual({ address: host, family: 4 });
    expect(await resolver.resolve('localhost', { family: 4 })).toContainEqual({ address: host, family: 4 });
  });
});

describe('OverrideResolver', () => {
  const resolver = new OverrideResolver(
    {
      'a.example': '10.0.0.1',
      'a.example:80': '10.0.0.2',
      'a.example:80:4': { host: '10.0.0.3', port: 8080 },
      'b.example': 'localhost',
    },
    new SystemResolver(),
  );

  it.each([
    [{}, [{ address: '10.0.0.1', family: 4 }]],
    [{ port: 81 }, [{ address: '10.0.0.1', family: 4 }]],
    [{ port: 80 }, [{ address: '10.0.0.2', family: 4 }]],
    [{ port: 80, family: 4 }, [{ address: '10.0.0.3', family: 4, port: 8080 }]],
  ] as const)('takes the most precise key for %j [NET-05]', async (options, expected) => {
    expect(await resolver.resolve('a.example', options)).toEqual(expected);
  });

  it('asks the next resolver for what a name is sent to, and for all else [NET-05]', async () => {
    expect(await resolver.resolve('b.example', { family: 4 })).toContainEqual({ address: host, family: 4 });
    expect(await resolver.resolve('192.0.2.7')).toEqual([{ address: '192.0.2.7', family: 4 }]);
  });

  it('moves a client to another host and port [NET-05]', async () => {
    await using server = await greetingServer();
    const moving = new OverrideResolver({ 'c.example:1': { host, port: server.port } }, new SystemResolver());
    await using stream = await new TCPClient({ resolver: moving }).connect({ host: 'c.example', port: 1 });
    expect((await stream.readUntilClose()).toString()).toBe('hi');
    await until(() => server.openConnections === 0);
  });
});
