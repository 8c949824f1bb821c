import { IOLoop } from '@landspout/ioloop';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TCPClient, type TlsServerOptions, type TlsVersion } from '../../src/index.ts';
import type { IssuedCertificate } from '../support/certificates.ts';
import { host, watchedLoop } from '../support/tls-fixture.ts';
import { until } from '../support/until.ts';
import { expectAlert } from './support/alerts.ts';
import { bodyServer, exchangeBody } from './support/body-server.ts';
import type { ForeignClient, ForeignServer } from './support/foreign-end.ts';
import { FOREIGN_CLIENTS, FOREIGN_SERVERS } from './support/foreign-ends.ts';
import { TestAuthority } from './support/pki.ts';

type Kind = 'known' | 'expired' | 'early' | 'revoked' | 'stranger' | 'none';

let authority: TestAuthority;
let otherAuthority: TestAuthority;
let own: IssuedCertificate;
let crlFile: string;
const certificates: Partial<Record<Kind, IssuedCertificate>> = {};
beforeAll(() => {
  authority = new TestAuthority();
  otherAuthority = new TestAuthority('Another authority');
  own = authority.issue('server');
  certificates.known = authority.issue('known');
  certificates.expired = authority.issue('expired', { validity: 'expired' });
  certificates.early = authority.issue('early', { validity: 'not yet' });
  certificates.revoked = authority.issue('revoked');
  certificates.stranger = otherAuthority.issue('stranger');
  crlFile = authority.revoke(certificates.revoked);
});
afterAll(() => {
  authority.remove();
  otherAuthority.remove();
});

const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];
const BODY = Buffer.from('a body');

const requesting = (): TlsServerOptions => ({
  certFile: own.certFile,
  keyFile: own.keyFile,
  caFile: authority.certFile,
  crlFile,
  requestCert: true,
});
/** What a client presents, of the kinds above. */
const presenting = (kind: Kind): { certificate?: IssuedCertificate } => {
  const certificate = certificates[kind];
  return certificate === undefined ? {} : { certificate };
};

