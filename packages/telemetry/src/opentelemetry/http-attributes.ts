/** Pure functions from what HTTP messages contain to the values of OpenTelemetry's semantic conventions for HTTP. */

/** The methods that the conventions know; any other is reported as `_OTHER`, because a client can send any token. */
const METHODS = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY'],
]);

const REDACTED = 'REDACTED';

/** Maximum length of an attribute value that a peer chose. The SDK has no limit by default. */
const MAX_CHARS = 1024;

/** Names of parameters whose values are credentials: of forms and links, and of signed URLs (AWS, Google, Azure). */
const SECRET_NAMES =
  /^(?:code|state|sig|sid|auth|authorization|jwt|pass|pwd|AWSAccessKeyId)$|(?:token|secret|password|passwd|api[-_]?key|signature|credential|session|assertion|hmac)/i;

/** Whether the query of a URL is recorded: not at all, all of it, or only the values of parameters of these names. */
export type QueryRecording = boolean | readonly string[];

/** The attributes of a method. @param method - as sent, case-sensitive. */
export function methodAttributes(method: string): Record<string, string> {
  if (METHODS.has(method)) return { 'http.request.method': method };
  return { 'http.request.method': '_OTHER', 'http.request.method_original': clipped(method) };
}

/** The name of a span: the method, or `HTTP` for unknown methods, and the route or template if it is known. */
export function httpSpanName(method: string, route: string | undefined): string {
  const known = METHODS.has(method) ? method : 'HTTP';
  return route === undefined ? known : `${known} ${route}`;
}

/** The path and query of a request target (RFC 9112 §3.2), without the user information that an absolute one can have. */
export function targetParts(target: string): { readonly path: string; readonly query: string | undefined } {
  let rest = target;
  if (!target.startsWith('/')) {
    const authority = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i.exec(target);
    // The target is `*`, or the authority of CONNECT.
    if (authority === null) return { path: clipped(target), query: undefined };
    rest = target.slice(authority[0].length);
  }
  const end = rest.indexOf('?');
  const path = end === -1 ? rest : rest.slice(0, end);
  return { path: clipped(path === '' ? '/' : path), query: end === -1 ? undefined : rest.slice(end + 1) };
}

/** The attributes of a `Host` header or of the authority of a URL. @param scheme - has a default port. */
export function authorityAttributes(
  authority: string | undefined,
  scheme: string,
): Record<string, string | number> {
  const parts = /^(?:\[([\da-f:.]+)\]|([^:[\]@\s]+))(?::(\d{1,5}))?$/i.exec(authority ?? '');
  if (parts === null) return {};
  const [, ipv6, name, port] = parts;
  const defaultPort = scheme === 'https' ? 443 : 80;
  return {
    'server.address': clipped((ipv6 ?? name ?? '').toLowerCase()),
    'server.port': port === undefined ? defaultPort : Number(port),
  };
}

/** A URL to record: without user information and fragment, and with the part of the query that may be recorded. */
export function recordedUrl(url: string, recording: QueryRecording): string {
  const [bare = ''] = url.split('#', 1);
  const withoutUser = bare.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/?#]*@/i, '$1');
  const end = withoutUser.indexOf('?');
  if (end === -1) return clipped(withoutUser);
  const query = recordedQuery(withoutUser.slice(end + 1), recording);
  const base = withoutUser.slice(0, end);
  return clipped(query === undefined ? base : `${base}?${query}`);
}

/**
 * The part of a query that may be recorded. With a list of names, the values of all other parameters are replaced; with
 * `true`, the values of parameters whose names are those of credentials.
 *
 * @returns undefined if nothing is recorded.
 */
export function recordedQuery(query: string, recording: QueryRecording): string | undefined {
  if (recording === false) return undefined;
  // Clipped first: a parameter that is cut off loses only characters of its own value.
  const parts = clipped(query).split('&');
  return parts.map((part) => recordedParameter(part, recording)).join('&');
}

function recordedParameter(part: string, recording: true | readonly string[]): string {
  const [encoded = ''] = part.split('=', 1);
  const name = decoded(encoded);
  const isOpen = recording === true ? !SECRET_NAMES.test(name) : recording.includes(name);
  if (isOpen) return part;
  return part.includes('=') ? `${encoded}=${REDACTED}` : REDACTED;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
}

export function clipped(text: string): string {
  return text.length > MAX_CHARS ? text.slice(0, MAX_CHARS) : text;
}

/** The value of `error.type`: the code of an error, or its name; both are from small sets. */
export function errorType(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '_OTHER';
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  // A DOMException has a number as its code, and a name.
  if (typeof code === 'string' && code !== '') return clipped(code);
  return typeof name === 'string' && name !== '' ? clipped(name) : '_OTHER';
}
