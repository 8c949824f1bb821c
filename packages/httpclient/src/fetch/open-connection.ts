import type { AbsoluteUrl } from '@landspout/http1/protocol';
import { IOLoop } from '@landspout/ioloop';
import { onAbort } from '@landspout/ioloop/reactor';
import { type IOStream, type Resolver, StreamUsageError, SystemResolver } from '@landspout/iostream';
import { originOf } from '../pool/origin.ts';
import { checkTls, usageError } from '../request/tls-check.ts';
import { ConnectAttempt } from './connect-attempt.ts';
import { Dialer } from './dialer.ts';
import { type RouteOptions, routeOf } from './route.ts';

export interface OpenConnectionOptions extends RouteOptions {
  /** Resolves host names. Default: a `SystemResolver`. */
  readonly resolver?: Resolver | undefined;
  /** Aborts opening. Pass one with a deadline: there is no other limit. */
  readonly signal?: AbortSignal | undefined;
  /** Default: the loop of this thread. */
  readonly loop?: IOLoop | undefined;
}

/**
 * Opens a connection on which the server itself is spoken to: directly, to a Unix socket, or through a proxy, with TLS
 * if the URL is an https URL. Through an HTTP proxy, a tunnel is opened for http URLs too, because the protocol that
 * follows is none that the proxy knows.
 *
 * @param operation - names the caller in messages, such as `websocketConnect`.
 * @param url - of the server, with the scheme `http` or `https`.
 * @returns a stream that the caller must close.
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if an option is invalid; HTTPProxyError `ERR_HTTPCLIENT_PROXY`;
 *   the errors of `TCPClient.connect`; the reason of `signal`. No connection stays open.
 */
export async function openConnection(
  operation: string,
  url: AbsoluteUrl,
  options: OpenConnectionOptions = {},
): Promise<IOStream> {
  const { signal, loop = IOLoop.current(), resolver = new SystemResolver(), tls } = options;
  if (tls !== undefined) checkTls(operation, tls, loop);
  const origin = { ...originOf(url, routeOf(operation, options, {}, url, false)), absoluteForm: false };
  signal?.throwIfAborted();
  const attempt = new ConnectAttempt(loop.clock);
  const stopListening = onAbort(signal, (reason) => attempt.abort(reason));
  try {
    return await new Dialer(loop, resolver, undefined).openStream(origin, attempt);
  } catch (error) {
    throw error instanceof StreamUsageError ? usageError(operation, error) : error;
  } finally {
    stopListening();
  }
}