/** [the client's certificate, the code of the failure, the alerts in TLS 1.2 and 1.3] */
const REFUSED: readonly [kind: Kind, code: string, alerts: readonly [string, string]][] = [
  ['expired', 'CERT_HAS_EXPIRED', ['certificate expired', 'certificate expired']],
  ['early', 'CERT_NOT_YET_VALID', ['bad certificate', 'bad certificate']],
  ['revoked', 'CERT_REVOKED', ['certificate revoked', 'certificate revoked']],
  ['stranger', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', ['unknown ca', 'unknown ca']],
  [
    'none',
    'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE',
    ['alert handshake failure', 'alert certificate required'],
  ],
];
const refusals = VERSIONS.flatMap((version, at) =>
  REFUSED.map(([kind, code, alerts]) => [kind, version, code, alerts[at] as string] as const),
);

describe.each(Object.keys(FOREIGN_CLIENTS))('TCPServer that requires a certificate of %s', (name) => {
  const foreign = FOREIGN_CLIENTS[name] as ForeignClient;

  it.each(VERSIONS)('serves a client with a known one, %s [NET-06]', async (version) => {
    const { server, seen, peers } = await bodyServer(BODY.length, requesting());
    await using _ = server;
    const { certFile: caFile } = authority;
    const { port } = server;
    const outcome = await foreign({ port, body: BODY, version, caFile, ...presenting('known') });
    expect(outcome).toMatchObject({ failure: undefined, received: BODY });
    expect(seen).toMatchObject([{ authorized: true, authorizationError: undefined, protocol: version }]);
    expect(peers).toEqual(['known']);
  });

  it.each(refusals)(
    'refuses a client whose certificate is: %s, %s [NET-06] [STR-15]',
    async (kind, version, code, alert) => {
      const { loop, records } = watchedLoop();
      const { server, seen } = await bodyServer(BODY.length, requesting(), { loop });
      await using _ = server;
      const { certFile: caFile } = authority;
      // Without a body: bytes that the server has not read would make its close a reset, which discards the alert.
      const body = Buffer.alloc(0);
      const outcome = await foreign({ port: server.port, body, version, caFile, ...presenting(kind) });
      expect(outcome.received).toHaveLength(0);
      expectAlert(outcome.failure, alert);
      await until(() => server.openConnections === 0);
      expect(seen).toHaveLength(0);
      expect(records).toMatchObject([{ level: 'warn', error: { code: 'ERR_STREAM_TLS', cause: { code } } }]);
      expect(server.stats()).toMatchObject({ opened: 0, handshakesFailed: 1 });
    },
  );

  it.each(VERSIONS)('serves all if it is optional, and says which verify, %s [NET-06]', async (version) => {
    const { server, seen } = await bodyServer(BODY.length, { ...requesting(), rejectUnauthorized: false });
    await using _ = server;
    const { certFile: caFile } = authority;
    for (const kind of ['known', 'expired', 'revoked', 'stranger', 'none'] as const) {
      const outcome = await foreign({ port: server.port, body: BODY, version, caFile, ...presenting(kind) });
      expect(outcome).toMatchObject({ failure: undefined, received: BODY });
    }
    expect(seen).toMatchObject([
      { authorized: true, authorizationError: undefined },
      { authorized: false, authorizationError: 'CERT_HAS_EXPIRED' },
      { authorized: false, authorizationError: 'CERT_REVOKED' },
      { authorized: false, authorizationError: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
      { authorized: false },
    ]);
  });
});

describe.each(Object.keys(FOREIGN_SERVERS))(
  'TCPClient and a server of %s that requests a certificate',
  (name) => {
    const foreign = FOREIGN_SERVERS[name] as ForeignServer;
    const tlsWith = (kind: Kind) => {
      const files = certificates[kind];
      const { certFile: caFile } = authority;
      return files === undefined ? { caFile } : { caFile, certFile: files.certFile, keyFile: files.keyFile };
    };
    const server = (version: TlsVersion, options = {}) =>
      foreign({
        bytes: BODY.length,
        version,
        certificate: own,
        caFile: authority.certFile,
        crlFile,
        ...options,
      });

    it.each(VERSIONS)('presents its own, %s [NET-06]', async (version) => {
      const running = await server(version);
      try {
        const { received, tls } = await exchangeBody(running.port, BODY, tlsWith('known'));
        expect(Buffer.from(received)).toEqual(BODY);
        expect(tls).toMatchObject({ protocol: version, authorized: true });
        const { failure, peer } = await running.outcome;
        expect(failure).toBeUndefined();
        expect(['known', undefined]).toContain(peer);
      } finally {
        await running.stop();
      }
    });

    it.each(VERSIONS)('presents none if it has none and none is required, %s [NET-06]', async (version) => {
      const running = await server(version, { isOptional: true });
      try {
        const { received } = await exchangeBody(running.port, BODY, tlsWith('none'));
        expect(Buffer.from(received)).toEqual(BODY);
        expect((await running.outcome).failure).toBeUndefined();
      } finally {
        await running.stop();
      }
    });

    const kinds = VERSIONS.flatMap((version) =>
      (['expired', 'revoked', 'stranger', 'none'] as const).map((kind) => [kind, version] as const),
    );
    it.each(kinds)('fails if its own is: %s, %s [NET-06] [STR-15]', async (kind, version) => {
      const running = await server(version);
      try {
        const connecting = new TCPClient().connect({
          host,
          port: running.port,
          tls: { servername: 'localhost', ...tlsWith(kind) },
        });
        // In TLS 1.3 the client's handshake is complete before the server verifies.
        const reading = connecting.then(async (stream) => {
          await using _ = stream;
          return await stream.readBytes(1);
        });
        const error = await reading.catch((reason: unknown) => reason);
        const code = version === 'TLSv1.2' ? 'ERR_STREAM_TLS' : expect.stringMatching(/^ERR_STREAM_/);
        expect(error).toMatchObject({ code });
        // The server of Node closes without an alert, except for a missing certificate.
        if (name !== 'node:tls' && IOLoop.current().tls === 'native')
          expect(codesOfCauses(error)).toContainEqual(expect.stringMatching(/^ERR_SSL_.*ALERT/));
        expect((await running.outcome).failure).toEqual(expect.any(String));
      } finally {
        await running.stop();
      }
    });
  },
);

/** The codes of an error and of its causes. */
function codesOfCauses(error: unknown): (string | undefined)[] {
  if (!(error instanceof Error)) return [];
  return [(error as NodeJS.ErrnoException).code, ...codesOfCauses(error.cause)];
}
