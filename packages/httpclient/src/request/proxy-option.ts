import type { HTTPHeadersInit } from '@landspout/http1';
import type { TlsClientOptions } from '@landspout/iostream';

/** A proxy with its credentials. Values in the URL are percent-encoded; the other options are not. */
export interface ProxyOptions {
  /**
   * `http://host:port`, `https://host:port` or `socks5://host:port`, with `user:password@` before the host if the proxy
   * needs credentials. `socks5h:` is the same as `socks5:`: the proxy resolves names. Without a scheme, `http:` is
   * assumed. Default ports: 80, 443 and 1080.
   */
  readonly url: string | URL;
  /** Credentials, which must then not be in the URL. */
  readonly username?: string;
  /** Default: empty. */
  readonly password?: string;
  /**
   * How an HTTP proxy authenticates the client. Basic credentials are sent with the first request; for `'digest'`, the
   * client waits for a challenge. Default: `'basic'`.
   */
  readonly auth?: 'basic' | 'digest';
  /** Header fields for an HTTP proxy. They are not sent to the server if the connection is a tunnel. */
  readonly headers?: HTTPHeadersInit;
  /** TLS options for the connection to an `https:` proxy. Proxies with different objects do not share connections. */
  readonly tls?: TlsClientOptions;
}

/** How a caller names a proxy: its URL, or its URL and more. */
export type ProxyOption = string | URL | ProxyOptions;

/** The server that a request is for. */
export interface ProxiedTarget {
  /** `http` or `https`. */
  readonly scheme: string;
  /** A name or an address, with or without brackets. */
  readonly host: string;
  readonly port: number;
}

/** A `ProxySettings`. */
export interface CheckedProxy {
  readonly kind: string;
  readonly key: string;
}

/** Chooses a proxy for each request, as `EnvironmentProxies` does. */
export interface ProxyChooser {
  /** Returns the proxy for a server, as an option or already checked; `undefined` for a connection without one. */
  proxyFor(target: ProxiedTarget): ProxyOption | CheckedProxy | undefined;
}
