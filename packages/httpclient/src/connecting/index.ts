/**
 * What a client of another protocol needs if that protocol begins as an HTTP/1.1 request, such as WebSocket: connections
 * with the options of a request, through proxies too, and its credentials.
 *
 * @packageDocumentation
 */

// Requests that are sent by another client.

export { authenticationOf, type RequestAuthentication } from '../fetch/request-authentication.ts';
export { HTTPRequest } from '../request/http-request.ts';
export { refuseMisplaced } from '../request/misplaced-options.ts';
export { checkTls } from '../request/tls-check.ts';
export { HTTPClientUsageError } from '../request/usage.ts';

// Connections.

export { type OpenConnectionOptions, openConnection } from '../fetch/open-connection.ts';
export type { RouteOptions } from '../fetch/route.ts';

// Connecting again.

export { retryDelay } from '../event-source/retry-delay.ts';
