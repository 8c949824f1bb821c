import type * as OpenID from 'openid-client';
import { readApiResponse } from './api-response.ts';
import { type BoundedFetch, boundedFetch } from './bounded-fetch.ts';
import { checkIssuer } from './callback-parameters.ts';
import { SignInError } from './errors.ts';
import type { SignInFlow } from './flow.ts';
import { openid } from './load-openid-client.ts';
import type { ApiRequest, Claims, ExchangedCode, ProviderConnection } from './provider-connection.ts';
import { providerFailure } from './provider-failure.ts';
import type { ProviderSettings } from './provider-options.ts';
import { TokenSet } from './token-set.ts';

/** Where the endpoints of a provider come from. */
export type MetadataSource =
  | { readonly kind: 'fixed'; readonly metadata: OpenID.ServerMetadata; readonly issuer: string | undefined }
  | { readonly kind: 'discovery'; readonly issuer: URL; readonly maxAgeMs: number };

/** Names us to the provider; the API of GitHub requires it. */
const USER_AGENT = 'landspout';
/** After a failed renewal of the metadata, the old ones are used for this long. */
const RENEWAL_PAUSE_MS = 60_000;
/** OpenID Connect Core §2. */
const MAX_SUBJECT_CHARS = 255;
/** RFC 6750 §2.1, without which a token cannot be sent. */
const TOKEN = /^[\x21-\x7e]+$/;

/** Speaks to one provider by openid-client. */
export class OpenIDConnection implements ProviderConnection {
  readonly #settings: ProviderSettings;
  readonly #source: MetadataSource;
  readonly #fetch: BoundedFetch;
  #known: { readonly configuration: OpenID.Configuration; staleAtMs: number } | undefined = undefined;
  /** A discovery in progress, for all that wait for it. */
  #pending: Promise<OpenID.Configuration> | undefined = undefined;

  constructor(settings: ProviderSettings, source: MetadataSource) {
    this.#settings = settings;
    this.#source = source;
    const { timeoutMs, maxResponseBytes, clock } = settings;
    this.#fetch = boundedFetch(settings.fetch, { timeoutMs, maxBytes: maxResponseBytes, clock });
  }

  async prepare(): Promise<void> {
    await this.#configuration('discovery');
  }

