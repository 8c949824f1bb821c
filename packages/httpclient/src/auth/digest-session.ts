import { INSPECT, inspectedText, inspection } from '@landspout/ioloop/inspection';
import type { Challenge } from './challenges.ts';
import type { Credentials } from './credentials.ts';
import { type DigestAlgorithm, digestAlgorithm, hexHash } from './digest-algorithm.ts';
import { quoted } from './field-scanner.ts';

/** Returns this many random bytes. */
export type RandomBytes = (size: number) => Uint8Array;

/** The body of a request: its bytes, `undefined` if it has none, `streamed` if its bytes are not known in advance. */
export type DigestBody = Uint8Array | 'streamed' | undefined;

/** What was sent for one request, and what a server needs to know to prove that it has the password too. */
export interface SentDigest {
  readonly field: string;
  readonly session: DigestSession;
  /** H(A1): as secret as the password, for this realm. */
  readonly key: string;
  readonly nonce: string;
  readonly count: string;
  readonly cnonce: string;
  readonly qop: string | undefined;
  readonly target: string;
}

/** Bytes of a client nonce. Base64 encodes 33 bytes without padding. */
const CNONCE_BYTES = 33;
/** The count has eight hexadecimal digits. */
const MAX_COUNT = 0xffff_ffff;
const NOTHING = new Uint8Array(0);
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII.
const ASCII = /^[\x00-\x7f]*$/;

/**
 * One challenge that we can respond to, the credentials for it, and how often its nonce was used (RFC 7616). Many
 * requests may use it, one after another or at the same time: each gets its own count.
 */
export class DigestSession {
  readonly realm: string;
  /** Whether the server only refused the nonce, and not the credentials. */
  readonly isStale: boolean;
  /** The URIs for which the credentials are meant, as the server sent them; '' if it sent none. */
  readonly domain: string;
  readonly #algorithm: DigestAlgorithm;
  readonly #qop: 'auth' | 'auth-int' | undefined;
  readonly #credentials: Credentials;
  readonly #randomBytes: RandomBytes;
  /** All parameters that are the same for each request, up to the URI. */
  readonly #prefix: string;
  /** Those after the URI. */
  readonly #suffix: string;
  #nonce: string;
  #count = 0;
  /** H(A1). With a `-sess` algorithm, it is computed at the first request, and not again when the nonce changes. */
  #key: string;
  /** The client nonce of all requests, if the algorithm has the suffix `-sess`. */
  readonly #sessionCnonce: string | undefined;

  /**
   * Returns a session, or `undefined` if the challenge is not for digest authentication, is incomplete, or requires an
   * algorithm or protection that is not available.
   *
   * @param body - of the request that was challenged; a streamed body cannot be protected with `auth-int`.
   */
  static from(
    challenge: Challenge,
    credentials: Credentials,
    body: DigestBody,
    randomBytes: RandomBytes,
  ): DigestSession | undefined {
    const { scheme, parameters } = challenge;
    const realm = parameters.get('realm');
    const nonce = parameters.get('nonce');
    if (scheme !== 'digest' || realm === undefined || nonce === undefined) return undefined;
    // RFC 7616 §3.3: if it is missing, it is MD5.
    const algorithm = digestAlgorithm(parameters.get('algorithm') ?? 'MD5');
    const qop = chosenQop(parameters.get('qop'), body);
    if (algorithm === undefined || qop === 'unsupported') return undefined;
    // Without qop there is no client nonce, which the key of such an algorithm needs.
    if (algorithm.isSession && qop === undefined) return undefined;
    return new DigestSession(parameters, realm, nonce, algorithm, qop, credentials, randomBytes);
  }

  private constructor(
    parameters: ReadonlyMap<string, string>,
    realm: string,
    nonce: string,
    algorithm: DigestAlgorithm,
    qop: 'auth' | 'auth-int' | undefined,
    credentials: Credentials,
    randomBytes: RandomBytes,
  ) {
    this.realm = realm;
    this.isStale = isTrue(parameters.get('stale'));
    this.domain = parameters.get('domain') ?? '';
    this.#algorithm = algorithm;
    this.#qop = qop;
    this.#nonce = nonce;
    this.#credentials = credentials;
    this.#randomBytes = randomBytes;
    const username = byteText(credentials.username);
    this.#key = hexHash(algorithm, `${username}:${realm}:${byteText(credentials.password)}`);
    if (algorithm.isSession) {
      this.#sessionCnonce = this.#newCnonce();
      this.#key = hexHash(algorithm, `${this.#key}:${nonce}:${this.#sessionCnonce}`);
    }
    const hasUserHash = isTrue(parameters.get('userhash'));
    const name = hasUserHash
      ? `username=${quoted(hexHash(algorithm, `${username}:${realm}`))}`
      : usernameParameter(credentials.username, parameters.get('charset'));
    this.#prefix = `Digest ${name}, realm=${quoted(realm)}`;
    const echoed = parameters.get('algorithm');
    const opaque = parameters.get('opaque');
    this.#suffix =
      (echoed === undefined ? '' : `, algorithm=${echoed}`) +
      (opaque === undefined ? '' : `, opaque=${quoted(opaque)}`) +
      (hasUserHash ? ', userhash=true' : '');
  }

