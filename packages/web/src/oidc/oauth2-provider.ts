import type { OptionNames } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';
import { OpenIDConnection } from './openid-connection.ts';
import { type OAuth2RequestOptions, SignInProvider } from './provider.ts';
import { PROVIDER_OPTIONS, type ProviderOptions, providerSettings, providerUrl } from './provider-options.ts';
import type { TokenSet } from './token-set.ts';

/** Calls an API of the provider with the access token of the user who signs in; see `oauth2Request`. */
export type UserRequest = (
  url: string,
  options?: Omit<OAuth2RequestOptions, 'accessToken'>,
) => Promise<unknown>;

/** Options of a provider of OAuth 2.0. */
export interface OAuth2ProviderOptions<User = undefined> extends ProviderOptions<User> {
  /** The URL of the page at which users agree. */
  readonly authorizationEndpoint: string;
  /** The URL that issues tokens. */
  readonly tokenEndpoint: string;
  /** The URL that revokes tokens (RFC 7009). Default: none; then `revoke` rejects. */
  readonly revocationEndpoint?: string | undefined;
  /** The `iss` of its responses (RFC 9207). Default: it is not checked. */
  readonly issuer?: string | undefined;
  /** The start of the URLs of its API, for paths given to `oauth2Request`. Default: none. */
  readonly apiUrl?: string | undefined;
  /** Returns parameters that the query of each `oauth2Request` needs in addition. Default: none. */
  readonly apiParameters?: ((accessToken: string) => Readonly<Record<string, string>>) | undefined;
  /**
   * Gets the user, for `getAuthenticatedUser`. OAuth 2.0 does not define how; providers have an API for it. Check what it
   * returns. Default: the user is undefined.
   */
  readonly fetchUser?: ((request: UserRequest, tokens: TokenSet) => User | PromiseLike<User>) | undefined;
}

const OPTIONS: OptionNames<OAuth2ProviderOptions<never>> = {
  ...PROVIDER_OPTIONS,
  authorizationEndpoint: true,
  tokenEndpoint: true,
  revocationEndpoint: true,
  issuer: true,
  apiUrl: true,
  apiParameters: true,
  fetchUser: true,
};

/** A provider of OAuth 2.0. Made by {@link oauth2Provider}. */
export class OAuth2Provider<User = undefined> extends SignInProvider<User> {
  readonly #fetchUser: OAuth2ProviderOptions<User>['fetchUser'];

  /** Use {@link oauth2Provider}. */
  constructor(options: OAuth2ProviderOptions<User>) {
    const name = 'oauth2Provider';
    webChecks.options<object>(name, options, OPTIONS);
    const settings = providerSettings(name, options, '');
    const { allowHttp, clientId } = settings;
    const { authorizationEndpoint, tokenEndpoint, revocationEndpoint, issuer, apiUrl } = options;
    const metadata = {
      // openid-client requires one. Without the option, `iss` is not checked.
      issuer: issuer ?? providerUrl(name, 'authorizationEndpoint', authorizationEndpoint, allowHttp).origin,
      authorization_endpoint: providerUrl(name, 'authorizationEndpoint', authorizationEndpoint, allowHttp)
        .href,
      token_endpoint: providerUrl(name, 'tokenEndpoint', tokenEndpoint, allowHttp).href,
      ...(revocationEndpoint === undefined
        ? {}
        : {
            revocation_endpoint: providerUrl(name, 'revocationEndpoint', revocationEndpoint, allowHttp).href,
          }),
    };
    if (issuer !== undefined) providerUrl(name, 'issuer', issuer, allowHttp);
    for (const callback of ['apiParameters', 'fetchUser'] as const) {
      if (options[callback] !== undefined) webChecks.callback(name, callback, options[callback]);
    }
    super({
      ...settings,
      connection: new OpenIDConnection(settings, { kind: 'fixed', metadata, issuer }),
      identity: [metadata.authorization_endpoint, clientId],
      verifyUser: options.verifyUser,
      usesNonce: false,
      apiUrl: apiUrl === undefined ? undefined : providerUrl(name, 'apiUrl', apiUrl, allowHttp),
      apiParameters: options.apiParameters,
    });
    this.#fetchUser = options.fetchUser;
  }

  protected override async userOf(tokens: TokenSet): Promise<User> {
    const request: UserRequest = (url, options = {}) =>
      this.oauth2Request(url, { ...options, accessToken: tokens });
    return (await this.#fetchUser?.(request, tokens)) as User;
  }
}

/**
 * Makes a provider of OAuth 2.0 (RFC 6749) that is not one of OpenID Connect.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is invalid.
 *
 * @example
 * const provider = oauth2Provider({
 *   authorizationEndpoint: 'https://x.com/i/oauth2/authorize',
 *   tokenEndpoint: 'https://api.x.com/2/oauth2/token',
 *   apiUrl: 'https://api.x.com/2',
 *   clientId: 'shop',
 *   clientSecret: process.env.X_SECRET,
 *   scope: 'users.read tweet.read',
 *   fetchUser: (request) => request('/users/me'),
 *   fetch: new AsyncHTTPClient().toFetch(),
 * });
 */
export function oauth2Provider<User = undefined>(options: OAuth2ProviderOptions<User>): OAuth2Provider<User> {
  return new OAuth2Provider(options);
}
