import { createHash, getHashes } from 'node:crypto';

/** A hash algorithm of digest authentication (RFC 7616 §3.2). */
export interface DigestAlgorithm {
  /** The name of the hash in Node's crypto. */
  readonly hash: string;
  /** Whether the key depends on a pair of nonces, and stays the same for a session (the suffix `-sess`). */
  readonly isSession: boolean;
  /** Of two challenges, the one with the larger number is chosen. */
  readonly strength: number;
}

/** By name in lower case. */
const ALGORITHMS: ReadonlyMap<string, DigestAlgorithm> = new Map(
  [
    ['md5', 'md5'],
    ['sha-256', 'sha256'],
    ['sha-512-256', 'sha512-256'],
  ].flatMap(([name, hash], strength) => [
    [name, { hash, isSession: false, strength }] as [string, DigestAlgorithm],
    [`${name}-sess`, { hash, isSession: true, strength }] as [string, DigestAlgorithm],
  ]),
);

/** The hashes of this build of OpenSSL; a restricted one may lack MD5. Asked for at the first challenge. */
let available: ReadonlySet<string> | undefined;

/** Returns the algorithm with this name, in any case; `undefined` if it is unknown, or Node does not have its hash. */
export function digestAlgorithm(name: string): DigestAlgorithm | undefined {
  const algorithm = ALGORITHMS.get(name.toLowerCase());
  if (algorithm === undefined) return undefined;
  available ??= new Set(getHashes());
  return available.has(algorithm.hash) ? algorithm : undefined;
}

/**
 * Returns the hash as lower-case hexadecimal digits.
 *
 * @param data - a text with one character for each byte, or bytes.
 */
export function hexHash({ hash }: DigestAlgorithm, data: string | Uint8Array): string {
  const state = createHash(hash);
  if (typeof data === 'string') state.update(data, 'latin1');
  else state.update(data);
  return state.digest('hex');
}
