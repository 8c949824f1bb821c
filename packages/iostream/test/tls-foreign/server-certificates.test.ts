import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TlsVersion } from '../../src/index.ts';
import { type IssuedCertificate, makeCertificates } from '../support/certificates.ts';
import { expectAlert } from './support/alerts.ts';
import { exchangeBody } from './support/body-server.ts';
import type { ForeignServer } from './support/foreign-end.ts';
import { FOREIGN_SERVERS } from './support/foreign-ends.ts';
import { TestAuthority } from './support/pki.ts';

type Kind =
  | 'expired'
  | 'not yet valid'
  | 'self-signed'
  | 'of another authority'
  | 'revoked'
  | 'of another name';

let authority: TestAuthority;
let otherAuthority: TestAuthority;
let crlFile: string;
let certificates: Record<Kind, IssuedCertificate>;
beforeAll(() => {
  authority = new TestAuthority();
  otherAuthority = new TestAuthority('Another authority');
  const selfSigned = makeCertificates();
  const revoked = authority.issue('revoked');
  crlFile = authority.revoke(revoked);
  certificates = {
    expired: authority.issue('expired', { validity: 'expired' }),
    'not yet valid': authority.issue('early', { validity: 'not yet' }),
    'self-signed': selfSigned,
    'of another authority': otherAuthority.issue('stranger'),
    revoked,
    'of another name': authority.issue('other', { names: 'DNS:other.example,IP:127.0.0.9' }),
  };
});
afterAll(() => {
  authority.remove();
  otherAuthority.remove();
  (certificates['self-signed'] as unknown as { remove(): void }).remove();
});

const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];
const BODY = Buffer.from('a body');

/** [what is wrong, the code of the failure, the alert that the server gets] */
const REFUSED: readonly [kind: Kind, code: string, alert: string][] = [
  ['expired', 'CERT_HAS_EXPIRED', 'certificate expired'],
  ['not yet valid', 'CERT_NOT_YET_VALID', 'bad certificate'],
  ['self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'unknown ca'],
  ['of another authority', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unknown ca'],
  ['revoked', 'CERT_REVOKED', 'certificate revoked'],
  ['of another name', 'ERR_TLS_CERT_ALTNAME_INVALID', 'bad certificate'],
];
const cases = VERSIONS.flatMap((version) => REFUSED.map((refused) => [version, ...refused] as const));

describe.each(Object.keys(FOREIGN_SERVERS))('TCPClient and the certificate of a server of %s', (name) => {
  const foreign = FOREIGN_SERVERS[name] as ForeignServer;

  it.each(cases)(
    '%s: refuses one that is %s, with the code %s [NET-06] [STR-15]',
    async (version, kind, code, alert) => {
      const running = await foreign({ bytes: BODY.length, version, certificate: certificates[kind] });
      try {
        const tls = { caFile: authority.certFile, ...(kind === 'revoked' ? { crlFile } : {}) };
        await expect(exchangeBody(running.port, BODY, tls)).rejects.toMatchObject({
          name: 'StreamConnectError',
          code: 'ERR_STREAM_TLS',
          cause: { code },
        });
        expectAlert((await running.outcome).failure, alert);
      } finally {
        await running.stop();
      }
    },
  );

  it.each(cases)(
    '%s: with rejectUnauthorized false, accepts one that is %s [NET-06]',
    async (version, kind, code) => {
      const running = await foreign({ bytes: BODY.length, version, certificate: certificates[kind] });
      try {
        const tls = {
          caFile: authority.certFile,
          rejectUnauthorized: false,
          ...(kind === 'revoked' ? { crlFile } : {}),
        };
        const { received, tls: facts } = await exchangeBody(running.port, BODY, tls);
        expect(Buffer.from(received)).toEqual(BODY);
        // A name is checked only where the rest is.
        if (kind !== 'of another name')
          expect(facts).toMatchObject({ authorized: false, authorizationError: code });
      } finally {
        await running.stop();
      }
    },
  );
});
