import type { ResponseHead } from '@landspout/http1';
import { parseChallenges } from '../auth/challenges.ts';
import type { Credentials } from '../auth/credentials.ts';
import { DigestAuthenticator } from '../auth/digest-authenticator.ts';
import type { ProtectionSpaces } from '../auth/protection-spaces.ts';
import type { OutgoingBody } from '../request/request-body.ts';
import type { Hop } from './hop.ts';
import type { HopExtras } from './hop-headers.ts';

/**
 * Stores cookies between requests. The `CookieJar` of tough-cookie is one, which knows the public suffixes.
 *
 * @example
 * import { CookieJar } from 'tough-cookie';
 * const client = new AsyncHTTPClient({ cookieJar: new CookieJar() });
 */
export interface CookieJar {
  /** Returns the value of the Cookie header for a URL; '' for none. */
  getCookieString(url: string): string | PromiseLike<string>;
  /** Stores a cookie. `cookie` is the value of one Set-Cookie header of the response for `url`. */
  setCookie(cookie: string, url: string, options: { readonly ignoreError: true }): unknown;
}

/** The fields of a server, or of a proxy that gets requests in the absolute form (RFC 9110 §11.6 and §11.7). */
const FIELDS = {
  server: { status: 401, challenge: 'WWW-Authenticate', info: 'Authentication-Info' },
  proxy: { status: 407, challenge: 'Proxy-Authenticate', info: 'Proxy-Authentication-Info' },
} as const;

/** Digest authentication of one hop, with its server or its proxy. */
class HopAuthentication {
  readonly #fields: (typeof FIELDS)[keyof typeof FIELDS];
  readonly #digest: DigestAuthenticator;

  constructor(kind: keyof typeof FIELDS, hop: Hop, credentials: Credentials, spaces: ProtectionSpaces) {
    const { method, target } = hop.head;
    const { proxy } = hop.origin;
    const origin = kind === 'proxy' ? `${proxy?.kind}://${proxy?.name}` : new URL(hop.href).origin;
    const body = digestBody(hop.body);
    const request = { origin, credentials, method, target };
    this.#fields = FIELDS[kind];
    this.#digest = new DigestAuthenticator(body === undefined ? request : { ...request, body }, { spaces });
  }

  /** The value of Authorization for the next request; undefined if the server has not challenged us yet. */
  authorize(): string | undefined {
    return this.#digest.authorize();
  }

  /** Looks at a response. @returns whether the request is to be sent again. */
  responseReceived({ status, headers }: ResponseHead): boolean {
    const { challenge, info } = this.#fields;
    if (status === this.#fields.status)
      return this.#digest.challenge(parseChallenges(headers.getList(challenge))) === 'retry';
    this.#digest.accept(headers.getList(info));
    return false;
  }
}

/** What hops are sent with that changes each time: cookies from a jar, and the digests for a server and a proxy. */
export class HopCredentials {
  readonly #cookieJar: CookieJar | undefined;
  readonly #digestAuth: Credentials | undefined;
  readonly #spaces: ProtectionSpaces;
  #server: HopAuthentication | undefined = undefined;
  #proxy: HopAuthentication | undefined = undefined;

  constructor(
    cookieJar: CookieJar | undefined,
    digestAuth: Credentials | undefined,
    spaces: ProtectionSpaces,
  ) {
    this.#cookieJar = cookieJar;
    this.#digestAuth = digestAuth;
    this.#spaces = spaces;
  }

  /** Returns the header fields to send a hop with. @throws what the jar throws. */
  async extrasFor(hop: Hop): Promise<HopExtras> {
    const cookie = await this.#cookieJar?.getCookieString(hop.href);
    if (this.#digestAuth !== undefined && !hop.withoutCredentials)
      this.#server ??= new HopAuthentication('server', hop, this.#digestAuth, this.#spaces);
    const proxyCredentials = isDigestProxy(hop) ? hop.origin.proxy?.credentials : undefined;
    if (proxyCredentials !== undefined)
      this.#proxy ??= new HopAuthentication('proxy', hop, proxyCredentials, this.#spaces);
    return {
      cookie,
      authorization: this.#server?.authorize(),
      proxyAuthorization: this.#proxy?.authorize(),
    };
  }

  /** Stores the cookies of a response. @returns undefined if there are none. */
  store({ headers }: ResponseHead, url: string): Promise<void> | undefined {
    if (this.#cookieJar === undefined) return undefined;
    const cookies = headers.getList('Set-Cookie');
    return cookies.length === 0 ? undefined : storeCookies(this.#cookieJar, cookies, url);
  }

  /** Whether the response asks for credentials that are to be sent with the next request. */
  isChallenged(head: ResponseHead): boolean {
    const byServer = this.#server?.responseReceived(head) === true;
    return this.#proxy?.responseReceived(head) === true || byServer;
  }

  /** The next hop has another URL, which needs other digests. */
  forgetDigests(): void {
    this.#server = undefined;
    this.#proxy = undefined;
  }
}

/** Whether requests go to an HTTP proxy that challenges each of them; a tunnel is authenticated when it is opened. */
export function isDigestProxy({ origin }: Hop): boolean {
  return origin.absoluteForm && origin.proxy?.auth === 'digest';
}

function digestBody(body: OutgoingBody): Uint8Array | 'streamed' | undefined {
  if (body.kind === 'none') return undefined;
  return body.kind === 'bytes' ? body.bytes : 'streamed';
}

/** Stores the cookies of a response. The jar ignores invalid ones. */
async function storeCookies(jar: CookieJar, cookies: readonly string[], url: string): Promise<void> {
  for (const cookie of cookies) await jar.setCookie(cookie, url, { ignoreError: true });
}
