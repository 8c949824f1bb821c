import { excerpt } from '@landspout/ioloop/errors';
import { Http1UsageError } from '../grammar/errors.ts';

/** The parts of an absolute URL that a connection and a request need. */
export interface AbsoluteUrl {
  /** In lower case, without the colon. */
  readonly scheme: string;
  /** A name or an IP address; an IPv6 address without brackets. */
  readonly host: string;
  /** 1 to 65535; the default port of the scheme if the URL has none. */
  readonly port: number;
  /** `host[:port]`, as in the Host header. */
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
  /** The decoded user information; `undefined` if there is none. The other properties do not contain it. */
  readonly userInformation: { readonly username: string; readonly password: string } | undefined;
  readonly hasFragment: boolean;
  /** Without user information and fragment. */
  readonly href: string;
}

/** The schemes that a client supports, with the default port of each. */
export type DefaultPorts = Readonly<Record<string, number>>;

/**
 * Characters that the WHATWG URL parser silently repairs or interprets differently from RFC 3986: spaces, control
 * characters (including CR and LF), backslashes, lone surrogates. A repaired URL may have another host than an earlier
 * check has seen (ATT-38), so the URL is refused.
 */
const UNFIT = /[\p{Cc} \\]|\p{Surrogate}/u;
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
/** RFC 3986 §3.2: the authority ends before the first slash, question mark or number sign. */
const AUTHORITY = /^[^:]*:\/\/(?:([^/?#]*)@)?([^/?#]*)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII.
const ASCII = /^[\x00-\x7f]*$/;

const MAX_SHOWN = 80;

/**
 * Parses the URL of a request. All clients of this stack accept exactly the URLs that this function accepts.
 *
 * The URL must be absolute, with a scheme in `defaultPorts`, `//` and a host. It is refused if the WHATWG URL parser
 * would silently change it: `http:///a/` and `http:a` (which browsers fetch from `a`), spaces and backslashes, or a
 * host such as `0x7f.1` or `%61` that is not in its normal spelling. Names that are not ASCII are converted to
 * punycode, and dot segments in the path are resolved.
 *
 * @throws Http1UsageError `ERR_HTTP1_URL_SCHEME` if the scheme is not in `defaultPorts`, `ERR_HTTP1_URL` if the URL is
 *   otherwise invalid. The message shows the URL clipped and escaped, without user information.
 *
 * @example
 * parseAbsoluteUrl('http://example.com/a?b', { http: 80, https: 443 }).port; // 80
 */
export function parseAbsoluteUrl(text: string, defaultPorts: DefaultPorts): AbsoluteUrl {
  const refuse = (why: string, cause?: unknown): never => {
    const expected = `an absolute URL such as ${Object.keys(defaultPorts)[0]}://host/path was expected`;
    throw new Http1UsageError('ERR_HTTP1_URL', `${expected}, not ${shownUrl(text)}: ${why}`, { cause });
  };
  if (UNFIT.test(text)) {
    refuse(
      'it contains a space, a control character, a backslash or a lone surrogate, which must be percent-encoded',
    );
  }
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase() ?? refuse('it has no scheme');
  const defaultPort = Object.hasOwn(defaultPorts, scheme) ? defaultPorts[scheme] : undefined;
  if (defaultPort === undefined) throw wrongScheme(scheme, text, defaultPorts);
  const [, user, hostAndPort] = AUTHORITY.exec(text) ?? refuse(`"//" and a host must follow "${scheme}:"`);
  if (user?.includes('@')) refuse('an "@" in the user information must be written as %40');
  const host = hostAndPort?.replace(/:[^:\]]*$/, '') ?? '';
  if (host === '') refuse('there is no host after "//"');
  if (/^\[.*%/.test(host)) refuse('an IPv6 address in a URL must not have a zone');
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    return refuse('its host or port is invalid', error);
  }
  if (!isAsWritten(host, url.hostname))
    refuse(`its host would be read as "${url.hostname}": write that instead`);
  if (url.port === '0') refuse('its port must be from 1 to 65535');
  const userInformation = user === undefined ? undefined : (decoded(url) ?? refuse(UNDECODABLE));
  url.username = '';
  url.password = '';
  const hasFragment = text.includes('#');
  url.hash = '';
  return {
    scheme,
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? defaultPort : Number(url.port),
    authority: url.host,
    // From the text, because `search` does not tell an empty query from none.
    target: url.href.slice(url.href.indexOf('/', scheme.length + '://'.length)),
    userInformation,
    hasFragment,
    href: url.href,
  };
}

const UNDECODABLE = 'its user information is not percent-encoded UTF-8';

function wrongScheme(scheme: string, text: string, defaultPorts: DefaultPorts): Http1UsageError {
  const schemes = Object.keys(defaultPorts).map((name) => `${name}:`);
  const detail = `a URL with ${schemes.join(' or ')} was expected, not ${excerpt(`${scheme}:`)} in ${shownUrl(text)}`;
  return new Http1UsageError('ERR_HTTP1_URL_SCHEME', detail);
}

/**
 * Whether the parser left the host unchanged. The parser decodes escapes, turns `127.1` and `0x7f000001` into
 * `127.0.0.1`, and maps look-alikes such as full-width digits to ASCII, so a filter that compares the text would see
 * another host. Only the conversion to punycode is allowed, because it is the purpose of IDNA.
 */
function isAsWritten(written: string, parsed: string): boolean {
  if (written.startsWith('[')) return true;
  if (ASCII.test(written)) return written.toLowerCase() === parsed;
  return parsed.split('.').some((label) => label.startsWith('xn--'));
}

function decoded(url: URL): AbsoluteUrl['userInformation'] {
  try {
    return { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  } catch {
    return undefined;
  }
}

/**
 * Formats a URL for a message: clipped, escaped and without user information. In an invalid URL, user information may
 * be anywhere, so everything up to the last "@" is masked.
 */
function shownUrl(text: string): string {
  return excerpt(text.replace(/^((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]*).*@/s, '$1***@'), MAX_SHOWN);
}
