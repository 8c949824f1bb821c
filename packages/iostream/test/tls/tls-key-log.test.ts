import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IOStream, startTls, TCPServer, type TlsServerOptions } from '../../src/index.ts';
import { memoryPair } from '../../src/transports/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { runSClient } from '../support/openssl-peer.ts';
import { echoLines, echoServer, watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

const own = (): TlsServerOptions => ({ certFile: certificates.certFile, keyFile: certificates.keyFile });

/** The lines that `openssl s_client -keylogfile` would write, by their label. */
const LABELS = {
  '-tls1_2': ['CLIENT_RANDOM'],
  '-tls1_3': [
    'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
    'CLIENT_TRAFFIC_SECRET_0',
    'EXPORTER_SECRET',
    'SERVER_HANDSHAKE_TRAFFIC_SECRET',
    'SERVER_TRAFFIC_SECRET_0',
  ],
} as const;

describe('the option keyLog of a server', () => {
  it.each(['-tls1_2', '-tls1_3'] as const)('is called with each line, %s [NET-06]', async (version) => {
    const lines: string[] = [];
    const { server } = await echoServer({ ...own(), keyLog: (line) => lines.push(line) });
    await using _ = server;
    const keyLogFile = `${certificates.folder}/keys${version}.log`;
    await runSClient(server.port, [version, '-keylogfile', keyLogFile]);
    expect([...new Set(lines.map((line) => line.split(' ')[0]))].sort()).toEqual(LABELS[version]);
    // The client has derived the same keys.
    const those = readFileSync(keyLogFile, 'utf8');
    for (const line of lines) {
      expect(line).toMatch(/^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+\n$/);
      expect(those).toContain(line);
    }
  });

  it('logs an error that it throws, and the handshake goes on [NET-06]', async () => {
    const { loop, records } = watchedLoop();
    const keyLog = () => {
      throw new Error('the disk is full');
    };
    const { server } = await echoServer({ ...own(), keyLog }, { loop });
    await using _ = server;
    const { output } = await runSClient(server.port, ['-tls1_2']);
    expect(output).toContain('an echo\n');
    expect(records).toMatchObject([
      {
        level: 'error',
        message: 'the option keyLog of TLS threw',
        error: { message: 'the disk is full' },
      },
    ]);
  });

  it('is called for handshakes of startTls over any channel [NET-06] [STR-14]', async () => {
    const lines: string[] = [];
    const [one, other] = memoryPair();
    const securing = startTls(new IOStream(one), {
      server: true,
      tls: { ...own(), keyLog: (line) => lines.push(line) },
    });
    const tls = { servername: 'localhost', caFile: certificates.certFile };
    await using client = await startTls(new IOStream(other), { server: false, tls });
    await using server = await securing;
    expect(server.tls?.protocol).toBe(client.tls?.protocol);
    await until(() => lines.length >= 5);
  });

  it('follows a reload [NET-06]', async () => {
    const lines: string[] = [];
    const { server } = await echoServer(own());
    await using _ = server;
    server.reloadTls({ ...own(), keyLog: (line) => lines.push(line) });
    await runSClient(server.port, ['-tls1_2']);
    server.reloadTls(own());
    await runSClient(server.port, ['-tls1_2']);
    expect(lines).toHaveLength(1);
  });

  it('must be a function [NET-06]', () => {
    const tls = { ...own(), keyLog: 'keys.log' } as unknown as TlsServerOptions;
    expect(() => new TCPServer({ handleStream: echoLines, tls })).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE', message: expect.stringContaining('keyLog') }),
    );
  });
});
