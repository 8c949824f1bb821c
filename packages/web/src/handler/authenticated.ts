import { isThenable } from '@landspout/ioloop/reactor';
import { HTTPError } from '../errors.ts';
import { loginRedirect } from '../response/login-redirect.ts';
import type { AnyHandler, AnyVerb, VerbMethod } from './lifecycle.ts';

/**
 * Makes a verb require a user: if `currentUser` is undefined, null or false, a GET or HEAD is redirected to
 * `getLoginUrl()` with a query argument `next`, the page to return to (check it with `safeNext`), and any other method
 * is refused with 403. `getCurrentUser` may return a promise.
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
export function authenticated<Handler extends AnyHandler, Method extends AnyVerb>(
  verb: Method,
  _context?: ClassMethodDecoratorContext<Handler>,
): Method {
  const requireUser: VerbMethod = function (this: AnyHandler, ...args) {
    const user: unknown = this.getCurrentUserOnce();
    if (!isThenable(user)) return isUser(user) ? verb.apply(this, args) : sendToLogin(this);
    return Promise.resolve(user).then((found) =>
      isUser(found) ? verb.apply(this, args) : sendToLogin(this),
    );
  };
  return requireUser as Method;
}

function isUser(user: unknown): boolean {
  return user !== undefined && user !== null && user !== false;
}

function sendToLogin(handler: AnyHandler): void {
  const { method } = handler.request;
  if (method !== 'GET' && method !== 'HEAD') throw new HTTPError(403, 'no user is logged in');
  handler.redirect(loginRedirect(handler.getLoginUrl(), handler.request.fullUrl()));
}
