import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IOStream, TCPClient, TCPServer } from '../../src/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { runSClient } from '../support/openssl-peer.ts';
import { host } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

async function serve(handleStream: (stream: IOStream) => unknown): Promise<TCPServer> {
  const { certFile, keyFile } = certificates;
  return new TCPServer({ handleStream, tls: { certFile, keyFile } }).listen({ host });
}

const VERSIONS = ['-tls1_2', '-tls1_3'];

describe('the end of a TLS connection', () => {
  it.each(VERSIONS)(
    'closeGracefully delivers the last words, and a close_notify, %s [STR-15]',
    async (version) => {
      await using server = await serve(async (stream) => {
        await stream.readUntil('\n');
        void stream.write(`${'x'.repeat(300_000)} the end\n`);
        stream.closeGracefully();
      });
      const { output } = await runSClient(server.port, [version, '-msg'], { until: 'never' });
      expect(output).toContain('the end');
      // `closed` is what openssl says after a close_notify, and nothing else.
      expect(output).toContain('close_notify');
      expect(output).toMatch(/^closed$/m);
      await until(() => server.openConnections === 0);
    },
  );

  it.each(VERSIONS)(
    'hears the end that openssl sends, as an end and not as an error, %s [STR-15]',
    async (version) => {
      const ends: unknown[] = [];
      await using server = await serve(async (stream) => {
        await stream.write(await stream.readUntil('\n'));
        ends.push((await stream.readUntilClose()).length, stream.isEnded, stream.error);
        stream.close();
      });
      const { status } = await runSClient(server.port, [version]);
      expect(status).toBe(0);
      await until(() => server.openConnections === 0);
      expect(ends).toEqual([0, true, undefined]);
    },
  );

  it.each(VERSIONS)(
    'is told with a close_notify by a close after all that was written, %s [STR-15]',
    async (version) => {
      await using server = await serve(async (stream) => {
        await stream.write(await stream.readUntil('\n'));
        stream.close();
      });
      const { output } = await runSClient(server.port, [version, '-msg'], { until: 'never' });
      expect(output).toMatch(/^closed$/m);
      expect(output).not.toContain('unexpected eof');
    },
  );

  it.each(VERSIONS)('is told as cut off by a close that loses bytes, %s [STR-15]', async (version) => {
    await using server = await serve(async (stream) => {
      await stream.readUntil('\n');
      stream.send('these are not sent');
      stream.close();
    });
    const { output } = await runSClient(server.port, [version, '-msg'], { until: 'never' });
    expect(output).not.toMatch(/^closed$/m);
    expect(output).not.toContain('these are not sent');
  });

  it('is half an end where the peer still listens, as on TCP [STR-15]', async () => {
    await using server = await serve(async (stream) => {
      const question = await stream.readUntilClose();
      await stream.write(`${question.length} bytes, `);
      await stream.write('and an answer after the end');
      stream.endWrite();
    });
    const tls = { caFile: certificates.certFile };
    await using stream = await new TCPClient().connect({ host, port: server.port, tls });
    void stream.write(Buffer.alloc(200_000, 'q'));
    stream.endWrite();
    expect((await stream.readUntilClose()).toString()).toBe('200000 bytes, and an answer after the end');
    stream.close();
    await until(() => server.openConnections === 0);
  });

  it('settles what waits when the peer is gone without a word [STR-15]', async () => {
    const waiting: Promise<unknown>[] = [];
    await using server = await serve((stream) => {
      waiting.push(stream.readUntil('never').catch((error: unknown) => error));
    });
    const tls = { caFile: certificates.certFile };
    const stream = await new TCPClient().connect({ host, port: server.port, tls });
    await until(() => waiting.length === 1);
    stream.close();
    expect(await waiting[0]).toMatchObject({ name: 'StreamClosedError', code: 'ERR_STREAM_CLOSED' });
  });
});
