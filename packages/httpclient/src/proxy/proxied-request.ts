import type { AbsoluteUrl, HTTPHeaders } from '@landspout/http1/protocol';
import { splitHostAndPort } from '@landspout/http1/protocol';
import { shownText } from '@landspout/ioloop/errors';
import { HTTPClientUsageError } from '../request/usage.ts';
import type { ProxySettings } from './proxy-settings.ts';

const PROXY_AUTHORIZATION = 'Proxy-Authorization';
/** What the value of a header field may contain (RFC 9110 §5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What the head of a request has in addition if it goes to an HTTP proxy. */
export interface AbsoluteForm {
  /** The target of the request: the URL without user information and fragment (RFC 9112 §3.2.2). */
  readonly target: string;
  /** Header fields for the proxy, to be added to those of the request. */
  readonly headers: HTTPHeaders;
}

/**
 * Returns the target and the headers with which an http URL is requested from an HTTP proxy. Requests for https URLs
 * use a tunnel instead, and requests through SOCKS5 do not differ from others.
 *
 * The headers may contain credentials for the proxy: they must not be sent to another server or proxy, so call this
 * function for each hop of a redirect.
 *
 * @param authorization - a value of Proxy-Authorization that responds to a challenge. Default: basic credentials, if
 *   the settings have any.
 * @throws HTTPClientUsageError if `authorization` must not be sent.
 */
export function absoluteForm(
  settings: ProxySettings,
  url: AbsoluteUrl,
  authorization?: string,
): AbsoluteForm {
  return {
    target: url.href,
    headers: withAuthorization(settings, authorization),
  };
}

/** Returns the headers of a CONNECT request, Host included (RFC 9110 §7.2). */
export function connectHeaders(
  settings: ProxySettings,
  authority: string,
  authorization?: string,
): HTTPHeaders {
  return withAuthorization(settings, authorization).set('Host', authority);
}

/** Formats `host:port` as the target of a CONNECT request. @param host - an IPv6 address may have brackets or not. */
export function connectAuthority(host: string, port: number): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** @throws HTTPClientUsageError if `authority` is not a host and a port from 1 to 65535 (RFC 9110 §9.3.6). */
export function requireAuthority(operation: string, authority: string): void {
  const port = typeof authority === 'string' ? splitHostAndPort(authority)?.port : undefined;
  if (port !== undefined && port > 0) return;
  const shown = shownText(String(authority));
  throw new HTTPClientUsageError(
    'ERR_HTTPCLIENT_USAGE',
    `${operation}: authority must be host:port with a port from 1 to 65535, got ${shown}`,
  );
}

function withAuthorization(settings: ProxySettings, authorization = settings.authorization): HTTPHeaders {
  const { headers } = settings;
  if (authorization === undefined) return headers;
  // Checked here, because the message of HTTPHeaders would show the credentials.
  if (typeof authorization !== 'string' || !FIELD_VALUE.test(authorization)) {
    const message = `${PROXY_AUTHORIZATION} must be text without control characters`;
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', message);
  }
  return headers.set(PROXY_AUTHORIZATION, authorization);
}
