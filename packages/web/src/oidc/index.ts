/**
 * Sign-in with others: OpenID Connect and OAuth 2.0, and providers such as Google, GitHub and Facebook. It is a subpath
 * of its own because it needs the package `openid-client`, an optional peer dependency: `npm i openid-client`. Without
 * it, the import of this subpath rejects with a WebUsageError `ERR_WEB_MISSING_PEER`. The subpath cannot be loaded with
 * `require`, but with `import()`.
 *
 * @packageDocumentation
 */

// In handlers.

export { type AuthorizeRedirectOptions, authorizeRedirect } from './authorize-redirect.ts';
export { type EndSessionOptions, endSessionRedirect } from './end-session-redirect.ts';
export { getAuthenticatedUser, isSignInCallback, type SignIn } from './get-authenticated-user.ts';

// Providers.

export {
  OAuth2Provider,
  type OAuth2ProviderOptions,
  oauth2Provider,
  type UserRequest,
} from './oauth2-provider.ts';
export {
  OpenIDProvider,
  type OpenIDProviderOptions,
  type OpenIDUser,
  openIDProvider,
} from './openid-provider.ts';
export { type FacebookOptions, type FacebookUser, facebook } from './presets/facebook.ts';
export { type GitHubOptions, type GitHubUser, github } from './presets/github.ts';
export { type GoogleOptions, google } from './presets/google.ts';
export { type OAuth2RequestOptions, SignInProvider, type UserAndTokens } from './provider.ts';
export type { ClientAuthMethod, ProviderOptions } from './provider-options.ts';
export { TokenSet, type TokenSetParts } from './token-set.ts';

// Errors.

export {
  SIGN_IN_ERRORS,
  SignInError,
  type SignInErrorCode,
  type SignInErrorOptions,
} from './errors.ts';
