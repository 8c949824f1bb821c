import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type PeerCertificate, type TLSSocket } from 'node:tls';
import { describe, expect } from 'vitest';
import { makeAuthority } from '../support/certificates.ts';
import { itNatively as it } from '../support/native-case.ts';
import { nativePair, ownCertificate } from '../support/native-tls.ts';

/** The certificate of a server as `node:tls` returns it to a client. */
async function certificateOfNode(options: { cert: Buffer; key: Buffer }): Promise<PeerCertificate> {
  const server = createServer(options).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerCertificate();
  socket.destroy();
  server.close();
  return certificate;
}

describe('readNativeTlsInfo', () => {
  it('reports what was negotiated', async () => {
    const pair = await nativePair();
    expect(pair.a.tls).toMatchObject({
      protocol: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      alpnProtocol: false,
      authorized: true,
      authorizationError: undefined,
      isSessionReused: false,
    });
    expect(pair.b.tls).toMatchObject({
      protocol: 'TLSv1.3',
      servername: 'localhost',
      authorized: false,
      authorizationError: undefined,
    });
    expect(pair.b.tls.getPeerCertificate()).toBeUndefined();
    pair.a.close();
    pair.b.close();
    await pair.close();
  });

  it('returns the certificate as node:tls does, also after the close if it was asked for before', async () => {
    const expected = await certificateOfNode(ownCertificate());
    const pair = await nativePair();
    const certificate = pair.a.tls.getPeerCertificate();
    expect(certificate).toEqual(expected);
    pair.a.close();
    pair.b.close();
    expect(pair.a.tls.getPeerCertificate()).toBe(certificate);
    await pair.close();
  });

  it('returns no certificate after the close if none was asked for before', async () => {
    const pair = await nativePair();
    pair.a.close();
    pair.b.close();
    expect(pair.a.tls.getPeerCertificate()).toBeUndefined();
    await pair.close();
  });

  it('reports a client that does not present the certificate that was requested as unauthorized, without an error', async () => {
    const pair = await nativePair({ server: { verify: 1 } });
    expect(pair.b.tls).toMatchObject({ authorized: false, authorizationError: undefined });
    expect(pair.b.tls.getPeerCertificate()).toBeUndefined();
    pair.a.close();
    pair.b.close();
    await pair.close();
  });

  it('reports whether the certificate of a client is trusted', async () => {
    const authority = makeAuthority();
    const known = authority.issue('known', 'DNS:known.test');
    authority.remove();
    const { cert, key } = known;
    for (const [ca, authorized, authorizationError] of [
      [authority.cert, true, undefined],
      [ownCertificate().cert, false, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ] as const) {
      const pair = await nativePair({
        server: { verify: 1, credentials: { ca } },
        client: { credentials: { cert, key } },
      });
      expect(pair.b.tls).toMatchObject({ authorized, authorizationError });
      expect(pair.b.tls.getPeerCertificate()?.subject.CN).toBe('known');
      pair.a.close();
      pair.b.close();
      await pair.close();
    }
  });
});
