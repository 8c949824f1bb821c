import { AsyncLocalStorage } from 'node:async_hooks';
import { connect as nodeConnect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bindSockets, IOStream, TCPClient, TCPServer, type TCPServerOptions } from '../../src/index.ts';
import { TransportDuplex } from '../../src/transports/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { openPair } from '../support/stream-pair.ts';
import { until } from '../support/until.ts';

const host = '127.0.0.1';
const storage = new AsyncLocalStorage<string>();
const HEADER = 'PROXY TCP4 192.0.2.1 198.51.100.2 54321 443\r\n';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

/** Opens some connections at once, which are accepted in one turn, and then some more. */
async function connectInRounds(port: number, tls: boolean, greeting = ''): Promise<void> {
  const ca = certificates.cert;
  for (let round = 0; round < 2; round += 1) {
    const dial = async (): Promise<{ close(): unknown }> => {
      if (tls) return new TCPClient().connect({ host, port, tls: { servername: 'localhost', ca } });
      const socket = nodeConnect({ host, port });
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(greeting);
      return { close: () => socket.destroy() };
    };
    const opened = await Promise.all(Array.from({ length: 4 }, dial));
    await new Promise((resolve) => setImmediate(resolve));
    for (const one of opened) one.close();
  }
}

describe('AsyncLocalStorage.enterWith in handleStream', () => {
  it.each<[string, () => TCPServerOptions]>([
    ['over TCP', () => ({})],
    ['over TLS', () => ({ tls: { certFile: certificates.certFile, keyFile: certificates.keyFile } })],
    ['behind a PROXY header', () => ({ proxyProtocol: { from: [host] } })],
  ])('does not reach the next connections, in one turn or in a later one, %s', async (_what, optionsOf) => {
    const options = optionsOf();
    const seen: unknown[] = [];
    await using server = new TCPServer({
      ...options,
      handleStream() {
        seen.push(storage.getStore());
        storage.enterWith(`connection ${seen.length}`);
      },
    });
    await storage.run('the one who listens', () => server.listen({ host }));
    const greeting = options.proxyProtocol === undefined ? '' : HEADER;
    await connectInRounds(server.port, options.tls !== undefined, greeting);
    await until(() => seen.length === 8);
    expect(seen).toEqual(Array(8).fill(undefined));
  });

  it('does not reach connections that have waited for a server', async () => {
    const sockets = await bindSockets(0, { address: host });
    const [port = 0] = sockets.map(({ address }) => ('port' in address ? address.port : 0));
    const streams = await Promise.all(
      Array.from({ length: 4 }, () => new TCPClient().connect({ host, port })),
    );
    const seen: unknown[] = [];
    await using server = new TCPServer({
      handleStream(stream) {
        seen.push(storage.getStore());
        storage.enterWith('a connection');
        stream.close();
      },
    });
    await storage.run('the one who listens', () => server.addSockets(sockets));
    for (const stream of streams) await stream.readUntilClose();
    expect(seen).toEqual(Array(4).fill(undefined));
  });
});

describe('IOStream with a consumer', () => {
  it.each(['memory', 'TCP', 'a Unix socket', 'TLS', 'a Duplex'])(
    'is given bytes in the root context, whatever was entered before and whatever resumed it, over %s',
    async (channel) => {
      const { a, b: accepted, close } = await openPair(channel === 'a Duplex' ? 'TCP' : channel);
      const b =
        channel === 'a Duplex'
          ? IOStream.fromDuplex(new TransportDuplex(accepted.detachTransport()))
          : accepted;
      const seen: unknown[] = [];
      let received = 0;
      b.setConsumer({
        received(_bytes, start, end) {
          seen.push(storage.getStore());
          received += end - start;
          storage.enterWith('a delivery');
          b.pause();
        },
        ended() {},
        drained() {},
        closed() {},
      });
      const resume = () => storage.run('the one who resumes', () => b.resume());
      for (let sent = 1; sent <= 6; sent += 1) {
        // Each second byte may come while no read waits.
        if (sent % 2 === 1) resume();
        storage.run('the one who writes', () => a.send('x'));
        for (let turns = 0; turns < 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
        if (sent % 2 === 0) resume();
        await until(() => received === sent);
      }
      b.unread(Buffer.from('unread'));
      resume();
      await until(() => received === 12);
      expect(seen).toEqual(Array(seen.length).fill(undefined));
      b.close();
      await close();
    },
  );
});
