/**
 * Connect and Express middleware, `(request, response, next)`, as middleware of an Application.
 *
 * @packageDocumentation
 */

export { nodeMiddleware } from './node-middleware.ts';
