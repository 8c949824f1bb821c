import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IOStream, TCPClient, type TCPServer, type TlsVersion } from '../../src/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { echoOf, echoServer, host, watchedLoop } from '../support/tls-fixture.ts';
import { openDescriptors, until } from '../support/until.ts';
import { RECORD } from './support/records.ts';
import { type Cut, cuttingAt, type Direction, type Place, placesIn, RecordRelay } from './support/relay.ts';

let own: Certificates;
beforeAll(() => {
  own = makeCertificates();
});
afterAll(() => own.remove());

const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];
const CUTS: readonly Cut[] = ['stops', 'ends', 'is reset'];
const SERVER_DEADLINE = 10_000;

/** The lengths of the records of each end, up to its Finished message. */
async function recordedHandshake(
  port: number,
  version: TlsVersion,
): Promise<Record<Direction, readonly number[]>> {
  const lengths: Record<Direction, number[]> = { client: [], server: [] };
  const finished = { client: false, server: false };
  const last = { client: 0, server: 0 };
  await using relay = await RecordRelay.start(port, () => ({
    pass(direction, record) {
      if (!finished[direction]) lengths[direction].push(record.bytes.length);
      if (version === 'TLSv1.2') {
        finished[direction] ||= last[direction] === RECORD.changeCipherSpec;
      } else if (direction === 'client' && record.type === RECORD.data) {
        // What the server sends after it are tickets.
        finished.client = true;
        finished.server = true;
      }
      last[direction] = record.type;
      return record.bytes;
    },
  }));
  await using stream = await connectTo(relay.port, version);
  expect(await echoOf(stream)).toBe('hello\n');
  return lengths;
}

function connectTo(
  port: number,
  version: TlsVersion,
  loop = IOLoop.current(),
  timeoutMs = 0,
): Promise<IOStream> {
  const tls = { ca: own.cert, servername: 'localhost', minVersion: version, maxVersion: version };
  return new TCPClient({ loop, maxTlsSessions: 0 }).connect({ host, port, tls, timeoutMs });
}

/** How a connection ends that is cut: by connecting, or where the client's own handshake was complete, by reading. */
async function endOf(connecting: Promise<IOStream>): Promise<{ code?: string }> {
  try {
    await using stream = await connecting;
    await stream.readBytes(1);
    return { code: 'none' };
  } catch (error) {
    return error as { code?: string };
  }
}

/** Runs one connection for each place, all at once, until all of them have been cut. */
async function cutAtEach(
  server: TCPServer,
  places: readonly Place[],
  cut: Cut,
  connect: (port: number) => Promise<IOStream>,
): Promise<{ ends: Promise<{ code?: string }[]>; relays: RecordRelay[] }> {
  let reached = 0;
  const relays: RecordRelay[] = [];
  const ends: Promise<{ code?: string }>[] = [];
  for (const place of places) {
    const relay = await RecordRelay.start(server.port, () =>
      cuttingAt(place, cut, () => {
        reached += 1;
      }),
    );
    relays.push(relay);
    ends.push(endOf(connect(relay.port)));
  }
  await until(() => reached === places.length);
  return { ends: Promise.all(ends), relays };
}

describe.each(VERSIONS)('a handshake of %s', (version) => {
  const openServer = async () => {
    const watched = watchedLoop();
    const tls = { certFile: own.certFile, keyFile: own.keyFile, handshakeTimeoutMs: SERVER_DEADLINE };
    const { server } = await echoServer(tls, { loop: watched.loop });
    return { ...watched, server };
  };

  it.each(CUTS)(
    'that %s at any record, or within it, is over for both ends and leaves nothing behind [STR-15]',
    async (cut) => {
      const { server, clock } = await openServer();
      await using _ = server;
      const lengths = await recordedHandshake(server.port, version);
      // A server whose handshake is complete waits for a client without a deadline: the next test is about that.
      const places = [
        ...placesIn(lengths.client, 'client'),
        ...(cut === 'stops' ? [] : placesIn(lengths.server, 'server')),
      ];
      await until(() => server.openConnections === 0);
      const descriptors = openDescriptors();
      const before = server.stats();
      const { ends, relays } = await cutAtEach(server, places, cut, (port) => connectTo(port, version));
      if (cut === 'stops') {
        await until(() => server.openConnections === places.length);
        await clock.advance(SERVER_DEADLINE - 1);
        expect(server.openConnections).toBe(places.length);
        await clock.advance(1);
      }
      await until(() => server.openConnections === 0);
      for (const { code } of await ends) expect(code).toMatch(/^ERR_STREAM_(TLS|CLOSED|TRUNCATED)$/);
      for (const relay of relays) await relay[Symbol.asyncDispose]();
      const stats = server.stats();
      // Where only the last bytes to the client were cut, the server's handshake may have been complete.
      const settled = stats.handshakesFailed - before.handshakesFailed + stats.opened - before.opened;
      expect(settled).toBe(places.length);
      await until(() => openDescriptors() <= descriptors);
      await clock.advance(60_000);
      expect(clock.pending).toBe(0);
    },
  );

  it('whose server stops at any record, or within it, ends at the deadline of the client [STR-15]', async () => {
    const { server } = await openServer();
    await using _ = server;
    const { loop, clock } = watchedLoop();
    const lengths = await recordedHandshake(server.port, version);
    const places = placesIn(lengths.server, 'server');
    const connect = (port: number) => connectTo(port, version, loop, 5_000);
    const { ends, relays } = await cutAtEach(server, places, 'stops', connect);
    await until(() => clock.pending === places.length);
    await clock.advance(5_000);
    // Each was connected a moment later than the clock was read.
    for (const { code } of await ends) expect(code).toBe('ERR_STREAM_TIMEOUT');
    for (const relay of relays) await relay[Symbol.asyncDispose]();
    await until(() => server.openConnections === 0);
    expect(clock.pending).toBe(0);
  });
});
