import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, in files. */
export interface IssuedCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A self-signed certificate for `localhost` and the loopback addresses, in files that `remove` deletes. */
export interface Certificates extends IssuedCertificate {
  readonly folder: string;
  remove(): void;
}

/** An authority of the test's own, which vouches for whatever it is asked to. */
export interface Authority extends Certificates {
  /** Issues a certificate. @param names - such as `DNS:localhost`. @param name - of its files, and its common name. */
  issue(name: string, names: string, kind?: KeyKind): IssuedCertificate;
  /** Makes a list of revoked certificates, in a file. @param name - of the file. */
  revoke(name: string, revoked: readonly IssuedCertificate[]): string;
}

export type KeyKind = 'ec' | 'rsa' | 'ed25519';

const LOOPBACK = 'DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1';
const KEYS: Record<KeyKind, readonly string[]> = {
  ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  rsa: ['-newkey', 'rsa:2048'],
  ed25519: ['-newkey', 'ed25519'],
};

/** Makes a fresh key and certificate with the openssl command. */
export function makeCertificates(names = LOOPBACK): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-tls-'));
  const issued = makeCertificate(folder, '', 'localhost', names, 'ec', []);
  return { ...issued, folder, remove: () => rmSync(folder, { recursive: true }) };
}

/** Makes an authority with the openssl command. Its `certFile` is what believes in it. */
export function makeAuthority(commonName = 'Authority of a test'): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'landspout-ca-'));
  const own = makeCertificate(folder, 'authority-', commonName, 'DNS:authority.test', 'ec', []);
  const signed = ['-CA', own.certFile, '-CAkey', own.keyFile];
  return {
    ...own,
    folder,
    issue: (name, names, kind = 'ec') => makeCertificate(folder, `${name}-`, name, names, kind, signed),
    revoke: (name, revoked) => makeRevocationList(folder, name, own, revoked),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function makeCertificate(
  folder: string,
  prefix: string,
  commonName: string,
  names: string,
  kind: KeyKind,
  signed: readonly string[],
): IssuedCertificate {
  const certFile = join(folder, `${prefix}cert.pem`);
  const keyFile = join(folder, `${prefix}key.pem`);
  const subject = ['-subj', `/CN=${commonName}`, '-addext', `subjectAltName=${names}`];
  const request = ['req', '-x509', ...KEYS[kind], '-nodes', '-days', '2', ...subject, ...signed];
  runOpenssl([...request, '-keyout', keyFile, '-out', certFile]);
  return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

function makeRevocationList(
  folder: string,
  name: string,
  { certFile, keyFile }: IssuedCertificate,
  revoked: readonly IssuedCertificate[],
): string {
  const database = join(folder, `${name}.index`);
  const config = join(folder, `${name}.cnf`);
  const listFile = join(folder, `${name}.crl`);
  // One line for each certificate: revoked, its end, the time of the revocation, its serial number, file and subject.
  const lines = revoked.map(({ cert }) => {
    const { serialNumber } = new X509Certificate(cert);
    return ['R', '351231000000Z', '200101000000Z', serialNumber, 'unknown', '/CN=revoked\n'].join('\t');
  });
  writeFileSync(database, lines.join(''));
  writeFileSync(
    config,
    `[ca]\ndefault_ca=it\n[it]\ndatabase=${database}\ndefault_md=sha256\ndefault_crl_days=2\n`,
  );
  const request = ['ca', '-config', config, '-gencrl', '-cert', certFile, '-keyfile', keyFile];
  runOpenssl([...request, '-out', listFile]);
  return listFile;
}

/** Runs the openssl command to its end. @throws when it is missing or fails. */
export function runOpenssl(options: readonly string[]): void {
  const { error, status, stderr } = spawnSync('openssl', options);
  if (error !== undefined) {
    throw new Error(
      'these tests make certificates with the openssl command: install it (Debian: apt install openssl)',
      { cause: error },
    );
  }
  if (status !== 0) throw new Error(`openssl could not make a certificate: ${stderr}`);
}
