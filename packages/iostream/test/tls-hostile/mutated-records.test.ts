import { createPrivateKey, X509Certificate } from 'node:crypto';
import { IOLoop } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import type { IssuedCertificate } from '../support/certificates.ts';
import { TestAuthority } from '../tls-foreign/support/pki.ts';
import { MutationRun } from './mutations/mutation-run.ts';

const CONNECTIONS = 1_500;

const derOf = ({ cert, key }: IssuedCertificate): [Uint8Array, Uint8Array] => [
  new X509Certificate(cert).raw,
  createPrivateKey(key).export({ format: 'der', type: 'pkcs8' }),
];

describe('native TLS and mutated records', () => {
  it.each([1, 2])(
    'fails or goes on, and delivers nothing that was not sent: seed %s [STR-15]',
    { timeout: 120_000 },
    (seed) => {
      const { reactor } = IOLoop.current();
      if (reactor === undefined || 'reason' in reactor.tls) {
        expect(IOLoop.current().tlsReason).not.toBe('');
        return;
      }
      const authority = new TestAuthority();
      const credentials = {
        authority: new X509Certificate(authority.cert).raw,
        server: derOf(authority.issue('server')),
        client: derOf(authority.issue('client')),
      };
      authority.remove();
      const run = new MutationRun(reactor.binding, reactor.tls.binding, credentials, seed);
      for (let count = 0; count < CONNECTIONS; count += 1) run.runConnection();
      run.close();
      console.log(run.tally);
      expect(run.tally.mutated).toBeGreaterThan(CONNECTIONS);
      // Some get through unchanged, or changed in ways that are allowed.
      expect(run.tally.completed).toBeGreaterThan(CONNECTIONS / 10);
    },
  );
});
