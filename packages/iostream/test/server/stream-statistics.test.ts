import { describe, expect, it } from 'vitest';
import { type IOStream, startTls, TCPClient, TCPServer, type TCPServerOptions } from '../../src/index.ts';
import { makeCertificates } from '../support/certificates.ts';
import { recordingLoop } from '../support/recording-logger.ts';
import { CHANNEL_NAMES, withPair } from '../support/stream-pair.ts';
import { watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';

const host = '127.0.0.1';
const client = new TCPClient();

describe.each(CHANNEL_NAMES)('the statistics of an IOStream over %s', (channel) => {
  it('count the bytes of both directions, read or not', () =>
    withPair(channel, async ({ a, b }) => {
      expect([a.bytesSent, a.bytesReceived, a.queuedBytes, b.bufferedBytes]).toEqual([0, 0, 0, 0]);
      const written = a.write('hello, world');
      expect(a.queuedBytes).toBe(12);
      await written;
      await b.readBytes(5);
      await b.write('hi');
      await a.readBytes(2);
      expect([a.bytesSent, a.bytesReceived, a.queuedBytes]).toEqual([12, 2, 0]);
      expect([b.bytesSent, b.bytesReceived, b.bufferedBytes]).toEqual([2, 12, 7]);
      a.close();
      expect([a.bytesSent, a.bytesReceived]).toEqual([12, 2]);
    }));
});

describe('TCPServer.stats', () => {
  const server = async (options: TCPServerOptions) => new TCPServer(options).listen({ host });

  it('counts what was opened, what is open, and bytes of both, also of those that are closed', async () => {
    await using echo = await server({ handleStream: (stream) => stream.pipeTo(stream) });
    const streams = await Promise.all([1, 2, 3].map(() => client.connect({ host, port: echo.port })));
    for (const stream of streams) {
      void stream.write('hello');
      await stream.readBytes(5);
    }
    const totals = { opened: 3, bytesReceived: 15, bytesSent: 15, queuedBytes: 0 };
    expect(echo.stats()).toMatchObject({ ...totals, open: 3 });
    for (const stream of streams) stream.close();
    await until(() => echo.stats().open === 0);
    expect(echo.stats()).toMatchObject({
      ...totals,
      closed: { 'peer-ended': 3, 'peer-reset': 0, 'we-ended': 0, error: 0 },
      refused: 0,
      detached: 0,
    });
  });

  it('tells apart who closed and how', async () => {
    const { loop } = recordingLoop();
    const failing = new Error('a bug');
    const ways: Record<string, (stream: IOStream) => unknown> = {
      c: (stream) => stream.close(),
      r: (stream) => stream.reset(),
      l: (stream) => stream.readUntil('\n', { maxBytes: 1 }),
      e: () => Promise.reject(failing),
      f: (stream) => stream.readUntil('\n'),
      R: (stream) => stream.readUntil('\n'),
      d: (stream) => {
        stream.detachTransport().attach({ received() {}, ended() {}, sent() {}, closed() {} });
      },
    };
    await using mixed = await server({
      loop,
      handleStream: async (stream) => ways[(await stream.readBytes(1)).toString()]?.(stream),
    });
    for (const way of Object.keys(ways)) {
      await using stream = await client.connect({ host, port: mixed.port });
      const before = mixed.stats().bytesReceived;
      await stream.write(way === 'l' ? 'lxx' : way);
      await until(() => mixed.stats().bytesReceived > before);
      if (way === 'f') stream.endWrite();
      if (way === 'R') stream.reset();
      if (way !== 'd') await until(() => mixed.stats().open === 0);
    }
    await until(() => mixed.stats().open === 0);
    expect(mixed.stats()).toMatchObject({
      opened: 7,
      detached: 1,
      closed: {
        'we-ended': 1,
        'we-reset': 1,
        limit: 1,
        error: 1,
        'peer-ended': 1,
        'peer-reset': 1,
        timeout: 0,
      },
    });
  });

  it('counts what waits for slow peers', async () => {
    await using slow = await server({
      handleStream: (stream) => void stream.write(Buffer.alloc(8 * 1024 * 1024)),
    });
    const stream = await client.connect({ host, port: slow.port });
    await until(() => slow.stats().bytesSent > 0);
    const { bytesSent, queuedBytes } = slow.stats();
    expect(queuedBytes).toBe(8 * 1024 * 1024 - bytesSent);
    stream.reset();
    await until(() => slow.stats().open === 0);
    expect(slow.stats().queuedBytes).toBe(0);
  });

  it('counts refused connections', async () => {
    const { loop } = recordingLoop();
    await using full = await server({ loop, maxConnections: 1, handleStream: () => {} });
    await using first = await client.connect({ host, port: full.port });
    await until(() => full.openConnections === 1);
    for (let i = 0; i < 2; i += 1) {
      await using refused = await client.connect({ host, port: full.port });
      await refused.readUntilClose();
    }
    expect(full.stats()).toMatchObject({ opened: 1, refused: 2 });
    expect(first.isClosed).toBe(false);
  });

  it('counts completed handshakes, those that resumed a session, and failures by reason', async () => {
    const certificates = makeCertificates();
    try {
      const tls = { certFile: certificates.certFile, keyFile: certificates.keyFile };
      const { loop, clock } = watchedLoop();
      await using secure = await server({ loop, tls, handleStream: (stream) => stream.pipeTo(stream) });
      const trusting = { ca: certificates.cert };
      for (let round = 0; round < 2; round += 1) {
        await using stream = await client.connect({ host, port: secure.port, tls: trusting });
        void stream.write('x');
        await stream.readBytes(1);
      }
      expect(secure.stats()).toMatchObject({
        handshakesCompleted: 2,
        handshakesResumed: 1,
        handshakesFailed: 0,
        handshakeFailures: {},
      });
      for (const how of ['reset', 'readUntilClose', 'reset'] as const) {
        const failed = secure.stats().handshakesFailed;
        await using stream = await client.connect({ host, port: secure.port });
        await until(() => secure.openConnections === 1);
        const ended = stream[how]();
        if (how === 'readUntilClose') await clock.advance(10_000);
        await ended;
        await until(() => secure.stats().handshakesFailed === failed + 1);
      }
      expect(secure.stats()).toMatchObject({
        handshakesCompleted: 2,
        handshakesFailed: 3,
        handshakeFailures: { ECONNRESET: 2, ERR_STREAM_TIMEOUT: 1 },
      });
    } finally {
      certificates.remove();
    }
  });

  it('counts failed handshakes, and with startTls one connection and the bytes of both its lives', async () => {
    const certificates = makeCertificates();
    try {
      const tls = { certFile: certificates.certFile, keyFile: certificates.keyFile };
      const { loop } = recordingLoop();
      await using secure = await server({ loop, tls, handleStream: () => {} });
      await using scanner = await client.connect({ host, port: secure.port });
      await scanner.write('GET / HTTP/1.0\r\n\r\n');
      await scanner.readUntilClose().catch(() => {});
      await until(() => secure.stats().handshakesFailed === 1);
      expect(secure.stats()).toMatchObject({
        opened: 0,
        open: 0,
        handshakesCompleted: 0,
        handshakeFailures: { ERR_SSL_HTTP_REQUEST: 1 },
      });

      await using upgrading = await server({
        loop,
        async handleStream(stream) {
          await stream.readBytes(5);
          await stream.write('go');
          const inside = await startTls(stream, { server: true, tls });
          await inside.pipeTo(inside);
        },
      });
      const plain = await client.connect({ host, port: upgrading.port });
      await plain.write('plain');
      await plain.readBytes(2);
      const ca = certificates.cert;
      const inside = await startTls(plain, { server: false, tls: { servername: 'localhost', ca } });
      void inside.write('secret!');
      await inside.readBytes(7);
      expect(upgrading.stats()).toMatchObject({ opened: 1, open: 1, bytesReceived: 12, bytesSent: 9 });
      inside.close();
      await until(() => upgrading.stats().open === 0);
      expect(upgrading.stats()).toMatchObject({ opened: 1, detached: 0, closed: { 'peer-ended': 1 } });
    } finally {
      certificates.remove();
    }
  });
});