  get strength(): number {
    return this.#algorithm.strength;
  }

  isFor({ username, password }: Credentials): boolean {
    return this.#credentials.username === username && this.#credentials.password === password;
  }

  /** Whether a request with these credentials and this body can be sent with this session. */
  suits(credentials: Credentials, body: DigestBody): boolean {
    return (
      this.isFor(credentials) && this.#count < MAX_COUNT && !(this.#qop === 'auth-int' && body === 'streamed')
    );
  }

  hasNonce(nonce: string): boolean {
    return this.#nonce === nonce;
  }

  /** Uses another nonce from now on, which the server sent in Authentication-Info (RFC 7616 §3.5). */
  renew(nonce: string): void {
    if (nonce === this.#nonce) return;
    this.#nonce = nonce;
    this.#count = 0;
  }

  /**
   * Returns the credentials for one request. Each call counts, so the result must not be sent twice.
   *
   * @param target - the request target, exactly as it is sent.
   */
  authorize(method: string, target: string, body: DigestBody): SentDigest {
    const algorithm = this.#algorithm;
    const qop = this.#qop;
    const nonce = this.#nonce;
    const key = this.#key;
    this.#count += 1;
    const count = this.#count.toString(16).padStart(8, '0');
    let request = `${method}:${target}`;
    if (qop === 'auth-int') request += `:${hexHash(algorithm, body instanceof Uint8Array ? body : NOTHING)}`;
    const requestHash = hexHash(algorithm, request);
    const start = `${this.#prefix}, nonce=${quoted(nonce)}, uri=${quoted(target)}`;
    if (qop === undefined) {
      // RFC 2069 §2.1.2, for servers that do not know a qop.
      const response = hexHash(algorithm, `${key}:${nonce}:${requestHash}`);
      const field = `${start}, response="${response}"${this.#suffix}`;
      return {
        field,
        session: this,
        key,
        nonce,
        count,
        cnonce: '',
        qop,
        target,
      };
    }
    const cnonce = this.#sessionCnonce ?? this.#newCnonce();
    const response = hexHash(algorithm, `${key}:${nonce}:${count}:${cnonce}:${qop}:${requestHash}`);
    const field = `${start}, qop=${qop}, nc=${count}, cnonce="${cnonce}", response="${response}"${this.#suffix}`;
    return { field, session: this, key, nonce, count, cnonce, qop, target };
  }

  /** Returns what a server sends as `rspauth` if it has the password and does not protect its body (RFC 7616 §3.5). */
  responseProof({ key, nonce, count, cnonce, target }: SentDigest): string {
    const hash = hexHash(this.#algorithm, `:${target}`);
    return hexHash(this.#algorithm, `${key}:${nonce}:${count}:${cnonce}:auth:${hash}`);
  }

  [INSPECT](): object {
    return inspection(this, ['isStale'], () => ({
      realm: inspectedText(this.realm),
      domain: this.domain === '' ? undefined : inspectedText(this.domain),
      algorithm: `${this.#algorithm.hash}${this.#algorithm.isSession ? '-sess' : ''}`,
      qop: this.#qop,
      uses: this.#count,
    }));
  }

  #newCnonce(): string {
    return Buffer.from(this.#randomBytes(CNONCE_BYTES)).toString('base64');
  }
}

/**
 * Chooses how much of a request is protected. `auth` is preferred, because proxies that change a body, and servers that
 * must read all of it first, make `auth-int` fail.
 */
function chosenQop(
  offered: string | undefined,
  body: DigestBody,
): 'auth' | 'auth-int' | undefined | 'unsupported' {
  if (offered === undefined) return undefined;
  const values = offered.split(',').map((value) => value.trim().toLowerCase());
  if (values.includes('auth')) return 'auth';
  if (values.includes('auth-int') && body !== 'streamed') return 'auth-int';
  return 'unsupported';
}

/**
 * Returns the parameter with the name of the user. A name that is not ASCII is encoded as in RFC 8187 if the server
 * knows UTF-8 (RFC 7616 §3.4), and otherwise sent as its UTF-8 bytes, as older servers and curl do.
 */
function usernameParameter(username: string, charset: string | undefined): string {
  if (ASCII.test(username) || charset?.toLowerCase() !== 'utf-8')
    return `username=${quoted(byteText(username))}`;
  const encoded = encodeURIComponent(username.normalize('NFC')).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `username*=UTF-8''${encoded}`;
}

/** Returns the UTF-8 bytes of a text, one character for each byte, as all texts of fields are. */
function byteText(text: string): string {
  return Buffer.from(text.normalize('NFC'), 'utf8').toString('latin1');
}

function isTrue(value: string | undefined): boolean {
  return value?.toLowerCase() === 'true';
}
