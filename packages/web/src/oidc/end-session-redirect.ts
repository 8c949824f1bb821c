import type { OptionNames } from '@landspout/ioloop/errors';
import { webChecks } from '../errors.ts';
import type { AnyHandler } from '../handler/lifecycle.ts';
import type { OpenIDProvider } from './openid-provider.ts';
import { ownUrl } from './own-url.ts';
import { keepPrivate } from './private-response.ts';

/** Options of {@link endSessionRedirect}. */
export interface EndSessionOptions {
  /** The ID token of the user, so that the provider needs not ask. Default: none. */
  readonly idToken?: string | undefined;
  /** Where the user returns to: a path or URL of this site, which must be registered with the provider. */
  readonly redirectUri: string;
}

const OPTIONS: OptionNames<EndSessionOptions> = { idToken: true, redirectUri: true };

/**
 * Logs the user out at the provider: redirects to its page for that, from which the user returns to `redirectUri` (OpenID
 * Connect RP-Initiated Logout 1.0). If the provider has no such page, redirects to `redirectUri` at once. The program
 * clears its own cookies before. Call it for a POST with an XSRF token, so that other sites cannot log users out.
 *
 * @throws SignInError if the metadata of the provider cannot be read.
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is invalid.
 */
export async function endSessionRedirect(
  handler: AnyHandler,
  provider: OpenIDProvider,
  options: EndSessionOptions,
): Promise<void> {
  webChecks.options('endSessionRedirect', options, OPTIONS);
  const { idToken } = options;
  const returnUrl = ownUrl('endSessionRedirect', 'redirectUri', handler, options.redirectUri);
  const url = await provider.endSessionUrl({
    post_logout_redirect_uri: returnUrl,
    ...(idToken === undefined ? {} : { id_token_hint: idToken }),
  });
  keepPrivate(handler);
  handler.redirect(url ?? returnUrl, { status: 303 }); // GET after a POST
}
