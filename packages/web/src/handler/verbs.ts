import type { Awaitable, RequestHandler } from './request-handler.ts';

type Verb = (this: RequestHandler) => Awaitable;

/** The method of a handler that answers an HTTP method, or undefined. `supported` was checked before. */
export function verbOf(handler: RequestHandler, method: string): Verb | undefined {
  switch (method) {
    case 'GET':
      return handler.get;
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
      return typeof verb === 'function' ? (verb as Verb) : undefined;
    }
  }
}

/** The value of Allow, which a 405 must have (RFC 9110 §15.5.6). */
export function allowedMethods(handler: RequestHandler, supported: readonly string[]): string {
  return supported.filter((method) => verbOf(handler, method) !== undefined).join(', ');
}
