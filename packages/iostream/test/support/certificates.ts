import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A self-signed certificate for `localhost` and the loopback addresses, in files that `remove` deletes. */
export interface Certificates {
  readonly folder: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
  remove(): void;
}

/** Makes a fresh key and certificate with the openssl command. */
export function makeCertificates(names = 'DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1'): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-tls-'));
  const certFile = join(folder, 'cert.pem');
  const keyFile = join(folder, 'key.pem');
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ];
  const subject = ['-subj', '/CN=localhost', '-addext', `subjectAltName=${names}`];
  const { error, status, stderr } = spawnSync('openssl', [
    ...request,
    ...subject,
    '-keyout',
    keyFile,
    '-out',
    certFile,
  ]);
  if (error !== undefined) {
    throw new Error(
      'these tests make certificates with the openssl command: install it (Debian: apt install openssl)',
      { cause: error },
    );
  }
  if (status !== 0) throw new Error(`openssl could not make a certificate: ${stderr}`);
  return {
    folder,
    certFile,
    keyFile,
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
