/**
 * Connect and Express middleware, `(request, response, next)`, as middleware of an Application.
 *
 * @packageDocumentation
 */

export { nodeMiddleware, nodeRequestOf, nodeResponseOf } from './node-middleware.ts';
