import { isThenable } from '@landspout/ioloop/reactor';
import { HTTPError } from '../errors.ts';
import { loginRedirect } from '../response/login-redirect.ts';
import type { AnyHandler } from './lifecycle.ts';
import type { Awaitable } from './request-handler.ts';

// biome-ignore lint/suspicious/noExplicitAny: a verb declares the parameters of its own pattern
type Method<Handler, Args extends any[]> = (this: Handler, ...args: Args) => Awaitable;

/**
 * Makes a verb require a user: if `currentUser` is undefined, null or false, a GET or HEAD is redirected to
 * `getLoginUrl()` with an argument `next` for the way back (pass it through `safeNext`), and any other method is refused
 * with 403. `getCurrentUser` may return a promise.
 *
 * @example
 * class Account extends BaseHandler {
 *   override get = authenticated(function (this: BaseHandler) {
 *     this.write(`Hello ${this.currentUser}`);
 *   });
 * }
 *
 * @example
 * // As a decorator:
 * class Account extends BaseHandler {
 *   @authenticated
 *   override get() {}
 * }
 */
// biome-ignore lint/suspicious/noExplicitAny: see above
export function authenticated<Handler extends AnyHandler, Args extends any[]>(
  verb: Method<Handler, Args>,
  _context?: ClassMethodDecoratorContext,
): Method<Handler, Args> {
  return function requireUser(this: Handler, ...args: Args): Awaitable {
    const user: unknown = this.getCurrentUserOnce();
    if (!isThenable(user)) return isUser(user) ? verb.apply(this, args) : sendToLogin(this);
    return Promise.resolve(user).then((found) =>
      isUser(found) ? verb.apply(this, args) : sendToLogin(this),
    );
  };
}

function isUser(user: unknown): boolean {
  return user !== undefined && user !== null && user !== false;
}

function sendToLogin(handler: AnyHandler): void {
  const { method } = handler.request;
  if (method !== 'GET' && method !== 'HEAD') throw new HTTPError(403, 'no user is logged in');
  handler.redirect(loginRedirect(handler.getLoginUrl(), handler.request.fullUrl()));
}
