import type { OptionNames } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';
import { SignInError } from './errors.ts';
import { OpenIDConnection } from './openid-connection.ts';
import { SignInProvider } from './provider.ts';
import type { Claims, ProviderConnection } from './provider-connection.ts';
import { PROVIDER_OPTIONS, type ProviderOptions, providerSettings, providerUrl } from './provider-options.ts';
import type { TokenSet } from './token-set.ts';

/**
 * What an OpenID provider says about a user: the claims of the ID token and, with the option `userInfo`, those of the
 * UserInfo endpoint. `iss`, `sub`, `aud`, `exp` and `iat` are checked; check the type of others before you use them.
 */
export interface OpenIDUser {
  /** The provider. */
  readonly iss: string;
  /** Identifies the user at this provider: the only claim that never changes. */
  readonly sub: string;
  readonly aud: string | readonly string[];
  /** When the ID token expires, in seconds since 1970. */
  readonly exp: number;
  /** When it was issued, in seconds since 1970. */
  readonly iat: number;
  /** Such as `name` and `email`. An `email` identifies a user only if `email_verified` is true. */
  readonly [claim: string]: unknown;
}

/** Options of an OpenID provider. */
export interface OpenIDProviderOptions extends ProviderOptions<OpenIDUser> {
  /**
   * The URL of the provider, without `/.well-known/openid-configuration`, such as `https://accounts.google.com`. Its
   * metadata have to name the same issuer.
   */
  readonly issuer: string;
  /** Whether the claims of the UserInfo endpoint are added to the user. Default: false. */
  readonly userInfo?: boolean | undefined;
  /**
   * Whether the metadata are read when they are first needed, so that the program starts without the provider. Default:
   * false.
   */
  readonly lazy?: boolean | undefined;
  /** When the metadata are read again, in milliseconds. The old ones are used meanwhile. Default: one day. */
  readonly metadataMaxAgeMs?: number | undefined;
}

const OPTIONS: OptionNames<OpenIDProviderOptions> = {
  ...PROVIDER_OPTIONS,
  issuer: true,
  userInfo: true,
  lazy: true,
  metadataMaxAgeMs: true,
};

const METADATA_MAX_AGE_MS = 86_400_000;

/** A provider of OpenID Connect. Made by {@link openIDProvider}. */
export class OpenIDProvider extends SignInProvider<OpenIDUser> {
  readonly #connection: ProviderConnection;
  readonly #userInfo: boolean;
  /** The option `issuer`. */
  readonly issuer: string;

  /** Use {@link openIDProvider}, which also reads the metadata. */
  constructor(options: OpenIDProviderOptions) {
    webChecks.options('openIDProvider', options, OPTIONS);
    const settings = providerSettings('openIDProvider', options, 'openid');
    const issuer = issuerOf(options.issuer, settings.allowHttp);
    const { metadataMaxAgeMs = METADATA_MAX_AGE_MS } = options;
    const maxAgeMs = webChecks.durationMs('openIDProvider', 'metadataMaxAgeMs', metadataMaxAgeMs);
    if (!settings.scope.split(' ').includes('openid')) {
      throw webChecks.wrong('openIDProvider', 'scope: scopes with openid', settings.scope);
    }
    const connection = new OpenIDConnection(settings, { kind: 'discovery', issuer, maxAgeMs });
    super({
      ...settings,
      connection,
      identity: [issuer.href, settings.clientId],
      verifyUser: options.verifyUser,
      usesNonce: true,
      apiUrl: undefined,
      apiParameters: undefined,
    });
    this.#connection = connection;
    this.#userInfo = webChecks.boolean('openIDProvider', 'userInfo', options.userInfo ?? false);
    this.issuer = options.issuer;
  }

  /**
   * Reads the metadata of the provider, unless they are known already.
   *
   * @throws SignInError `ERR_SIGN_IN_UNREACHABLE`, `ERR_SIGN_IN_RESPONSE`. The next call tries again.
   */
  discover(): Promise<void> {
    return this.#connection.prepare();
  }

  /**
   * Returns the URL at which the user logs out at the provider (OpenID Connect RP-Initiated Logout 1.0); undefined if the
   * provider has none, as Google. `endSessionRedirect` is easier.
   *
   * @param parameters - such as `id_token_hint` and `post_logout_redirect_uri`, which must be registered.
   * @throws SignInError if the metadata cannot be read.
   */
  async endSessionUrl(parameters: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
    return (await this.#connection.endSessionUrl(parameters))?.href;
  }

  protected override async userOf(tokens: TokenSet, claims: Claims | undefined): Promise<OpenIDUser> {
    if (claims === undefined) throw new SignInError('ERR_SIGN_IN_RESPONSE', 'there is no ID token');
    const user = claims as OpenIDUser;
    if (!this.#userInfo) return user;
    // What is signed wins.
    return { ...(await this.#connection.userInfo(tokens.accessToken, user.sub)), ...user };
  }
}

/**
 * Makes a provider of OpenID Connect, and reads its metadata (OpenID Connect Discovery 1.0). They are kept, and the keys
 * of the provider are read when they are first needed.
 *
 * @throws SignInError `ERR_SIGN_IN_UNREACHABLE`, `ERR_SIGN_IN_RESPONSE` if the metadata cannot be read; not with `lazy`.
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is invalid.
 *
 * @example
 * const provider = await openIDProvider({
 *   issuer: 'https://login.example.com',
 *   clientId: 'shop',
 *   clientSecret: process.env.CLIENT_SECRET,
 *   scope: 'openid email',
 *   fetch: new AsyncHTTPClient().toFetch(),
 * });
 */
export async function openIDProvider(options: OpenIDProviderOptions): Promise<OpenIDProvider> {
  const provider = new OpenIDProvider(options);
  if (!webChecks.boolean('openIDProvider', 'lazy', options.lazy ?? false)) await provider.discover();
  return provider;
}

function issuerOf(value: unknown, allowHttp: boolean): URL {
  const url = providerUrl('openIDProvider', 'issuer', value, allowHttp);
  const isPlain = url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (isPlain && !url.pathname.includes('/.well-known/')) return url;
  throw webChecks.wrong(
    'openIDProvider',
    'issuer: the URL of a provider without /.well-known/… and query',
    value,
  );
}
