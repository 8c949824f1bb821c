import { excerpt } from '@landspout/ioloop/errors';
import { Http1UsageError } from '../grammar/errors.ts';

/** An absolute URL, taken apart into what a connection and a request need. */
export interface AbsoluteUrl {
  /** In lower case, without the colon. */
  readonly scheme: string;
  /** A name or a numeric address, an IPv6 address without its brackets. */
  readonly host: string;
  /** 1 to 65535; the default of the scheme if the URL has none. */
  readonly port: number;
  /** `host[:port]`, as the Host header has it. */
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
  /** `undefined` if there is none; it is nowhere else. */
  readonly userInformation: { readonly username: string; readonly password: string } | undefined;
  readonly hasFragment: boolean;
  /** Without user information and fragment. */
  readonly href: string;
}

/** The schemes that a caller can connect to, with the default port of each. */
export type DefaultPorts = Readonly<Record<string, number>>;

/**
 * What the URL parser of the web platform repairs in silence, or reads in another way than RFC 3986: blanks and
 * controls (CR and LF among them), backslashes, lone surrogates. A repaired URL may go elsewhere than a check before
 * us understood (ATT-38), so it is refused.
 */
const UNFIT = /[\p{Cc} \\]|\p{Surrogate}/u;
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
/** RFC 3986 §3.2: the authority ends before the first slash, question mark or number sign. */
const AUTHORITY = /^[^:]*:\/\/(?:([^/?#]*)@)?([^/?#]*)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII.
const ASCII = /^[\x00-\x7f]*$/;

const MAX_SHOWN = 80;

/**
 * Reads a URL that is to be connected to: what every client of this stack accepts, and nothing else.
 *
 * It must be absolute, with a scheme of `defaultPorts`, `//` and a host. A URL that the parser of the web platform
 * would silently turn into another one is refused: `http:///a/` and `http:a` (both are fetched from `a` by browsers),
 * blanks and backslashes, and a host such as `0x7f.1` or `%61` that stands for another spelling. Names that are not
 * ASCII become punycode, and dots in the path are resolved.
 *
 * @throws Http1UsageError `ERR_HTTP1_URL_SCHEME` for a scheme that is not in `defaultPorts`, `ERR_HTTP1_URL` for
 *   everything else. The message shows the URL clipped and escaped, without user information.
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
      'it has a blank, a control character, a backslash or a lone surrogate, which must be percent-encoded',
    );
  }
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase() ?? refuse('it has no scheme');
  const defaultPort = Object.hasOwn(defaultPorts, scheme) ? defaultPorts[scheme] : undefined;
  if (defaultPort === undefined) throw wrongScheme(scheme, text, defaultPorts);
  const [, user, hostAndPort] = AUTHORITY.exec(text) ?? refuse(`"//" and a host must follow "${scheme}:"`);
  if (user?.includes('@')) refuse('an "@" in the user information must be written as %40');
  const host = hostAndPort?.replace(/:[^:\]]*$/, '') ?? '';
  if (host === '') refuse('there is no host between "//" and what follows');
  if (/^\[.*%/.test(host)) refuse('an IPv6 address in a URL has no zone');
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    return refuse('its host or port is not valid', error);
  }
  if (!isAsWritten(host, url.hostname)) refuse(`its host would be read as "${url.hostname}": write that`);
  if (url.port === '0') refuse('nothing can be reached at port 0');
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
    target: url.pathname + url.search,
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
 * Whether the parser took the host for what it says. It decodes escapes, turns `127.1` and `0x7f000001` into
 * `127.0.0.1`, and maps look-alikes such as full-width digits to ASCII: a filter that compared the text has seen
 * another host. Names that become punycode are what IDNA is for.
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
 * Quotes a URL for a message: clipped, escaped, and without user information. A URL that was refused may have it
 * anywhere, so that everything up to the last "@" is masked.
 */
function shownUrl(text: string): string {
  return excerpt(text.replace(/^((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]*).*@/s, '$1***@'), MAX_SHOWN);
}
