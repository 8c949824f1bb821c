import { connect, createServer, type Server } from 'node:net';
import { IOLoop } from '@landspout/ioloop';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { IOStream, type SocketAddress, TCPClient, TCPServer, toDuplex, toWeb } from '../../src/index.ts';
import { CuttableTls } from '../support/bare-ends.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { text } from '../support/stream-pair.ts';
import { host, watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';

const TRUNCATED = { code: 'ERR_STREAM_TLS_TRUNCATED' };
/** node:tls reports an end without close_notify as any other. */
const tellsEnds = IOLoop.current().tls === 'native';

let certificates: Certificates;
/** A server of ours, and its streams by the port of their client. */
let ours: TCPServer;
const streams = new Map<number, IOStream>();
/** A server of node:tls, and its connections by the port of their client. */
let theirs: Server;
const peers = new Map<number, CuttableTls>();

beforeAll(async () => {
  certificates = makeCertificates();
  const { certFile, keyFile, cert, key } = certificates;
  ours = await new TCPServer({
    handleStream: (stream) => void streams.set(portOf(stream.remoteAddress), stream),
    tls: { certFile, keyFile },
  }).listen({ host });
  theirs = createServer({ allowHalfOpen: true }, (socket) => {
    peers.set(socket.remotePort as number, CuttableTls.accept(socket, { cert, key }));
  });
  await new Promise<void>((resolve) => theirs.listen(0, host, resolve));
});

afterAll(async () => {
  certificates.remove();
  await ours.stop();
  for (const peer of peers.values()) peer.close();
  await new Promise((resolve) => theirs.close(resolve));
});

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

function portOf(address: SocketAddress): number {
  return 'port' in address ? address.port : 0;
}

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
type Version = (typeof VERSIONS)[number];

/** A stream of ours, and its peer: node:tls over a connection that the test ends by itself. */
interface Pair {
  readonly stream: IOStream;
  readonly peer: CuttableTls;
}

/** Our side is the server. */
async function accepted(maxVersion: Version): Promise<Pair> {
  const socket = connect({ host, port: ours.port, allowHalfOpen: true });
  const peer = await CuttableTls.connect(socket, { ca: certificates.cert, maxVersion });
  const clientPort = socket.localPort as number;
  await until(() => streams.has(clientPort));
  const stream = streams.get(clientPort) as IOStream;
  streams.delete(clientPort);
  open.push(peer, stream);
  return { stream, peer };
}

/** Our side is the client. */
async function connected(maxVersion: Version): Promise<Pair> {
  const { port } = theirs.address() as { port: number };
  const tls = { ca: certificates.cert, maxVersion };
  const stream = await new TCPClient().connect({ host, port, tls });
  const clientPort = portOf(stream.localAddress);
  const peer = peers.get(clientPort) as CuttableTls;
  peers.delete(clientPort);
  open.push(peer, stream);
  return { stream, peer };
}

const SIDES: Record<string, (version: Version) => Promise<Pair>> = { server: accepted, client: connected };

const CASES = VERSIONS.flatMap((version) =>
  Object.entries(SIDES).map(([side, makePair]) => [version, side, () => makePair(version)] as const),
);

/** Resolves with a result, or with the error of a promise that rejects. */
function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error);
}

