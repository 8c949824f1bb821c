import type { IOLoop } from '@landspout/ioloop';
import { type IOStream, startTls, type TlsClientOptions } from '@landspout/iostream';
import { HTTPProxyError, unreachable } from './errors.ts';
import { checkTunnelOptions, openTunnel, type TunnelOptions } from './http-tunnel.ts';
import { connectAuthority } from './proxied-request.ts';
import type { ProxySettings } from './proxy-settings.ts';
import { connectThroughSocks5 } from './socks5.ts';

/** Where {@link DialProxy} connects to. */
export interface ProxyAddress {
  readonly host: string;
  readonly port: number;
  /** Set for a proxy that is reached with TLS; the host must match its certificate. */
  readonly tls: true | TlsClientOptions | undefined;
}

/** Opens a connection to a proxy, for example with a `TCPClient`. */
export type DialProxy = (address: ProxyAddress, signal: AbortSignal | undefined) => Promise<IOStream>;

/**
 * Connects to a proxy. This connection is what requests for http URLs use through an HTTP proxy: see `absoluteForm`.
 *
 * @throws HTTPProxyError with the error of `dial` as its cause; the reason of `signal`.
 */
export async function dialProxy(
  settings: ProxySettings,
  dial: DialProxy,
  signal: AbortSignal | undefined,
): Promise<IOStream> {
  const { host, port, kind, tls } = settings;
  let stream: IOStream;
  try {
    stream = await dial({ host, port, tls: kind === 'https' ? (tls ?? true) : undefined }, signal);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw unreachable(settings.name, error);
  }
  if (!signal?.aborted) return stream;
  stream.close();
  throw signal.reason;
}

/**
 * Connects to a server through a proxy of any kind. To use TLS with the server, call {@link secureTunnel} next.
 *
 * @param server - the server; a numeric host may have brackets or not. The proxy resolves a name.
 * @param options - as for {@link openTunnel}, without `reconnect`, since `dial` is called for each connection. The
 *   authentication options have no effect for SOCKS5. `timeoutMs` does not include the time for connecting.
 * @returns a stream that is connected to the server.
 * @throws HTTPProxyError; HTTPClientUsageError if an argument is invalid; the reason of `signal`. No connection stays
 *   open.
 */
export async function dialThroughProxy(
  settings: ProxySettings,
  server: { readonly host: string; readonly port: number },
  dial: DialProxy,
  options: Omit<TunnelOptions, 'reconnect'> = {},
): Promise<IOStream> {
  checkTunnelOptions('dialThroughProxy', options);
  const { signal, timeoutMs } = options;
  const stream = await dialProxy(settings, dial, signal);
  if (settings.kind === 'socks5') {
    const host = server.host.replace(/^\[(.*)\]$/, '$1');
    return connectThroughSocks5(stream, host, server.port, settings, {
      signal,
      timeoutMs,
    });
  }
  const reconnect = (either: AbortSignal): Promise<IOStream> => dialProxy(settings, dial, either);
  return openTunnel(stream, connectAuthority(server.host, server.port), settings, { ...options, reconnect });
}

export interface SecureTunnelOptions {
  /** `servername` is the host of the URL. Pass `sessions` to resume the sessions of earlier connections. */
  readonly tls: TlsClientOptions & { readonly servername: string };
  readonly signal?: AbortSignal | undefined;
  readonly loop?: IOLoop | undefined;
}

/**
 * Performs the TLS handshake with a server through an open tunnel.
 *
 * In TLS the client speaks first. Bytes that arrived before are not from the server but from the proxy, and are refused
 * rather than read as if TLS protected them.
 *
 * @param stream - cannot be used after this call. It is closed if the call fails.
 * @throws as `startTls`: StreamConnectError `ERR_STREAM_TLS`, StreamTimeoutError, the reason of `signal`. These concern
 *   the server. HTTPProxyError if the proxy sent bytes before the handshake or closed the tunnel.
 */
export async function secureTunnel(
  stream: IOStream,
  settings: ProxySettings,
  { tls, signal, loop }: SecureTunnelOptions,
): Promise<IOStream> {
  try {
    if (stream.bufferedBytes > 0) {
      const message = `it sent ${stream.bufferedBytes} bytes into the tunnel before the TLS handshake`;
      throw new HTTPProxyError(settings.name, message);
    }
    if (stream.isClosed || stream.isEnded)
      throw new HTTPProxyError(settings.name, 'it closed the tunnel', {
        cause: stream.error,
      });
    return await startTls(stream, {
      server: false,
      tls,
      ...(signal === undefined ? {} : { signal }),
      ...(loop === undefined ? {} : { loop }),
    });
  } catch (error) {
    // Has no effect on a transport that was taken over: the handshake closes it.
    stream.close(error instanceof Error ? error : undefined);
    throw error;
  }
}
