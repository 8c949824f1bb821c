import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { IssuedCertificate } from '../../support/certificates.ts';
import { TestAuthority } from '../../tls-foreign/support/pki.ts';
import type { MutationCredentials } from './mutation-run.ts';

export function makeCredentials(): MutationCredentials {
  const authority = new TestAuthority();
  try {
    return {
      authority: new X509Certificate(authority.cert).raw,
      server: derOf(authority.issue('server')),
      client: derOf(authority.issue('client')),
    };
  } finally {
    authority.remove();
  }
}

const derOf = ({ cert, key }: IssuedCertificate): [Uint8Array, Uint8Array] => [
  new X509Certificate(cert).raw,
  createPrivateKey(key).export({ format: 'der', type: 'pkcs8' }),
];
