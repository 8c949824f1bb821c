import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { IOLoop, type SystemError } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import {
  type ConnectAttempt,
  type ConnectObserver,
  whenConnected,
} from '../../src/connecting/connect-attempt.ts';
import { type ConnectCandidate, connectToAny } from '../../src/connecting/happy-eyeballs.ts';
import {
  type ConnectError,
  type ResolvedAddress,
  type ResolveOptions,
  type Resolver,
  TCPClient,
  type TCPConnectOptions,
  TCPServer,
} from '../../src/index.ts';
import { memoryPair } from '../../src/transports/index.ts';
import { silentListener } from '../support/silent-listener.ts';
import { openDescriptors, until, untilDescriptorsAre } from '../support/until.ts';
import { failureOf, nextTurn } from './support/raw-peer.ts';

const HOST = '127.0.0.1';
/** Made before descriptors are counted: it has one or two of its own. */
const thisLoop = IOLoop.current();

/** Answers with what the test says, when the test's clock says, and remembers what it was asked. */
class SlowResolver implements Resolver {
  readonly asked: ResolveOptions[] = [];
  readonly #clock: VirtualClock;
  readonly #delayMs: number;
  readonly #answer: readonly ResolvedAddress[];

  constructor(clock: VirtualClock, delayMs: number, ...answer: ResolvedAddress[]) {
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#answer = answer;
  }

