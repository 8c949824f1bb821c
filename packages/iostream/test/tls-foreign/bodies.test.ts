import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TlsVersion } from '../../src/index.ts';
import type { IssuedCertificate } from '../support/certificates.ts';
import { until } from '../support/until.ts';
import { bodyServer, exchangeBody } from './support/body-server.ts';
import type { ForeignClient, ForeignServer } from './support/foreign-end.ts';
import { FOREIGN_CLIENTS, FOREIGN_SERVERS } from './support/foreign-ends.ts';
import { KEY_TYPES, type KeyType, TestAuthority } from './support/pki.ts';

let authority: TestAuthority;
const certificates = new Map<KeyType, IssuedCertificate>();
beforeAll(() => {
  authority = new TestAuthority();
  for (const key of KEY_TYPES) certificates.set(key, authority.issue(key, { key }));
});
afterAll(() => authority.remove());

const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];
/** More than the buffers of the system, and not a multiple of anything. */
const BODY = randomBytes(3 * 1024 * 1024 + 17);
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const BODY_DIGEST = digest(BODY);

const cases = VERSIONS.flatMap((version) => KEY_TYPES.map((key) => [version, key] as const));
const certificateOf = (key: KeyType) => certificates.get(key) as IssuedCertificate;

describe.each(Object.keys(FOREIGN_CLIENTS))('TCPServer and the client of %s', (name) => {
  const foreign = FOREIGN_CLIENTS[name] as ForeignClient;

  it.each(cases)(
    'exchange a large body both ways, %s, key type %s [NET-06] [STR-15]',
    async (version, key) => {
      const { certFile, keyFile } = certificateOf(key);
      const { server, seen } = await bodyServer(BODY.length, { certFile, keyFile });
      await using _ = server;
      const { certFile: caFile } = authority;
      const outcome = await foreign({ port: server.port, body: BODY, version, caFile });
      expect(outcome.failure).toBeUndefined();
      expect([outcome.received.length, digest(outcome.received)]).toEqual([BODY.length, BODY_DIGEST]);
      expect(seen).toMatchObject([{ protocol: version, servername: 'localhost', isSessionReused: false }]);
      await until(() => server.openConnections === 0);
    },
  );
});

describe.each(Object.keys(FOREIGN_SERVERS))('TCPClient and the server of %s', (name) => {
  const foreign = FOREIGN_SERVERS[name] as ForeignServer;

  it.each(cases)(
    'exchange a large body both ways, %s, key type %s [NET-06] [STR-15]',
    async (version, key) => {
      const certificate = certificateOf(key);
      const running = await foreign({ bytes: BODY.length, version, certificate });
      try {
        const { received, tls } = await exchangeBody(running.port, BODY, { caFile: authority.certFile });
        expect(digest(received)).toBe(BODY_DIGEST);
        expect(tls).toMatchObject({ protocol: version, authorized: true, authorizationError: undefined });
        expect((await running.outcome).failure).toBeUndefined();
      } finally {
        await running.stop();
      }
    },
  );
});
