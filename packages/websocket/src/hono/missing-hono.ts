import { WebSocketUsageError } from '../protocol/index.ts';

/**
 * Makes the error for the optional peer dependency `hono` that could not be imported. It names the package, and the
 * command that installs it.
 *
 * @param cause - what the import threw.
 */
export function missingHono(cause: unknown): WebSocketUsageError {
  const reason = isNotFound(cause) ? 'which is not installed' : 'which could not be loaded';
  const problem = `@landspout/websocket/hono requires the package hono, ${reason}: npm i hono`;
  return new WebSocketUsageError('ERR_WEBSOCKET_MISSING_PEER', problem, { cause });
}

/** Whether the package itself was not found, rather than something that it imports. */
function isNotFound(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  return (
    (cause as { readonly code?: unknown }).code === 'ERR_MODULE_NOT_FOUND' && /'hono'/.test(cause.message)
  );
}