  resolve(_host: string, options: ResolveOptions = {}): Promise<readonly ResolvedAddress[]> {
    this.asked.push(options);
    if (this.#delayMs === 0) return Promise.resolve(this.#answer);
    return new Promise((resolve) => this.#clock.setTimeout(() => resolve(this.#answer), this.#delayMs));
  }
}

/** A client for which time passes only when the test says so. */
function clientOf(delayMs: number, ...answer: ResolvedAddress[]) {
  const clock = new VirtualClock();
  const resolver = new SlowResolver(clock, delayMs, ...answer);
  return {
    clock,
    resolver,
    client: new TCPClient({ loop: new IOLoop({ clock, logger: thisLoop.logger }), resolver }),
  };
}

async function deadPort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const greet = (host: string): Promise<TCPServer> =>
  new TCPServer({
    async handleStream(stream) {
      await stream.write(stream.localAddress.family);
      stream.close();
    },
  }).listen({ host });

describe('TCPClient, its deadline', () => {
  it('is one over resolving, connecting and the TLS handshake [CON-01]', async () => {
    const before = openDescriptors();
    {
      await using server = await new TCPServer({ handleStream() {} }).listen({ host: HOST });
      const { clock, client } = clientOf(15_000, { address: HOST, family: 4 });
      let outcome: unknown;
      const options = { host: 'slow.example', port: server.port, tls: true, timeoutMs: 20_000 } as const;
      const connecting = failureOf(client.connect(options)).then((error) => {
        outcome = error;
      });
      await clock.advance(15_000);
      await until(() => server.openConnections === 1);
      await clock.advance(4_999);
      expect(outcome).toBeUndefined();
      await clock.advance(1);
      await connecting;
      expect(outcome).toMatchObject({ name: 'StreamTimeoutError', code: 'ERR_STREAM_TIMEOUT' });
      expect(clock.pending).toBe(0);
    }
    await untilDescriptorsAre(before);
  });

  it('is 20 s by default, and none with 0 [CON-01]', async () => {
    const { clock, client } = clientOf(100_000, { address: HOST, family: 4 });
    const byDefault = failureOf(client.connect({ host: 'slow.example', port: 1 }));
    await clock.advance(20_000);
    expect(await byDefault).toMatchObject({ code: 'ERR_STREAM_TIMEOUT' });
    await using server = await greet(HOST);
    const without = client.connect({ host: 'slow.example', port: server.port, timeoutMs: 0 });
    await nextTurn();
    await clock.advance(100_000);
    await using stream = await without;
    expect((await stream.readUntilClose()).toString()).toBe('IPv4');
  });

  it('does not reach the stream once it is connected [CON-01]', async () => {
    await using server = await new TCPServer({ handleStream() {} }).listen({ host: HOST });
    const { clock, client } = clientOf(0, { address: HOST, family: 4 });
    const controller = new AbortController();
    const options = { host: 'a.example', port: server.port, signal: controller.signal };
    await using stream = await client.connect(options);
    controller.abort();
    await clock.advance(60_000);
    await nextTurn();
    expect([stream.isClosed, clock.pending]).toEqual([false, 0]);
  });
});

describe('TCPClient, over both families', () => {
  it('connects to each loopback by its number [CON-02]', async () => {
    for (const [host, family] of [
      [HOST, 'IPv4'],
      ['::1', 'IPv6'],
    ] as const) {
      await using server = await greet(host);
      await using stream = await new TCPClient().connect({ host, port: server.port });
      expect(stream.remoteAddress).toEqual({ family, address: host, port: server.port });
      expect((await stream.readUntilClose()).toString()).toBe(family);
    }
  });

  it.each([
    ['IPv6', '::1', HOST],
    ['IPv4', HOST, '::1'],
  ] as const)('tries the other family at once when %s is refused [CON-02]', async (_family, dead, alive) => {
    await using server = await greet(alive);
    const family = alive === HOST ? 4 : 6;
    const { client, clock } = clientOf(
      0,
      { address: dead, family: family === 4 ? 6 : 4, port: await deadPort(dead) },
      { address: alive, family },
    );
    // No time passes, so nothing can have waited for the 250 ms.
    await using stream = await client.connect({ host: 'both.example', port: server.port });
    expect(stream.remoteAddress).toMatchObject({ address: alive });
    expect(clock.pending).toBe(0);
    expect((await stream.readUntilClose()).toString()).toBe(family === 4 ? 'IPv4' : 'IPv6');
  });

  it('takes the family of the first address when both answer [CON-02]', async () => {
    await using four = await greet(HOST);
    await using six = await greet('::1');
    const { client, clock } = clientOf(
      0,
      { address: '::1', family: 6, port: six.port },
      { address: HOST, family: 4, port: four.port },
    );
    await using stream = await client.connect({ host: 'both.example', port: 1 });
    expect(stream.remoteAddress).toMatchObject({ address: '::1' });
    expect([four.stats().opened, clock.pending]).toEqual([0, 0]);
  });

  it('tries only the family that it is told, whatever the resolver answers [CON-01]', async () => {
    await using server = await greet(HOST);
    const addresses = [
      { address: '::1', family: 6, port: await deadPort('::1') },
      { address: HOST, family: 4 },
    ] as const;
    const { client, resolver } = clientOf(0, ...addresses);
    await using stream = await client.connect({ host: 'both.example', port: server.port, family: 4 });
    expect(stream.remoteAddress).toMatchObject({ address: HOST });
    expect(resolver.asked[0]).toMatchObject({ family: 4, port: server.port });
    const six = clientOf(0, { address: HOST, family: 4 }).client;
    expect(
      await failureOf(six.connect({ host: 'both.example', port: server.port, family: 6 })),
    ).toMatchObject({ code: 'ERR_STREAM_RESOLVE' });
  });

  it('lists the error of each address, of whichever family, when all have failed [CON-02]', async () => {
    const before = openDescriptors();
    const port = await deadPort(HOST);
    const { client, clock } = clientOf(
      0,
      { address: '127.0.0.2', family: 4 },
      { address: '127.0.0.3', family: 4 },
      { address: '::1', family: 6, port: await deadPort('::1') },
    );
    const error = await failureOf(client.connect({ host: 'dead.example', port }));
    const address = `127.0.0.3:${port}`;
    expect(error).toMatchObject({ name: 'ConnectError', code: 'ECONNREFUSED', syscall: 'connect', address });
    const { errors } = error as ConnectError;
    expect(errors.map((one) => (one as SystemError).address)).toEqual([
      `127.0.0.2:${port}`,
      expect.stringContaining('[::1]:'),
      address,
    ]);
    expect(clock.pending).toBe(0);
    await untilDescriptorsAre(before);
  });
});

describe('TCPClient, with an address that is silent', () => {
  it('connects to the next address of the same family after 250 ms [CON-02]', async () => {
    await using silent = await silentListener('127.0.0.2');
    await using server = await greet(HOST);
    const before = openDescriptors();
    const addresses = [silent.host, HOST] as const;
    const ports = [silent.port, server.port] as const;
    const answer = addresses.map((address, at) => ({ address, family: 4, port: ports[at] }) as const);
    const { client, clock } = clientOf(0, ...answer);
    const connecting = client.connect({ host: 'many.example', port: 1 });
    await nextTurn();
    await clock.advance(249);
    expect(server.stats().opened).toBe(0);
    await clock.advance(1);
    {
      await using stream = await connecting;
      expect(stream.remoteAddress).toMatchObject({ address: HOST });
      expect((await stream.readUntilClose()).toString()).toBe('IPv4');
    }
    expect(clock.pending).toBe(0);
    await untilDescriptorsAre(before);
  });

  it('connects from the port that it is told although the silent attempt has it [CON-02] [CON-03]', async () => {
    await using silent = await silentListener('127.0.0.2');
    await using server = await greet(HOST);
    const localPort = await deadPort(HOST);
    const { client, clock } = clientOf(
      0,
      { address: silent.host, family: 4, port: silent.port },
      { address: HOST, family: 4 },
    );
    const connecting = client.connect({ host: 'many.example', port: server.port, localPort });
    await nextTurn();
    await clock.advance(250);
    await using stream = await connecting;
    expect(stream.localAddress).toMatchObject({ address: HOST, port: localPort });
  });

  it.each(['its deadline passes', 'it is aborted'])('leaves nothing open when %s [CON-02]', async (how) => {
    await using first = await silentListener('127.0.0.2');
    await using second = await silentListener('127.0.0.3');
    const before = openDescriptors();
    const answer = [first, second].map(({ host, port }) => ({ address: host, family: 4, port }) as const);
    const { client, clock } = clientOf(0, ...answer);
    const controller = new AbortController();
    const options = { host: 'silent.example', port: 1, timeoutMs: 5_000, signal: controller.signal };
    const connecting = failureOf(client.connect(options));
    await nextTurn();
    await clock.advance(1_000);
    // One attempt to each address, both of them under way.
    await until(() => openDescriptors() === before + 2);
    const reason = new Error('never mind');
    if (how === 'it is aborted') controller.abort(reason);
    else await clock.advance(4_000);
    const expected = { message: 'connect: not connected to "silent.example", port 1, within 5000 ms' };
    expect(await connecting).toMatchObject(how === 'it is aborted' ? reason : expected);
    expect(clock.pending).toBe(0);
    await untilDescriptorsAre(before);
  });
});

describe('connectToAny, at its edges', () => {
  it('closes a winner that comes in the turn of the abort [CON-02]', async () => {
    const controller = new AbortController();
    const [winner, far] = memoryPair();
    const candidates: ConnectCandidate[] = [{ address: HOST, family: 4, port: 80 }];
    const connectTo = (_candidate: ConnectCandidate, observer: ConnectObserver): ConnectAttempt => {
      queueMicrotask(() => observer.connected(winner));
      return { cancel() {} };
    };
    const start = (observer: ConnectObserver): ConnectAttempt =>
      connectToAny('a.example', candidates, connectTo, new VirtualClock(), observer);
    const outcome = failureOf(whenConnected(start, controller.signal));
    const reason = new Error('never mind');
    controller.abort(reason);
    expect(await outcome).toBe(reason);
    const ended = new Promise<void>((resolve) => {
      far.attach({ received() {}, ended: () => resolve(), sent() {}, closed: () => resolve() });
    });
    far.resume();
    await ended;
  });
});

describe('TCPClient, where it connects from', () => {
  it.each([HOST, '::1'])(
    'is the loopback of the family of %s when only a port is given [CON-03]',
    async (host) => {
      await using server = await greet(host);
      const localPort = await deadPort(host);
      await using stream = await new TCPClient().connect({ host, port: server.port, localPort });
      expect(stream.localAddress).toMatchObject({ address: host, port: localPort });
    },
  );

  it('is raised when the port is taken, with nothing left open [CON-03]', async () => {
    await using server = await greet(HOST);
    const before = openDescriptors();
    const connecting = new TCPClient().connect({ host: HOST, port: server.port, localPort: server.port });
    expect(await failureOf(connecting)).toMatchObject({
      name: 'SystemError',
      code: 'EADDRINUSE',
      syscall: 'bind',
      address: HOST,
    });
    await untilDescriptorsAre(before);
    expect(server.stats().opened).toBe(0);
  });

  it('leaves out the addresses of the other family [CON-03]', async () => {
    await using server = await greet(HOST);
    const { client, resolver } = clientOf(
      0,
      { address: '::1', family: 6, port: server.port },
      { address: HOST, family: 4 },
    );
    const options = { host: 'both.example', port: server.port, localAddress: '127.0.0.4' };
    await using stream = await client.connect(options);
    expect(stream.localAddress).toMatchObject({ address: '127.0.0.4' });
    expect(resolver.asked[0]).toMatchObject({ family: 4 });
  });

  it.each([
    { localAddress: 'nonsense' },
    { localAddress: '' },
    { localAddress: 'localhost' },
    { localAddress: 5 },
    { localAddress: '::1', family: 4 },
    { localPort: 70_000 },
    { localPort: -1 },
    { localPort: 1.5 },
    { localPort: Number.NaN },
    { localPort: '080' },
    { family: 5 },
    { host: 7 },
    { host: undefined },
    { port: '80 ' },
    { path: '' },
    { path: 7 },
  ])('refuses %j, and opens nothing [CON-03]', async (options) => {
    await using server = await greet(HOST);
    const before = openDescriptors();
    const wrong = { host: HOST, port: server.port, ...options } as TCPConnectOptions;
    expect(await failureOf(new TCPClient().connect(wrong))).toMatchObject({
      name: 'StreamUsageError',
      code: 'ERR_STREAM_USAGE',
    });
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });
});
