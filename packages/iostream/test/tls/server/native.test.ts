import { createSecureContext } from 'node:tls';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { IOStream, TCPServerOptions } from '../../../src/index.ts';
import { type Certificates, makeCertificates } from '../../support/certificates.ts';
import { itNatively as it } from '../../support/native-case.ts';
import { runSClient } from '../../support/openssl-peer.ts';
import { echoLines, echoServer } from '../../support/tls-fixture.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

describe('TCPServer with native TLS', () => {
  /** The sockets of Node's that exist while a connection is served. */
  async function nodeSockets(tls: NonNullable<TCPServerOptions['tls']>): Promise<number> {
    const isSocket = (name: string): boolean => name === 'TCPSocketWrap';
    const count = (): number => process.getActiveResourcesInfo().filter(isSocket).length;
    const before = count();
    let during = 0;
    const handleStream = (stream: IOStream): unknown => {
      during = count() - before;
      return echoLines(stream);
    };
    const { server } = await echoServer(tls, { handleStream });
    await using _ = server;
    expect((await runSClient(server.port, [])).output).toContain('an echo\n');
    return during;
  }

  it('serves without a socket of Node [NET-06]', async () => {
    const { certFile, keyFile } = certificates;
    expect(await nodeSockets({ certFile, keyFile })).toBe(0);
    expect(await nodeSockets({ certificates: [{ certFile, keyFile, names: ['localhost'] }] })).toBe(0);
  });

  it('leaves a ready-made context to node:tls, also after a reload [NET-06]', async () => {
    const { certFile, keyFile, cert, key } = certificates;
    const secureContext = createSecureContext({ cert, key });
    expect(await nodeSockets({ secureContext })).toBe(1);
    const { server, seen } = await echoServer({ secureContext });
    await using _ = server;
    for (const tls of [{ certFile, keyFile }, { secureContext }, { certFile, keyFile }]) {
      server.reloadTls(tls);
      expect((await runSClient(server.port, [])).output).toContain('an echo\n');
    }
    expect(seen).toHaveLength(3);
  });
});
