import { webChecks } from '../../errors.ts';
import { type OpenIDProvider, type OpenIDProviderOptions, openIDProvider } from '../openid-provider.ts';

/** Options of {@link google}. */
export interface GoogleOptions extends Omit<OpenIDProviderOptions, 'issuer' | 'allowHttp'> {
  /**
   * Lets only users of these Workspace domains in; `*` for any of them. It is checked, not only asked for. Default: all
   * Google accounts.
   */
  readonly hostedDomain?: string | readonly string[] | undefined;
  /** Whether Google issues a refresh token; the user is then asked for consent each time. Default: false. */
  readonly offline?: boolean | undefined;
}

/**
 * Sign-in with Google, by OpenID Connect. The default scope is `openid email profile`. Register the application, and its
 * redirect URI, at https://console.cloud.google.com/auth/clients.
 *
 * @throws SignInError and WebUsageError like {@link openIDProvider}.
 *
 * @example
 * const provider = await google({ clientId, clientSecret, fetch: new AsyncHTTPClient().toFetch(), lazy: true });
 */
export async function google(options: GoogleOptions): Promise<OpenIDProvider> {
  const { hostedDomain, offline = false, parameters, verifyUser, ...others } = options;
  webChecks.boolean('google', 'offline', offline);
  const domains = hostedDomain === undefined ? undefined : domainsOf(hostedDomain);
  const [first = ''] = domains ?? [];
  return await openIDProvider({
    scope: 'openid email profile',
    ...others,
    issuer: 'https://accounts.google.com',
    parameters: {
      ...(offline ? { access_type: 'offline', prompt: 'consent' } : {}),
      // With several, Google is asked for any, and the claim decides.
      ...(domains === undefined ? {} : { hd: domains.length === 1 ? first : '*' }),
      ...parameters,
    },
    verifyUser: (user, tokens) => {
      const isMember = domains === undefined || isHosted(user.hd, domains);
      return isMember && (verifyUser === undefined || verifyUser(user, tokens));
    },
  });
}

function domainsOf(hostedDomain: string | readonly string[]): readonly string[] {
  const domains = typeof hostedDomain === 'string' ? [hostedDomain] : hostedDomain;
  const isList = Array.isArray(domains) && domains.every((one) => typeof one === 'string' && one !== '');
  if (isList && domains.length > 0) return domains;
  throw webChecks.wrong('google', "hostedDomain: a domain, a list of domains or '*'", hostedDomain);
}

function isHosted(hd: unknown, domains: readonly string[]): boolean {
  return typeof hd === 'string' && hd !== '' && (domains.includes('*') || domains.includes(hd));
}
