import type { AnyHandler } from '../handler/lifecycle.ts';
import { checkCallback, invalid, isCallbackQuery } from './callback-parameters.ts';
import { SignInError } from './errors.ts';
import { takeFlow } from './flow.ts';
import { keepPrivate } from './private-response.ts';
import type { SignInProvider, UserAndTokens } from './provider.ts';

/** The result of a sign-in. */
export interface SignIn<User> extends UserAndTokens<User> {
  /** The page to return to: a path of this site. */
  readonly next: string;
}

/**
 * Whether the request is the response of a provider, valid or not: its query has a `state`, `code` or `error`. For a
 * handler that both begins and completes a sign-in.
 */
export function isSignInCallback(handler: AnyHandler): boolean {
  return isCallbackQuery(handler.request.query);
}

/**
 * Completes the sign-in that `authorizeRedirect` began in this browser: checks the response of the provider, exchanges
 * its code for tokens, and gets the user. Call it in the handler of the redirect URI. Whatever the result, the sign-in
 * cannot be completed again. The program then keeps the user, usually in a signed or encrypted cookie.
 *
 * @throws SignInError 400 `ERR_SIGN_IN_CALLBACK`, `ERR_SIGN_IN_STATE`, `ERR_SIGN_IN_GRANT`; 403 `ERR_SIGN_IN_DENIED`; 502
 *   `ERR_SIGN_IN_UNREACHABLE`, `ERR_SIGN_IN_REFUSED`, `ERR_SIGN_IN_RESPONSE`. Unless it is caught, it becomes the
 *   response.
 *
 * @example
 * class Callback extends RequestHandler {
 *   override async get() {
 *     const { user, next } = await getAuthenticatedUser(this, provider);
 *     this.setSignedCookie('user', user.sub);
 *     this.redirect(next);
 *   }
 * }
 */
export async function getAuthenticatedUser<User>(
  handler: AnyHandler,
  provider: SignInProvider<User>,
): Promise<SignIn<User>> {
  keepPrivate(handler);
  const parameters = new URLSearchParams(handler.request.query);
  const state = checkCallback(parameters);
  const flow = takeFlow(handler, state);
  if (flow === undefined) {
    throw new SignInError(
      'ERR_SIGN_IN_STATE',
      'getAuthenticatedUser: the browser has no sign-in with this state',
    );
  }
  if (flow.provider !== provider.key) throw invalid('the sign-in was begun with another provider');
  const { user, tokens } = await provider.complete(parameters, flow);
  return { user, tokens, next: flow.next };
}
