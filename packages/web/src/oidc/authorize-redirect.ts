import type { OptionNames } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';
import type { AnyHandler } from '../handler/lifecycle.ts';
import { keepFlow, randomText, type SignInFlow } from './flow.ts';
import { ownPath, ownUrl } from './own-url.ts';
import { keepPrivate } from './private-response.ts';
import type { SignInProvider } from './provider.ts';
import { checkedParameters, scopeText } from './provider-options.ts';

/** Options of one sign-in. */
export interface AuthorizeRedirectOptions {
  /** What to ask for, instead of the scope of the provider. */
  readonly scope?: string | readonly string[] | undefined;
  /**
   * The page to return to. Anything but a path or URL of this site, or one of more than 1,024 characters, becomes the
   * start page, so it may come from the client. Default: the argument `next` of the query.
   */
  readonly next?: string | undefined;
  /** Where the provider sends the user back, instead of the `redirectUri` of the provider. */
  readonly redirectUri?: string | undefined;
  /** What the provider asks the user (OpenID Connect Core §3.1.2.1), such as `select_account`. Default: it decides. */
  readonly prompt?: string | undefined;
  /** The user who probably signs in, such as an e-mail address. Default: none. */
  readonly loginHint?: string | undefined;
  /**
   * The maximum time since the user has authenticated at the provider, in seconds; it is checked. Only for OpenID Connect.
   * Default: any.
   */
  readonly maxAgeSeconds?: number | undefined;
  /** Further parameters of the authorization request. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

const OPTIONS: OptionNames<AuthorizeRedirectOptions> = {
  scope: true,
  next: true,
  redirectUri: true,
  prompt: true,
  loginHint: true,
  maxAgeSeconds: true,
  parameters: true,
};

/**
 * Begins a sign-in: redirects to the provider, with a state, a nonce (OpenID Connect) and PKCE. What is needed to
 * complete it is kept for 10 minutes in an encrypted cookie, which requires the setting `cookieSecret`; a browser may
 * have five sign-ins at a time. The provider redirects to `redirectUri`, whose handler calls `getAuthenticatedUser`.
 *
 * @returns a promise that resolves when the response is complete.
 * @throws SignInError `ERR_SIGN_IN_UNREACHABLE`, `ERR_SIGN_IN_RESPONSE` if the metadata of the provider cannot be read.
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is invalid, or `redirectUri` is not of this site.
 *
 * @example
 * class SignIn extends RequestHandler {
 *   override get() {
 *     return authorizeRedirect(this, provider, { redirectUri: '/sign-in/callback' });
 *   }
 * }
 */
export async function authorizeRedirect<User>(
  handler: AnyHandler,
  provider: SignInProvider<User>,
  options: AuthorizeRedirectOptions = {},
): Promise<void> {
  const name = 'authorizeRedirect';
  webChecks.options(name, options, OPTIONS);
  const { scope, prompt, loginHint, maxAgeSeconds, parameters = {} } = options;
  if (maxAgeSeconds !== undefined) webChecks.wholeNumber(name, 'maxAgeSeconds', maxAgeSeconds);
  const flow: SignInFlow = {
    provider: provider.key,
    state: randomText(),
    nonce: provider.usesNonce ? randomText() : undefined,
    verifier: randomText(),
    redirectUri: ownUrl(name, 'redirectUri', handler, options.redirectUri ?? provider.redirectUri),
    next: ownPath(handler, options.next ?? handler.getQueryArgument('next', undefined)),
    maxAgeSeconds: provider.usesNonce ? maxAgeSeconds : undefined,
    startedMs: handler.application.clock.wallTime(),
  };
  const url = await provider.authorizationUrl(
    flow,
    scope === undefined ? undefined : scopeText(name, scope),
    {
      ...checkedParameters(name, parameters),
      ...(prompt === undefined ? {} : { prompt }),
      ...(loginHint === undefined ? {} : { login_hint: loginHint }),
    },
  );
  keepPrivate(handler);
  keepFlow(handler, flow);
  handler.redirect(url.href);
}
