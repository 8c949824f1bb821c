import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TCPClient } from '../../src/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { echoOf, echoServer, host } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';

let own: Certificates;
beforeAll(() => {
  own = makeCertificates();
});
afterAll(() => own.remove());

/** `pnpm soak tls-storm` is the long form, with 5,000 and with times. */
const CROWD = 600;
/** In which all of them would be connected if nothing held them back, and a few more. */
const FEW_ITERATIONS = 12;

describe('TCPServer, to which many clients connect at once', () => {
  it('serves one that was connected before in between, every few iterations of the loop [STR-15]', async () => {
    const { server } = await echoServer({ certFile: own.certFile, keyFile: own.keyFile });
    await using _ = server;
    const tls = { ca: own.cert, servername: 'localhost' };
    await using established = await new TCPClient().connect({ host, port: server.port, tls });
    expect(await echoOf(established)).toBe('hello\n');

    const client = new TCPClient({ maxTlsSessions: 0 });
    let connected = 0;
    const crowd = Array.from({ length: CROWD }, async () => {
      const stream = await client.connect({ host, port: server.port, tls });
      connected += 1;
      return stream;
    });
    let iterations = 0;
    const count = (): void => {
      iterations += 1;
      if (connected < CROWD) setImmediate(count);
    };
    setImmediate(count);
    let echoes = 0;
    while (connected < CROWD) {
      await echoOf(established);
      echoes += 1;
    }
    for (const stream of await Promise.all(crowd)) stream.close();
    await until(() => server.openConnections === 1);
    // An echo takes two or three iterations. More would mean that it waits for handshakes.
    expect(echoes).toBeGreaterThanOrEqual(iterations / 6);
    // On this path handshakes leave room for others in each iteration. Elsewhere there may be too few iterations.
    if (IOLoop.current().tls === 'native') expect(iterations).toBeGreaterThan(FEW_ITERATIONS);
  });
});
