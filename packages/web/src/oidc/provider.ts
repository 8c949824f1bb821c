import { createHash } from 'node:crypto';
import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { WebUsageError, webChecks } from '../errors.ts';
import { SignInError } from './errors.ts';
import type { SignInFlow } from './flow.ts';
import type { Claims, ProviderConnection } from './provider-connection.ts';
import { providerUrl } from './provider-options.ts';
import { TokenSet } from './token-set.ts';

/** What one provider is made of. */
export interface ProviderParts<User> {
  readonly connection: ProviderConnection;
  /** Identifies the provider and our client there. */
  readonly identity: readonly string[];
  readonly clientId: string;
  readonly scope: string;
  readonly redirectUri: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly verifyUser: ((user: User, tokens: TokenSet) => boolean | PromiseLike<boolean>) | undefined;
  readonly usesNonce: boolean;
  readonly allowHttp: boolean;
  /** The start of URLs that are given as a path; undefined if there is none. */
  readonly apiUrl: URL | undefined;
  /** Parameters of the query of each request with an access token. */
  readonly apiParameters: ((accessToken: string) => Readonly<Record<string, string>>) | undefined;
}

/** Options of a request to an API of the provider. */
export interface OAuth2RequestOptions {
  /** The access token, or the tokens that it is in. */
  readonly accessToken: string | TokenSet;
  /** Arguments of the query, in addition to those in the URL. Default: none. */
  readonly args?: Readonly<Record<string, string>>;
  /** The fields of a form, which is sent with POST. Default: none. */
  readonly postArgs?: Readonly<Record<string, string>>;
  /** A value that is sent as JSON, with POST. Default: none. */
  readonly json?: unknown;
  /** The HTTP method. Default: GET, or POST with `postArgs` or `json`. */
  readonly method?: string;
  /** Further headers. Default: `Accept: application/json`. */
  readonly headers?: Readonly<Record<string, string>>;
}

const REQUEST_OPTIONS: OptionNames<OAuth2RequestOptions> = {
  accessToken: true,
  args: true,
  postArgs: true,
  json: true,
  method: true,
  headers: true,
};

/** The user and the tokens of a completed sign-in. */
export interface UserAndTokens<User> {
  readonly user: User;
  readonly tokens: TokenSet;
}

/**
 * A provider with which users sign in. Make one for the whole program, by `openIDProvider`, `oauth2Provider` or a
 * function for a certain provider such as `google`. It keeps the metadata and keys of the provider, has no timers, and
 * needs not be closed. All methods may be called concurrently.
 */
export abstract class SignInProvider<User> {
  /** Not of `User`, so that a provider of certain users is a `SignInProvider<unknown>` too. */
  readonly #parts: ProviderParts<never>;
  readonly #key: string;

  /** Used by the functions that make providers. */
  constructor(parts: ProviderParts<User>) {
    this.#parts = parts;
    this.#key = createHash('sha256').update(JSON.stringify(parts.identity)).digest('base64url').slice(0, 16);
  }

  /** What the provider has assigned to this application. */
  get clientId(): string {
    return this.#parts.clientId;
  }

  /** The option `redirectUri`. */
  get redirectUri(): string | undefined {
    return this.#parts.redirectUri;
  }

  /** Used by the functions of this subpath: identifies the provider in a flow. */
  get key(): string {
    return this.#key;
  }

  /** Used by `authorizeRedirect`: whether flows have a nonce. */
  get usesNonce(): boolean {
    return this.#parts.usesNonce;
  }

