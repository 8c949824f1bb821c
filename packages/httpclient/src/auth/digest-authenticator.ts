import { randomBytes } from 'node:crypto';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { clientChecks } from '../request/usage.ts';
import { type Challenge, parseParameterField } from './challenges.ts';
import { type Credentials, checkCredentials } from './credentials.ts';
import { type DigestBody, DigestSession, type RandomBytes, type SentDigest } from './digest-session.ts';
import { ProtectionSpaces } from './protection-spaces.ts';

/** One request to one server or proxy. */
export interface DigestRequest {
  /** The origin of the server or proxy that is asked for authentication, such as `https://example.com:8443`. */
  readonly origin: string;
  readonly credentials: Credentials;
  readonly method: string;
  /** The request target, exactly as it is sent: for a proxy a whole URL, or `host:port` with CONNECT. */
  readonly target: string;
  /** The bytes of the body, or `streamed` if they are not known in advance. Default: no body. */
  readonly body?: DigestBody;
}

export interface DigestOptions {
  /** What the client remembers of earlier requests. Default: nothing is remembered. */
  readonly spaces?: ProtectionSpaces;
  /** The source of client nonces. Default: `randomBytes` of node:crypto. */
  readonly randomBytes?: RandomBytes;
}

/**
 * What to do after a challenge. `retry`: send the request again with the new credentials. `refused`: the server knows
 * the credentials and does not accept them. `unsupported`: no challenge is one that we can respond to. In the last two
 * cases, the response with the challenges is the result of the request.
 */
export type ChallengeOutcome = 'retry' | 'refused' | 'unsupported';

/**
 * Whether the server proved that it has the password too. `forged`: what it sent as proof is wrong. `unproven`: it sent
 * no proof, like most servers, or one that covers the body of the response, which is not checked.
 */
export type ServerProof = 'proven' | 'unproven' | 'forged';

const OPTIONS: OptionNames<DigestOptions> = { spaces: true, randomBytes: true };

/**
 * How often one request is sent again because its nonce is stale, although the server has just made that nonce. With a
 * larger number, a server could make the client send it again and again.
 */
const MAX_STALE_RETRIES = 1;

/**
 * Authenticates one request with digest authentication (RFC 7616, and RFC 2069 for old servers). Does no I/O: its
 * caller sends the request, passes on what the server responded, and sends the request again if {@link challenge}
 * returns `retry`.
 *
 * A request is sent at most three times with credentials: with a remembered nonce, with that of its own challenge, and
 * once more if that one was stale. Requests that are challenged at the same time each use the nonce of their own
 * challenge, so that their counts do not arrive out of order.
 *
 * @example
 * const digest = new DigestAuthenticator({ origin, credentials, method: 'GET', target: '/' }, { spaces });
 * let response = await send(digest.authorize());
 * while (response.status === 401) {
 *   if (digest.challenge(parseChallenges(response.headers.getList('WWW-Authenticate'))) !== 'retry') break;
 *   response = await send(digest.authorize());
 * }
 * if (response.status !== 401) digest.accept(response.headers.getList('Authentication-Info'));
 */
export class DigestAuthenticator {
  readonly #request: DigestRequest;
  readonly #spaces: ProtectionSpaces;
  readonly #randomBytes: RandomBytes;
  /** Made from a challenge to this request. */
  #own: DigestSession | undefined;
  #staleRetries = 0;
  /** What was sent last; undefined if nothing was. */
  #sent: SentDigest | undefined;

  /**
   * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if an option is unknown or invalid, or if the credentials
   *   contain a control character or a lone surrogate.
   */
  constructor(request: DigestRequest, options: DigestOptions = {}) {
    clientChecks.options('DigestAuthenticator', options, OPTIONS);
    checkCredentials('DigestAuthenticator', request.credentials);
    this.#request = request;
    this.#spaces = options.spaces ?? new ProtectionSpaces({ maxOrigins: 0 });
    this.#randomBytes = clientChecks.callback(
      'DigestAuthenticator',
      'randomBytes',
      options.randomBytes ?? randomBytes,
    );
  }

  /**
   * Returns the value of Authorization, or of Proxy-Authorization. Call it each time the request is sent: a value must
   * not be sent twice.
   *
   * @returns `undefined` if the server has not challenged this request, and no earlier one that covers it.
   */
  authorize(): string | undefined {
    const { origin, credentials, method, target, body } = this.#request;
    const session = this.#own ?? this.#spaces.find(origin, credentials, target, body);
    this.#sent = session?.authorize(method, target, body);
    return this.#sent?.field;
  }

  /**
   * Decides what to do after a response with the status 401, or 407 of a proxy. If several challenges are supported,
   * the one with the strongest hash is chosen, and of equal ones the first.
   */
  challenge(challenges: readonly Challenge[]): ChallengeOutcome {
    const { origin, credentials, body } = this.#request;
    const refused = this.#sent;
    if (refused !== undefined) this.#spaces.forget(origin, refused.session);
    const strongest = this.#strongest(challenges, credentials, body);
    if (strongest === undefined) return 'unsupported';
    if (refused !== undefined && refused.session === this.#own) {
      // The nonce was new, so the credentials are wrong, unless the server says that only the nonce is.
      const isRepeated = strongest.hasNonce(refused.nonce);
      if (!strongest.isStale || isRepeated || this.#staleRetries === MAX_STALE_RETRIES) return 'refused';
      this.#staleRetries += 1;
    }
    this.#own = strongest;
    this.#sent = undefined;
    return 'retry';
  }

  /**
   * Takes note that the server accepted the credentials: later requests of the same protection space use them at once.
   * Call it after any other response than a 401, or than a 407 of a proxy. If what the server sent as proof is forged,
   * nothing is remembered.
   *
   * @param fields - the values of Authentication-Info, or of Proxy-Authentication-Info.
   */
  accept(fields: readonly string[] = []): ServerProof {
    const sent = this.#sent;
    if (sent === undefined) return 'unproven';
    const info = fields.length === 1 ? parseParameterField(fields[0] as string) : undefined;
    const proof = info === undefined ? 'unproven' : serverProof(info, sent);
    if (proof === 'forged') return proof;
    this.#spaces.remember(this.#request.origin, sent.session, this.#request.credentials);
    const nextNonce = info?.get('nextnonce');
    if (nextNonce !== undefined) sent.session.renew(nextNonce);
    return proof;
  }

  [INSPECT](): object {
    return inspection(this, [], () => ({
      method: this.#request.method,
      session: this.#own,
    }));
  }

  #strongest(
    challenges: readonly Challenge[],
    credentials: Credentials,
    body: DigestBody,
  ): DigestSession | undefined {
    let strongest: DigestSession | undefined;
    for (const challenge of challenges) {
      const session = DigestSession.from(challenge, credentials, body, this.#randomBytes);
      if (session !== undefined && (strongest === undefined || session.strength > strongest.strength))
        strongest = session;
    }
    return strongest;
  }
}

/** RFC 7616 §3.5. */
function serverProof(info: ReadonlyMap<string, string>, sent: SentDigest): ServerProof {
  const proof = info.get('rspauth');
  if (proof === undefined || sent.qop === undefined) return 'unproven';
  const isOther = (name: string, value: string): boolean => (info.get(name) ?? value) !== value;
  if (isOther('cnonce', sent.cnonce) || isOther('nc', sent.count)) return 'forged';
  if ((info.get('qop') ?? sent.qop).toLowerCase() !== 'auth') return 'unproven';
  return proof.toLowerCase() === sent.session.responseProof(sent) ? 'proven' : 'forged';
}
