import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import {
  type ConnectError,
  ConnectTimings,
  type ResolvedAddress,
  type Resolver,
  TCPClient,
  TCPServer,
} from '../../src/index.ts';
import { makeCertificates } from '../support/certificates.ts';
import { silentListener } from '../support/silent-listener.ts';
import { until } from '../support/until.ts';

const HOST = '127.0.0.1';
const thisLoop = IOLoop.current();

/** Resolves each name to these addresses, after a time on the test's clock. */
function resolverOf(clock: VirtualClock, delayMs: number, addresses: readonly ResolvedAddress[]): Resolver {
  return {
    resolve: () => new Promise((resolve) => clock.setTimeout(() => resolve(addresses), delayMs)),
  };
}

/** A client for which time passes only when the test says so. */
function clientOf(delayMs: number, ...addresses: readonly ResolvedAddress[]) {
  const clock = new VirtualClock();
  const loop = new IOLoop({ clock, logger: thisLoop.logger });
  return { clock, client: new TCPClient({ loop, resolver: resolverOf(clock, delayMs, addresses) }) };
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const idle = () => new TCPServer({ handleStream() {} });

async function deadPort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('ConnectTimings', () => {
  it('has the time of the look-up, apart from that of connecting [CU-07]', async () => {
    await using server = await idle().listen({ host: HOST });
    const { clock, client } = clientOf(30, { address: HOST, family: 4 });
    const timings = new ConnectTimings();
    const connecting = client.connect({ host: 'a.example', port: server.port, timings });
    expect(timings.phase).toBe('dns');
    await clock.advance(30);
    await using _stream = await connecting;
    expect(timings).toMatchObject({ phase: 'connect', dnsMs: 30, connectMs: 0, attempts: 1 });
    expect([timings.tlsMs, timings.address]).toEqual([undefined, `${HOST}:${server.port}`]);
  });

  it('has no look-up for a numeric host [CU-07]', async () => {
    await using server = await idle().listen({ host: HOST });
    const timings = new ConnectTimings();
    await using _stream = await new TCPClient().connect({ host: HOST, port: server.port, timings });
    expect(timings).toMatchObject({ phase: 'connect', attempts: 1, connectMs: expect.any(Number) });
    expect([timings.dnsMs, timings.tlsMs]).toEqual([undefined, undefined]);
  });

  it('has the time until the winner of both families had connected, and its address [CU-07] [CON-02]', async () => {
    await using silent = await silentListener('127.0.0.2');
    await using server = await idle().listen({ host: '::1' });
    const { clock, client } = clientOf(
      10,
      { address: silent.host, family: 4, port: silent.port },
      { address: '::1', family: 6 },
    );
    const timings = new ConnectTimings();
    const connecting = client.connect({ host: 'both.example', port: server.port, timings });
    await clock.advance(10);
    await until(() => timings.phase === 'connect');
    expect(timings.address).toBe(`127.0.0.2:${silent.port}`);
    await clock.advance(250);
    await using _stream = await connecting;
    expect(timings).toMatchObject({ dnsMs: 10, connectMs: 250, attempts: 2 });
    expect(timings.address).toBe(`[::1]:${server.port}`);
  });

  it('has the time of the TLS handshake [CU-07]', async () => {
    const { certFile, keyFile, remove } = makeCertificates();
    const tls = { certFile, keyFile };
    await using server = await new TCPServer({ handleStream() {}, tls }).listen({ host: HOST });
    const timings = new ConnectTimings();
    const options = { host: HOST, port: server.port, tls: { caFile: certFile }, timings };
    await using _stream = await new TCPClient().connect(options);
    remove();
    expect(timings.phase).toBe('tls');
    expect(timings.tlsMs).toBeGreaterThan(0);
    expect(timings.connectMs).toBeGreaterThan(0);
  });

  it('has connecting alone for a Unix socket, with its path [CU-07]', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'landspout-timings-'));
    try {
      const path = join(folder, 'a.sock');
      await using _server = await idle().listen({ path });
      const timings = new ConnectTimings();
      await using _stream = await new TCPClient().connect({ path, timings });
      expect(timings).toMatchObject({ phase: 'connect', address: path, attempts: 1 });
      expect([timings.dnsMs, timings.tlsMs]).toEqual([undefined, undefined]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says that the look-up failed [CU-07]', async () => {
    const timings = new ConnectTimings();
    const options = { host: 'does-not-exist.invalid', port: 1, timings };
    expect(await failureOf(new TCPClient().connect(options))).toMatchObject({ code: 'ERR_STREAM_RESOLVE' });
    expect(timings).toMatchObject({ phase: 'dns', dnsMs: expect.any(Number), attempts: 0 });
    expect([timings.connectMs, timings.address]).toEqual([undefined, undefined]);
  });

  it('says that connecting failed, and where [CU-07]', async () => {
    const port = await deadPort(HOST);
    const timings = new ConnectTimings();
    expect(await failureOf(new TCPClient().connect({ host: HOST, port, timings }))).toMatchObject({
      code: 'ECONNREFUSED',
      address: `${HOST}:${port}`,
    });
    expect(timings).toMatchObject({ phase: 'connect', connectMs: expect.any(Number), attempts: 1 });
    expect([timings.dnsMs, timings.address]).toEqual([undefined, `${HOST}:${port}`]);
  });

  it('says that connecting failed when the local address is not of this machine [CU-07] [CON-03]', async () => {
    await using server = await idle().listen({ host: HOST });
    const timings = new ConnectTimings();
    const options = { host: HOST, port: server.port, localAddress: '192.0.2.1', timings };
    expect(await failureOf(new TCPClient().connect(options))).toMatchObject({ syscall: 'bind' });
    expect(timings).toMatchObject({ phase: 'connect', address: `${HOST}:${server.port}` });
  });

  it('counts every address when none accepted [CU-07] [CON-02]', async () => {
    const port = await deadPort(HOST);
    const { clock, client } = clientOf(1, { address: '127.0.0.2', family: 4 }, { address: HOST, family: 4 });
    const timings = new ConnectTimings();
    const failing = failureOf(client.connect({ host: 'dead.example', port, timings }));
    await clock.advance(1);
    const error = (await failing) as ConnectError;
    expect(error).toMatchObject({ name: 'ConnectError', address: `${HOST}:${port}` });
    expect(timings).toMatchObject({ phase: 'connect', dnsMs: 1, attempts: 2, address: error.address });
  });

  it('says that the handshake failed, and the error names the server [CU-07]', async () => {
    const plain = createServer((socket) => socket.end('not TLS')).listen(0, HOST);
    await once(plain, 'listening');
    const { port } = plain.address() as AddressInfo;
    const timings = new ConnectTimings();
    const error = await failureOf(new TCPClient().connect({ host: HOST, port, tls: true, timings }));
    plain.close();
    const address = `${HOST}:${port}`;
    expect(error).toMatchObject({ name: 'StreamConnectError', code: 'ERR_STREAM_TLS', address });
    expect(timings).toMatchObject({ phase: 'tls', tlsMs: expect.any(Number), address });
  });

  it.each(['dns', 'connect', 'tls'] as const)(
    'and the error of a deadline say that %s took too long [CU-07] [CON-01]',
    async (phase) => {
      await using silent = await silentListener('127.0.0.2');
      const mute = createServer((socket) => socket.on('error', () => {})).listen(0, HOST);
      await once(mute, 'listening');
      const { port } = mute.address() as AddressInfo;
      const reached: ResolvedAddress =
        phase === 'connect'
          ? { address: silent.host, family: 4, port: silent.port }
          : { address: HOST, family: 4, port };
      const { clock, client } = clientOf(phase === 'dns' ? 60_000 : 5, reached);
      const timings = new ConnectTimings();
      const options = { host: 'slow.example', port: 1, tls: true, timeoutMs: 1_000, timings } as const;
      const failing = failureOf(client.connect(options));
      await clock.advance(5);
      await until(() => timings.phase === phase);
      await clock.advance(995);
      const address = phase === 'dns' ? undefined : `${reached.address}:${reached.port}`;
      expect(await failing).toMatchObject({ code: 'ERR_STREAM_TIMEOUT', phase, address });
      expect(timings).toMatchObject({ phase, [`${phase}Ms`]: phase === 'dns' ? 1_000 : 995 });
      mute.close();
    },
  );

  it('is complete when a program aborts, whose reason is left as it is [CU-07]', async () => {
    const { clock, client } = clientOf(60_000, { address: HOST, family: 4 });
    const timings = new ConnectTimings();
    const controller = new AbortController();
    const reason = Object.freeze(new Error('never mind'));
    const failing = failureOf(
      client.connect({ host: 'slow.example', port: 1, signal: controller.signal, timings }),
    );
    await clock.advance(7);
    controller.abort(reason);
    expect(await failing).toBe(reason);
    expect(timings).toMatchObject({ phase: 'dns', dnsMs: 7 });
    expect(clock.pending).toBe(1); // that of the resolver, which ignores the signal
  });

  it('is refused unless it is one [CU-07]', async () => {
    const options = { host: HOST, port: 1, timings: {} as ConnectTimings };
    expect(await failureOf(new TCPClient().connect(options))).toMatchObject({
      code: 'ERR_STREAM_USAGE',
      message: expect.stringContaining('connect: timings: a ConnectTimings was expected'),
    });
  });

  it('shows its values', () => {
    expect(inspect(new ConnectTimings())).toBe('ConnectTimings { attempts: 0 }');
  });
});
