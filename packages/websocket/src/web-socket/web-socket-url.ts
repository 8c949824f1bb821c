import { HTTPRequest } from '@landspout/httpclient/connecting';
import { formatSubprotocols, WebSocketUsageError } from '../protocol/index.ts';

/** What the arguments of the constructor mean. */
export interface Destination {
  /** Serialized, as the property `url`. */
  readonly url: string;
  /** The origin of the URL, as the property `origin` of messages. */
  readonly origin: string;
  /** Without user information, and with basic authentication instead, if there was any. */
  readonly request: string | HTTPRequest;
}

/** The schemes that are accepted, and those that are connected to. */
const SCHEMES: ReadonlyMap<string, string> = new Map([
  ['ws:', 'ws:'],
  ['wss:', 'wss:'],
  ['http:', 'ws:'],
  ['https:', 'wss:'],
]);

/** Parses the URL as the WebSockets standard says. @throws DOMException `SyntaxError`. */
export function parseDestination(text: string): Destination {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The text is not shown: it may contain credentials.
    throw syntaxError('the URL is invalid');
  }
  const scheme = SCHEMES.get(url.protocol);
  if (scheme === undefined)
    throw syntaxError(`the scheme of the URL must be ws, wss, http or https, not "${url.protocol}"`);
  if (url.href.includes('#')) throw syntaxError('the URL must not have a fragment');
  url.protocol = scheme;
  const { href, origin, username, password } = url;
  if (username === '' && password === '') return { url: href, origin, request: href };
  url.username = '';
  url.password = '';
  const basicAuth = { username: decoded(username), password: decoded(password) };
  return { url: href, origin, request: new HTTPRequest(url.href, { basicAuth }) };
}

/** Checks the argument `protocols`. @throws DOMException `SyntaxError`. */
export function checkedProtocols(protocols: string | Iterable<string>): readonly string[] {
  const names = typeof protocols === 'string' ? [protocols] : Array.from(protocols, String);
  // Browsers compare them without regard to case.
  const different = new Set(names.map((name) => name.toLowerCase()));
  if (different.size < names.length) throw syntaxError('each subprotocol may be given only once');
  try {
    formatSubprotocols(names);
  } catch (error) {
    if (!(error instanceof WebSocketUsageError)) throw error;
    throw syntaxError(error.message);
  }
  return names;
}

export function syntaxError(message: string): DOMException {
  return new DOMException(`WebSocket: ${message}`, 'SyntaxError');
}

/** Percent-decodes user information; text that is not UTF-8 stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
