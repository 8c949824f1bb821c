import { HTTPError } from '../errors.ts';
import type { AnyHandler, HandlerClass, VerbMethod } from './lifecycle.ts';

/**
 * Returns the method of a handler for an HTTP method, or undefined.
 *
 * @param supported - the list `supportedMethods` of its class. A method that is not in it only gets `all`: its name is
 *   the client's choice, and might be that of any member.
 */
export function verbOf(
  handler: AnyHandler,
  method: string,
  supported: readonly string[],
): VerbMethod | undefined {
  return ownVerbOf(handler, method, supported) ?? handler.all;
}

function ownVerbOf(
  handler: AnyHandler,
  method: string,
  supported: readonly string[],
): VerbMethod | undefined {
  if (method === 'GET') return handler.get;
  if (!supported.includes(method)) return undefined;
  switch (method) {
    case 'HEAD':
      return handler.head ?? handler.get;
    case 'POST':
      return handler.post;
    case 'PUT':
      return handler.put;
    case 'PATCH':
      return handler.patch;
    case 'DELETE':
      return handler.delete;
    case 'OPTIONS':
      return handler.options;
    default: {
      const verb: unknown = (handler as unknown as Record<string, unknown>)[method.toLowerCase()];
      return typeof verb === 'function' ? (verb as VerbMethod) : undefined;
    }
  }
}

/** Builds the value of Allow, which a 405 must have (RFC 9110 §15.5.6). OPTIONS is always answered. */
export function allowedMethods(handler: AnyHandler, supported: readonly string[]): string {
  return supported
    .filter((method) => method === 'OPTIONS' || verbOf(handler, method, supported) !== undefined)
    .join(', ');
}

/**
 * Refuses a method that the class does not allow. If the handler streams the body, also one for which it has no verb, so
 * that the body of such a request is not received first. A handler without any verb responds in `prepare`.
 *
 * @throws HTTPError 405.
 */
export function requireMethod(handler: AnyHandler, handlerClass: HandlerClass, method: string): void {
  const { streamRequestBody, supportedMethods } = handlerClass;
  if (method !== 'GET' && !supportedMethods.includes(method) && handler.all === undefined)
    throw notAllowed(handler, handlerClass);
  if (!streamRequestBody || method === 'OPTIONS') return;
  if (verbOf(handler, method, supportedMethods) !== undefined) return;
  if (allowedMethods(handler, supportedMethods) !== 'OPTIONS') throw notAllowed(handler, handlerClass);
}

/** Makes the 405 of a method for which the handler has no verb. */
export function notAllowed(handler: AnyHandler, { supportedMethods }: HandlerClass): HTTPError {
  return new HTTPError(405, undefined, { headers: { Allow: allowedMethods(handler, supportedMethods) } });
}
