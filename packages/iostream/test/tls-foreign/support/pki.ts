import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IssuedCertificate, runOpenssl } from '../../support/certificates.ts';

export type KeyType = 'RSA' | 'ECDSA' | 'Ed25519';

export const KEY_TYPES: readonly KeyType[] = ['RSA', 'ECDSA', 'Ed25519'];

const NEW_KEY: Record<KeyType, readonly string[]> = {
  RSA: ['-newkey', 'rsa:2048'],
  ECDSA: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  Ed25519: ['-newkey', 'ed25519'],
};

export interface IssueOptions {
  /** Default: `DNS:localhost,IP:127.0.0.1`. */
  readonly names?: string;
  /** Default: ECDSA. */
  readonly key?: KeyType;
  /** Default: valid from yesterday until tomorrow. */
  readonly validity?: 'now' | 'expired' | 'not yet';
}

const DAY_MS = 86_400_000;
/** Days from now, of the first and the last moment. */
const VALIDITY = { now: [-1, 1], expired: [-3, -2], 'not yet': [2, 3] } as const;

/**
 * An authority with a register, as revocation and dates need it, over the openssl command. Its files are in a folder of
 * its own, which `remove` deletes.
 */
export class TestAuthority {
  readonly certFile: string;
  readonly cert: Buffer;
  readonly #folder = mkdtempSync(join(tmpdir(), 'landspout-pki-'));
  readonly #config: string;
  readonly #keyFile: string;

  constructor(commonName = 'Authority of a test') {
    this.certFile = this.file('authority.pem');
    this.#keyFile = this.file('authority-key.pem');
    this.#config = this.file('authority.conf');
    writeFileSync(this.file('register'), '');
    writeFileSync(this.file('register.attr'), 'unique_subject = no\n');
    writeFileSync(this.#config, this.#settings(''));
    const subject = ['-subj', `/CN=${commonName}`, '-days', '2'];
    const output = ['-keyout', this.#keyFile, '-out', this.certFile];
    runOpenssl(['req', '-x509', ...NEW_KEY.ECDSA, '-nodes', ...subject, ...output]);
    this.cert = readFileSync(this.certFile);
  }

  /** @param name - of its files, and its common name. */
  issue(name: string, { names, key = 'ECDSA', validity = 'now' }: IssueOptions = {}): IssuedCertificate {
    const [certFile, keyFile] = [this.file(`${name}.pem`), this.file(`${name}-key.pem`)];
    const request = this.file(`${name}.csr`);
    writeFileSync(this.#config, this.#settings(names ?? 'DNS:localhost,IP:127.0.0.1'));
    runOpenssl([
      'req',
      ...NEW_KEY[key],
      '-nodes',
      ...['-subj', `/CN=${name}`],
      ...['-keyout', keyFile],
      ...['-out', request],
    ]);
    const [first, last] = VALIDITY[validity].map(inDays) as [string, string];
    runOpenssl([
      ...['ca', '-batch', '-notext', '-config', this.#config],
      ...['-startdate', first, '-enddate', last],
      ...['-in', request, '-out', certFile],
    ]);
    return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
  }

  /** Revokes certificates. @returns the file with the authority's list of all that it has revoked. */
  revoke(...certificates: readonly IssuedCertificate[]): string {
    for (const { certFile } of certificates) runOpenssl(['ca', '-config', this.#config, '-revoke', certFile]);
    const list = this.file('revocations.pem');
    runOpenssl(['ca', '-config', this.#config, '-gencrl', '-crldays', '1', '-out', list]);
    return list;
  }

  /** The path of a file in its folder. */
  file(name: string): string {
    return join(this.#folder, name);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #settings(names: string): string {
    return `
[ca]
default_ca = own
[own]
database = ${this.file('register')}
new_certs_dir = ${this.#folder}
certificate = ${this.certFile}
private_key = ${this.#keyFile}
default_md = sha256
rand_serial = yes
policy = any
x509_extensions = issued
[any]
commonName = supplied
[issued]
basicConstraints = CA:FALSE
${names === '' ? '' : `subjectAltName = ${names}`}
`;
  }
}

/** As the `ca` command takes it. */
function inDays(days: number): string {
  const [date, time] = new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 19).split('T') as [
    string,
    string,
  ];
  return `${date.replaceAll('-', '')}${time.replaceAll(':', '')}Z`;
}