  async authorizationUrl(flow: SignInFlow, parameters: Readonly<Record<string, string>>): Promise<URL> {
    const configuration = await this.#configuration('authorizeRedirect');
    return await this.#step('authorizeRedirect', [], async () =>
      openid.buildAuthorizationUrl(configuration, {
        ...parameters,
        redirect_uri: flow.redirectUri,
        state: flow.state,
        code_challenge: await openid.calculatePKCECodeChallenge(flow.verifier),
        code_challenge_method: 'S256',
        ...(flow.nonce === undefined ? {} : { nonce: flow.nonce }),
        ...(flow.maxAgeSeconds === undefined ? {} : { max_age: String(flow.maxAgeSeconds) }),
      }),
    );
  }

  async exchange(parameters: URLSearchParams, flow: SignInFlow): Promise<ExchangedCode> {
    const configuration = await this.#configuration('getAuthenticatedUser');
    const metadata = configuration.serverMetadata();
    const isIssRequired = metadata.authorization_response_iss_parameter_supported === true;
    checkIssuer(parameters, this.#issuerOf(metadata), isIssRequired);
    const callback = new URL(flow.redirectUri);
    callback.search = parameters.toString();
    if (this.#issuerOf(metadata) === undefined) callback.searchParams.delete('iss');
    const secrets = [parameters.get('code') ?? undefined, flow.state, flow.verifier, flow.nonce];
    return await this.#step('getAuthenticatedUser', secrets, async () => {
      const response = await openid.authorizationCodeGrant(configuration, callback, {
        expectedState: flow.state,
        pkceCodeVerifier: flow.verifier,
        ...(flow.nonce === undefined ? {} : { expectedNonce: flow.nonce, idTokenExpected: true }),
        ...(flow.maxAgeSeconds === undefined ? {} : { maxAge: flow.maxAgeSeconds }),
      });
      return { tokens: this.#tokensOf(response), claims: claimsOf(response) };
    });
  }

  async refresh(refreshToken: string, subject: string | undefined): Promise<TokenSet> {
    const configuration = await this.#configuration('refresh');
    return await this.#step('refresh', [refreshToken], async () => {
      const response = await openid.refreshTokenGrant(configuration, refreshToken);
      const claims = claimsOf(response);
      // OpenID Connect Core §12.2.
      if (subject !== undefined && claims !== undefined && claims.sub !== subject) {
        throw new SignInError('ERR_SIGN_IN_RESPONSE', 'refresh: the ID token is of another user');
      }
      return this.#tokensOf(response, refreshToken);
    });
  }

  async revoke(token: string): Promise<void> {
    const configuration = await this.#configuration('revoke');
    await this.#step('revoke', [token], () => openid.tokenRevocation(configuration, token));
  }

  async userInfo(accessToken: string, subject: string): Promise<Claims> {
    const configuration = await this.#configuration('userInfo');
    return await this.#step('userInfo', [accessToken], () =>
      openid.fetchUserInfo(configuration, accessToken, subject),
    );
  }

  async endSessionUrl(parameters: Readonly<Record<string, string>>): Promise<URL | undefined> {
    const configuration = await this.#configuration('endSessionUrl');
    if (configuration.serverMetadata().end_session_endpoint === undefined) return undefined;
    return await this.#step('endSessionUrl', [], async () =>
      openid.buildEndSessionUrl(configuration, { ...parameters }),
    );
  }

  async request(url: URL, { method, headers, body, accessToken }: ApiRequest): Promise<unknown> {
    const secrets = [accessToken, ...url.searchParams.values()];
    const all = { Accept: 'application/json', 'User-Agent': USER_AGENT, ...headers };
    const init = { method, headers: { ...all, Authorization: `Bearer ${accessToken}` } };
    return await this.#step('oauth2Request', secrets, async () =>
      readApiResponse(await this.#fetch(url.href, body === undefined ? init : { ...init, body }), secrets),
    );
  }

  /** Runs one step, and turns what it throws into our error. */
  async #step<T>(
    doing: string,
    secrets: readonly (string | undefined)[],
    step: () => Promise<T>,
  ): Promise<T> {
    try {
      return await step();
    } catch (error) {
      throw providerFailure(doing, error, [...secrets, this.#settings.clientSecret]);
    }
  }

  #issuerOf({ issuer }: OpenID.ServerMetadata): string | undefined {
    return this.#source.kind === 'fixed' ? this.#source.issuer : issuer;
  }

  #tokensOf(response: OpenID.TokenEndpointResponse, oldRefreshToken?: string): TokenSet {
    const { access_token, expires_in, refresh_token, id_token, token_type, scope } = response;
    if (token_type !== 'bearer' || !TOKEN.test(access_token)) {
      throw new SignInError('ERR_SIGN_IN_RESPONSE', 'the access token cannot be used as a bearer token');
    }
    const expiresAtMs =
      expires_in === undefined ? undefined : this.#settings.clock.wallTime() + expires_in * 1_000;
    return new TokenSet({
      accessToken: access_token,
      tokenType: token_type,
      expiresAtMs,
      refreshToken: refresh_token ?? oldRefreshToken,
      idToken: id_token,
      scope,
    });
  }

  /** The configuration. After a failure, the next call tries again. While metadata are renewed, the old ones are used. */
  async #configuration(doing: string): Promise<OpenID.Configuration> {
    const { clock } = this.#settings;
    if (this.#known === undefined) return await this.#step(doing, [], () => this.#load());
    if (clock.now() >= this.#known.staleAtMs) {
      this.#known.staleAtMs = clock.now() + RENEWAL_PAUSE_MS;
      this.#load().catch(() => undefined);
    }
    return this.#known.configuration;
  }

  #load(): Promise<OpenID.Configuration> {
    this.#pending ??= this.#loadNow().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #loadNow(): Promise<OpenID.Configuration> {
    const source = this.#source;
    const { clock, allowHttp } = this.#settings;
    const configuration = await (source.kind === 'fixed'
      ? this.#configurationOf(source.metadata)
      : this.#discover(source.issuer));
    configuration.timeout = 0; // the requests have our own timeout
    if (source.kind === 'fixed') {
      if (allowHttp) openid.allowInsecureRequests(configuration);
      this.#known = { configuration, staleAtMs: Infinity };
      return configuration;
    }
    // Checks signatures of ID tokens, although they come over TLS.
    openid.enableNonRepudiationChecks(configuration);
    const keys = this.#known && openid.getJwksCache(this.#known.configuration);
    if (keys !== undefined) openid.setJwksCache(configuration, keys);
    this.#known = { configuration, staleAtMs: clock.now() + source.maxAgeMs };
    return configuration;
  }

  #configurationOf(metadata: OpenID.ServerMetadata): OpenID.Configuration {
    const { clientId } = this.#settings;
    const configuration = new openid.Configuration(metadata, clientId, undefined, this.#clientAuth());
    const fetch: BoundedFetch = async (url, init) => withErrorStatus(await this.#fetch(url, init));
    configuration[openid.customFetch] = fetch as OpenID.CustomFetch;
    return configuration;
  }

  #discover(issuer: URL): Promise<OpenID.Configuration> {
    const { clientId, allowHttp, timeoutMs } = this.#settings;
    return openid.discovery(issuer, clientId, undefined, this.#clientAuth(), {
      execute: allowHttp ? [openid.allowInsecureRequests] : [],
      [openid.customFetch]: this.#fetch as OpenID.CustomFetch,
      timeout: Math.ceil(timeoutMs / 1_000) + 1,
    });
  }

  /** Chooses the method when the metadata are known. */
  #clientAuth(): OpenID.ClientAuth {
    const { clientSecret, clientAuth } = this.#settings;
    if (clientSecret === undefined) return openid.None();
    return (metadata, client, body, headers) => {
      const offered: unknown = metadata.token_endpoint_auth_methods_supported;
      // Post if the provider has it: not all decode the secret of basic (RFC 6749 §2.3.1). Without a list, it is basic
      // (OpenID Connect Discovery §3, RFC 8414 §2).
      const hasPost = Array.isArray(offered) && offered.includes('client_secret_post');
      const method = clientAuth ?? (hasPost ? 'client_secret_post' : 'client_secret_basic');
      const authOf = method === 'client_secret_post' ? openid.ClientSecretPost : openid.ClientSecretBasic;
      authOf(clientSecret)(metadata, client, body, headers);
    };
  }
}

/** GitHub and others respond to an invalid code with 200. The status for it is 400 (RFC 6749 §5.2). */
async function withErrorStatus(response: Response): Promise<Response> {
  if (response.status !== 200) return response;
  const text = await response.text();
  const { headers } = response;
  let status = 200;
  try {
    const json = Object(JSON.parse(text)) as { readonly error?: unknown; readonly access_token?: unknown };
    if (typeof json.error === 'string' && json.access_token === undefined) status = 400;
  } catch {
    // openid-client refuses what is not JSON.
  }
  return new Response(text, { status, headers });
}

function claimsOf(
  response: OpenID.TokenEndpointResponse & { claims(): OpenID.IDToken | undefined },
): Claims | undefined {
  const claims = response.claims();
  if (claims === undefined) return undefined;
  const { sub } = claims;
  if (sub === '' || sub.length > MAX_SUBJECT_CHARS) {
    const problem = `the sub of the ID token must have 1 to ${MAX_SUBJECT_CHARS} characters, got ${sub.length}`;
    throw new SignInError('ERR_SIGN_IN_RESPONSE', problem);
  }
  return claims;
}
