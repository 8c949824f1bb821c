import { formatHttpDate, type HTTPHeaders } from '@landspout/http1';
import { AVAILABLE_CODINGS } from '@landspout/http1/content-coding';
import type { AbsoluteUrl } from '@landspout/http1/protocol';
import { basicCredentials } from '../auth/credentials.ts';
import {
  type BasicAuth,
  type HTTPRequest,
  headersFrom,
  type RequestDefaults,
} from '../request/http-request.ts';
import { contentTypeOf, type OutgoingBody } from '../request/request-body.ts';
import { HTTPClientUsageError } from '../request/usage.ts';
import type { FetchSettings } from './fetch-settings.ts';

/** What determines the head of a hop, apart from the options of the request. */
export interface HopFacts {
  readonly url: AbsoluteUrl;
  /** The credentials for basic authentication. */
  readonly auth: BasicAuth | undefined;
  readonly method: string;
  readonly body: OutgoingBody;
  readonly isRedirected: boolean;
  /** Redirects have left the origin, so credentials of the caller are not sent any more. */
  readonly withoutCredentials: boolean;
  /** A redirect has turned the request into a GET, so the header fields about its body are not sent any more. */
  readonly withoutContent: boolean;
}

/** Header fields of a hop that change each time it is sent. */
export interface HopExtras {
  /** The value of Cookie, from a cookie jar; '' for none. The caller's own header takes precedence. */
  readonly cookie?: string | undefined;
  readonly authorization?: string | undefined;
  readonly proxyAuthorization?: string | undefined;
}

const ACCEPT_ENCODING = AVAILABLE_CODINGS.join(', ');

/** Sent with a POST whose body does not say what it is, as in Tornado. */
const FORM_TYPE = 'application/x-www-form-urlencoded';

/** Header fields that must not reach another origin. */
const CREDENTIALS = ['Authorization', 'Cookie', 'Proxy-Authorization'];
/** Header fields about a body that is not sent. */
const CONTENT = [
  'Content-Length',
  'Content-Type',
  'Content-Encoding',
  'Content-Language',
  'Content-Location',
  'Transfer-Encoding',
  'Expect',
];

/**
 * Returns the header fields of a hop: those of the request, those of the client's defaults, and those that the client
 * adds unless one of the others has set them.
 *
 * @throws HTTPClientUsageError if a header must not be sent.
 */
export function hopHeaders(
  request: HTTPRequest,
  defaults: RequestDefaults['headers'],
  settings: FetchSettings,
  hop: HopFacts,
  extras: HopExtras,
): HTTPHeaders {
  const headers = requestedHeaders(request, defaults, hop);
  const { options } = request;
  const { method, body, auth } = hop;
  const addWhereMissing = (name: string, value: string): void => {
    if (headers.has(name)) return;
    for (const pair of headersFrom([[name, value]])) headers.add(...pair);
  };
  if (settings.userAgent !== '') addWhereMissing('User-Agent', settings.userAgent);
  // Of a compressed representation, a server sends no range; so the Fetch standard asks for none too.
  const codings = headers.has('Range') ? 'identity' : ACCEPT_ENCODING;
  if (settings.decompressResponse) addWhereMissing('Accept-Encoding', codings);
  if (extras.cookie !== undefined && extras.cookie !== '') addWhereMissing('Cookie', extras.cookie);
  if (extras.authorization !== undefined) addWhereMissing('Authorization', extras.authorization);
  if (auth !== undefined) addWhereMissing('Authorization', basicCredentials(auth));
  if (options.ifModifiedSince !== undefined)
    addWhereMissing('If-Modified-Since', httpDate(options.ifModifiedSince));
  if (body.kind !== 'none') {
    const isForm = method === 'POST' && body.kind === 'bytes' && request.encodedBody === undefined;
    const contentType = contentTypeOf(body) ?? (isForm ? FORM_TYPE : undefined);
    if (contentType !== undefined) addWhereMissing('Content-Type', contentType);
    if (settings.expectContinue) addWhereMissing('Expect', '100-continue');
  }
  return headers;
}

/** Host, the header fields of the defaults, and those of the request, which take precedence. */
function requestedHeaders(
  request: HTTPRequest,
  defaults: RequestDefaults['headers'],
  { url, isRedirected, withoutCredentials, withoutContent }: HopFacts,
): HTTPHeaders {
  const own = request.headers.copy();
  const added = headersFrom(defaults ?? []);
  const hosts = own.getList('Host');
  for (const fields of [own, added]) {
    if (withoutCredentials) for (const name of CREDENTIALS) fields.delete(name);
    if (withoutContent) for (const name of CONTENT) fields.delete(name);
  }
  // Headers are added in the order in which they are sent: RFC 9110 §7.2 recommends that Host is first.
  const headers = headersFrom({ Host: hosts.length > 0 && !isRedirected ? hosts : url.authority });
  own.delete('Host');
  added.delete('Host');
  for (const [name, value] of added) if (!own.has(name)) headers.add(name, value);
  for (const [name, value] of own) headers.add(name, value);
  return headers;
}

function httpDate(date: Date): string {
  if (!(date instanceof Date) || Number.isNaN(date.getTime()))
    throw new HTTPClientUsageError('ERR_HTTPCLIENT_USAGE', 'ifModifiedSince must be a valid Date');
  return formatHttpDate(date.getTime());
}