describe.each(CASES)('an end of %s without close_notify, seen by the %s', (_version, _side, makePair) => {
  it('fails readUntilClose, and leaves what arrived to be read', async () => {
    const { stream, peer } = await makePair();
    await peer.send('half');
    peer.endBare();
    const result = await settled(stream.readUntilClose());
    if (!tellsEnds) {
      expect(text(result as Buffer)).toBe('half');
      return;
    }
    expect(result).toMatchObject({ ...TRUNCATED, bytesReceived: 4 });
    expect(text(await stream.readBytes(4))).toBe('half');
    expect([stream.isEndBare, stream.isClosed, stream.error]).toEqual([true, false, undefined]);
  });

  it('is an ordinary end if close_notify was sent', async () => {
    const { stream, peer } = await makePair();
    await peer.send('whole');
    peer.endProperly();
    expect(text(await stream.readUntilClose())).toBe('whole');
    expect(stream.isEndBare).toBe(false);
  });

  it('fails a loop over chunks, lines and records after the items that arrived', async () => {
    const LOOPS = [
      (stream: IOStream) => stream.chunks(),
      (stream: IOStream) => stream.lines(),
      (stream: IOStream) => stream.records(5),
    ];
    for (const iterate of LOOPS) {
      const { stream, peer } = await makePair();
      const items: string[] = [];
      const looping = settled(
        (async () => {
          for await (const item of iterate(stream)) items.push(item.toString().trim());
          return 'the end';
        })(),
      );
      await peer.send('line\n');
      await until(() => items.length === 1);
      peer.endBare();
      if (tellsEnds) expect(await looping).toMatchObject(TRUNCATED);
      else expect(await looping).toBe('the end');
      expect(items).toEqual(['line']);
    }
  });

  it('is the cause of the error of a read that waits for more', async () => {
    const READS = [
      (stream: IOStream) => stream.readUntil('\n'),
      (stream: IOStream) => stream.readUntilRegex(/\n/),
      (stream: IOStream) => stream.readBytes(10),
      (stream: IOStream) => stream.readInto(new Uint8Array(10)),
    ];
    for (const read of READS) {
      const { stream, peer } = await makePair();
      const reading = settled(read(stream));
      await peer.send('half');
      peer.endBare();
      expect(await reading).toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      if (tellsEnds) expect(((await reading) as Error).cause).toMatchObject(TRUNCATED);
    }
  });

  it('resets the target of a pipe', async () => {
    const { stream, peer } = await makePair();
    const [target, receiver] = IOStream.pair();
    const piping = settled(stream.pipeTo(target));
    await peer.send('half');
    expect(text(await receiver.readBytes(4))).toBe('half');
    peer.endBare();
    const next = settled(receiver.readUntil('\n'));
    if (!tellsEnds) {
      expect(await piping).toBe(4);
      return;
    }
    expect(await piping).toMatchObject(TRUNCATED);
    expect(await next).toMatchObject({ code: 'ERR_STREAM_CLOSED', cause: { code: 'ECONNRESET' } });
  });

  it('fails a Duplex and a web stream after what arrived', async () => {
    const DRAINS = [
      async (stream: IOStream, chunks: string[]) => {
        for await (const chunk of toDuplex(stream)) chunks.push(text(chunk));
      },
      async (stream: IOStream, chunks: string[]) => {
        for await (const chunk of toWeb(stream).readable) chunks.push(text(chunk));
      },
    ];
    for (const drain of DRAINS) {
      const { stream, peer } = await makePair();
      const chunks: string[] = [];
      const draining = settled(drain(stream, chunks));
      await peer.send('half');
      await until(() => chunks.length === 1);
      peer.endBare();
      if (tellsEnds) expect(await draining).toMatchObject(TRUNCATED);
      else expect(await draining).toBeUndefined();
      expect(chunks).toEqual(['half']);
    }
  });

  it.each(['endBare', 'endProperly'] as const)('lets our side go on writing after %s', async (end) => {
    const { stream, peer } = await makePair();
    await peer.send('request\n');
    peer[end]();
    expect(text(await stream.readUntil('\n'))).toBe('request\n');
    await settled(stream.readUntilClose());
    const response = 'response '.repeat(40_000);
    for (let count = 0; count < 3; count += 1) await stream.write(response);
    stream.endWrite();
    await stream.waitClosed();
    expect(await peer.untilEnd()).toHaveLength(3 * response.length);
    expect([stream.closeReason, stream.error]).toEqual(['peer-ended', undefined]);
  });

  it('is seen at every byte of the ciphertext, and no byte is invented', async () => {
    const pieces = ['one, ', 'two, ', 'three'];
    const whole = pieces.join('');
    let length = Number.POSITIVE_INFINITY;
    for (let cut = 0; cut <= length; cut += 1) {
      const { stream, peer } = await makePair();
      if (cut === 0) {
        length = await peer.sendWhole(pieces);
        expect(text(await stream.readBytes(whole.length))).toBe(whole);
        continue;
      }
      await peer.sendCut(pieces, cut);
      const result = await settled(stream.readUntilClose());
      if (tellsEnds) expect(result, `cut after ${cut} bytes`).toMatchObject(TRUNCATED);
      const read = tellsEnds ? await stream.readBytes(stream.bufferedBytes) : (result as Buffer);
      const wholePieces = pieces.map((_, count) => pieces.slice(0, count).join(''));
      if (cut < length) expect(wholePieces, `cut after ${cut} bytes`).toContain(text(read));
      else expect(text(read)).toBe(whole);
      stream.close();
      peer.close();
    }
  });
});

describe('a TCPServer whose client ends TLS without close_notify', () => {
  /** Serves one client, which sends a line and ends without close_notify. @returns what was logged. */
  async function logged(handleStream: (stream: IOStream) => Promise<void>): Promise<object[]> {
    const { certFile, keyFile, cert } = certificates;
    const { loop, records } = watchedLoop();
    const server = await new TCPServer({ handleStream, tls: { certFile, keyFile }, loop }).listen({ host });
    open.push({ close: () => server.stop() });
    const socket = connect({ host, port: server.port, allowHalfOpen: true });
    const peer = await CuttableTls.connect(socket, { ca: cert });
    open.push(peer);
    await peer.send('line\n');
    await peer.until(/line/);
    peer.endBare();
    await peer.untilEnd();
    await until(() => server.openConnections === 0);
    return records;
  }

  it('logs nothing if its handler reads lines one by one', async () => {
    const records = await logged(async (stream) => {
      for (;;) await stream.write(await stream.readUntil('\n'));
    });
    expect(records).toEqual([]);
  });

  it('warns if its handler loops over lines, whose last may be missing', async () => {
    const records = await logged(async (stream) => {
      for await (const line of stream.lines()) await stream.write(line);
      stream.close();
    });
    expect(records).toMatchObject(tellsEnds ? [{ level: 'warn', error: TRUNCATED }] : []);
  });
});
