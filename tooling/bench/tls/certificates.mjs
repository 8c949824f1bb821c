import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { connect } from 'node:tls';
import { BenchError } from '../machine.mjs';

/** The kinds of certificates, and how OpenSSL makes the key of each. */
const KEYS = {
  ecdsa: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa: ['-newkey', 'rsa:2048'],
};
const SUBJECT = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
/** What makes all handshakes and records alike: all that the clients offer. native/tls-load.c offers the same. */
export const OFFER = { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', group: 'X25519' };
const HANDSHAKE_MS = 5_000;
const SIGNATURES = 'ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256';

/** The file with the certificate of a row, and that with its key. @param {{ certificate: keyof typeof KEYS }} row */
export function certificateFiles({ certificate }, { folder }) {
  return ['crt', 'key'].map((ending) => path.join(folder, `${certificate}.${ending}`));
}

/** Makes a certificate of each kind that is its own authority, once. @throws BenchError */
export function makeCertificates(stage) {
  for (const [certificate, key] of Object.entries(KEYS)) {
    const [file, keyFile] = certificateFiles({ certificate }, stage);
    if (existsSync(file)) continue;
    const args = [
      'req',
      '-x509',
      ...key,
      '-nodes',
      '-keyout',
      keyFile,
      '-out',
      file,
      '-days',
      '2',
      ...SUBJECT,
    ];
    const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
    if (status !== 0) throw new BenchError(`openssl makes no certificate\n${stderr}`);
  }
}

/**
 * Connects over TLS, and looks at the connection.
 *
 * @param {number} port @param {string} file - with the certificate that the server must have.
 * @throws BenchError if the connection does not have what is offered, or another certificate.
 */
export async function connectTls(port, file) {
  const certificate = readFileSync(file);
  const offer = {
    minVersion: OFFER.version,
    ciphers: OFFER.cipher,
    ecdhCurve: OFFER.group,
    sigalgs: SIGNATURES,
  };
  // That it is trusted is not looked at: it must be the same.
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...offer });
  socket.setTimeout(HANDSHAKE_MS, () => socket.destroy(new BenchError('no handshake in five seconds')));
  try {
    await once(socket, 'secureConnect');
  } catch (error) {
    if (error.code === 'ECONNREFUSED' || error instanceof BenchError) throw error;
    throw new BenchError(`the handshake with what is offered fails: ${error.message}`, { cause: error });
  }
  const expected = { ...OFFER, certificate: new X509Certificate(certificate).fingerprint256 };
  const found = {
    version: socket.getProtocol(),
    cipher: socket.getCipher().standardName,
    group: socket.getEphemeralKeyInfo().name,
    certificate: socket.getPeerX509Certificate().fingerprint256,
  };
  for (const [what, value] of Object.entries(expected)) {
    if (found[what] === value) continue;
    socket.destroy();
    throw new BenchError(`the ${what} of a connection is ${found[what]}, not ${value}`);
  }
  return socket;
}