  /** Used by `authorizeRedirect`. @throws SignInError if the metadata of the provider cannot be read. */
  authorizationUrl(
    flow: SignInFlow,
    scope: string | undefined,
    parameters: Readonly<Record<string, string>>,
  ): Promise<URL> {
    const wanted = scope ?? this.#parts.scope;
    const all = { ...this.#parts.parameters, ...parameters, ...(wanted === '' ? {} : { scope: wanted }) };
    return this.#parts.connection.authorizationUrl(flow, all);
  }

  /** Used by `getAuthenticatedUser`: exchanges the code. @throws SignInError */
  async complete(parameters: URLSearchParams, flow: SignInFlow): Promise<UserAndTokens<User>> {
    const { tokens, claims } = await this.#parts.connection.exchange(parameters, flow);
    const user = await this.userOf(tokens, claims);
    const { verifyUser } = this.#parts;
    if (verifyUser !== undefined && (await verifyUser(user as never, tokens)) !== true) {
      throw new SignInError('ERR_SIGN_IN_DENIED', 'getAuthenticatedUser: verifyUser has refused the user');
    }
    return { user, tokens };
  }

  /** Gets the user to whom tokens belong. */
  protected abstract userOf(tokens: TokenSet, claims: Claims | undefined): User | Promise<User>;

  /**
   * Calls an API of the provider with an access token, as a bearer token (RFC 6750). Redirects are not followed, because
   * they would take the token elsewhere.
   *
   * @param url - absolute, with https, of a host that may see the token; or a path of the provider's API, if the provider
   *   has one, such as `/user`.
   * @returns the parsed JSON, or undefined if the response has no body.
   * @throws SignInError `ERR_SIGN_IN_REFUSED` for another status than 2xx, which is `providerStatus`: 401 if the token
   *   has expired; `ERR_SIGN_IN_UNREACHABLE`; `ERR_SIGN_IN_RESPONSE` if the body is not JSON or too large.
   * @throws WebUsageError `ERR_WEB_USAGE` if an argument is invalid.
   */
  async oauth2Request(url: string, options: OAuth2RequestOptions): Promise<unknown> {
    webChecks.options('oauth2Request', options, REQUEST_OPTIONS);
    const { args = {}, postArgs, json, headers = {} } = options;
    if (postArgs !== undefined && json !== undefined) {
      throw new WebUsageError('ERR_WEB_USAGE', 'oauth2Request: give either postArgs or json');
    }
    const accessToken = accessTokenOf(options.accessToken);
    const target = this.#apiUrl(url);
    const signed = this.#parts.apiParameters?.(accessToken) ?? {};
    for (const [name, value] of Object.entries({ ...args, ...signed })) target.searchParams.set(name, value);
    const form = postArgs === undefined ? undefined : new URLSearchParams(postArgs).toString();
    const body = json === undefined ? form : JSON.stringify(json);
    const type = json === undefined ? 'application/x-www-form-urlencoded' : 'application/json';
    return await this.#parts.connection.request(target, {
      method: options.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: body === undefined ? headers : { 'Content-Type': type, ...headers },
      body,
      accessToken,
    });
  }

  /**
   * Gets new tokens for a refresh token, without the user. If the provider issues no new refresh token, the old one is in
   * the result.
   *
   * @param options.subject - the `sub` of the user: an ID token of another user is refused. Give it for OpenID Connect.
   * @throws SignInError `ERR_SIGN_IN_GRANT` if the refresh token is not valid any more; `ERR_SIGN_IN_UNREACHABLE`,
   *   `ERR_SIGN_IN_REFUSED`, `ERR_SIGN_IN_RESPONSE`.
   */
  async refresh(refreshToken: string, options: { readonly subject?: string } = {}): Promise<TokenSet> {
    webChecks.options('refresh', options, { subject: true });
    requireToken('refresh', refreshToken);
    return await this.#parts.connection.refresh(refreshToken, options.subject);
  }

  /**
   * Tells the provider that a token is not needed any more (RFC 7009). Revoking a refresh token usually revokes its
   * access tokens too.
   *
   * @throws SignInError `ERR_SIGN_IN_UNREACHABLE`, `ERR_SIGN_IN_REFUSED`; `ERR_SIGN_IN_RESPONSE`, also if the provider
   *   has no endpoint for it.
   */
  async revoke(token: string): Promise<void> {
    requireToken('revoke', token);
    await this.#parts.connection.revoke(token);
  }

  [INSPECT](): object {
    return inspection(this, ['clientId'], () => ({ identity: this.#parts.identity[0] }));
  }

  #apiUrl(url: string): URL {
    const { apiUrl, allowHttp } = this.#parts;
    if (apiUrl === undefined || typeof url !== 'string' || !url.startsWith('/')) {
      return providerUrl('oauth2Request', 'url', url, allowHttp);
    }
    return new URL(`${apiUrl.href.replace(/\/$/, '')}${url}`);
  }
}

function accessTokenOf(given: string | TokenSet): string {
  const token = given instanceof TokenSet ? given.accessToken : given;
  requireToken('oauth2Request', token);
  return token;
}

/** @throws WebUsageError `ERR_WEB_USAGE`; the message does not show the token. */
function requireToken(operation: string, token: unknown): void {
  if (typeof token === 'string' && /^[\x20-\x7e]+$/.test(token)) return;
  const got = typeof token === 'string' ? 'another text' : `a value of type ${typeof token}`;
  throw new WebUsageError(
    'ERR_WEB_USAGE',
    `${operation}: a token of visible ASCII characters was expected, not ${got}`,
  );
}
