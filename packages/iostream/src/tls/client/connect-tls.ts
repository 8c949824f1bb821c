import { IOLoop } from '@landspout/ioloop';
import { withCallerStack } from '@landspout/ioloop/reactor';
import type { Transport } from '../../transport.ts';
import type { TlsClientOptions } from '../options.ts';
import { ClientContext } from './client-context.ts';
import { nativeTls, resolveTlsClientOptions, type TlsClientSettings } from './client-settings.ts';
import { secureOnDescriptor } from './native-client.ts';
import { secureOnSocket } from './node-client.ts';

/**
 * Performs the client's side of the TLS handshake on an open connection. The server's certificate must verify and match
 * `servername`, unless `rejectUnauthorized` is false.
 *
 * @param transport - taken over in any case, and closed if the handshake fails.
 * @param options.servername - a host name or a numeric address; required, because a certificate proves nothing without
 *   it.
 * @param signal - aborts the handshake.
 * @throws StreamConnectError `ERR_STREAM_TLS`, with the error of the TLS library or the system as its cause;
 *   StreamTimeoutError `ERR_STREAM_TIMEOUT` after `handshakeTimeoutMs`; StreamUsageError `ERR_STREAM_USAGE` if an
 *   option is invalid; the reason of `signal` if it aborts.
 */
export async function connectTls(
  transport: Transport,
  options: TlsClientOptions & { readonly servername: string },
  signal?: AbortSignal,
  loop: IOLoop = IOLoop.current(),
): Promise<Transport> {
  let settings: TlsClientSettings;
  try {
    signal?.throwIfAborted();
    settings = resolveTlsClientOptions(options, loop);
  } catch (error) {
    transport.close();
    throw error;
  }
  try {
    return await secureClient(transport, settings, signal, loop);
  } catch (error) {
    throw withCallerStack(error);
  }
}

/**
 * As {@link connectTls}, for options that are already checked. The native calls are used if they are available, the
 * transport is a descriptor on the reactor and the context was made from options; otherwise node:tls.
 */
export async function secureClient(
  transport: Transport,
  settings: TlsClientSettings,
  signal: AbortSignal | undefined,
  loop: IOLoop,
): Promise<Transport> {
  const { context } = settings;
  const { reactor } = loop;
  const binding = nativeTls(loop);
  if (reactor !== undefined && binding !== undefined && context instanceof ClientContext) {
    // Read them now: a transport that has released its descriptor no longer knows them.
    const { localAddress, remoteAddress, proxied } = transport;
    const descriptor = transport.takeDescriptor?.();
    if (descriptor !== undefined) {
      const from = { loop, reactor, binding, descriptor, localAddress, remoteAddress, proxied };
      return secureOnDescriptor(from, context, settings, signal);
    }
  }
  return secureOnSocket(transport, settings, signal, loop);
}
