import { canonicalOrigin } from '@landspout/http1/protocol';
import { shownValue } from '@landspout/ioloop/errors';

/** The origins below a host: what their text begins and ends with. */
interface Subdomains {
  /** Such as `https://`. */
  readonly start: string;
  /** Such as `.example.com` or `.example.com:8443`. */
  readonly end: string;
}

/** `https://*.example.com`: a scheme, and a host with an optional port. */
const SUBDOMAINS = /^(https?:\/\/)\*\.(.+)$/i;
/** One or more labels of a host name, in the form in which browsers send them. */
const LABELS = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
/** An origin with a scheme of its own, as applications with an embedded browser have it: `app://localhost`. */
const OTHER_SCHEME = /^(?!(?:https?|wss?):)[a-z][a-z0-9+.-]*:\/\/[^\s/?#,\\@*]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII.
const ASCII = /^[\x00-\x7f]*$/;

/** The origins that `WebSocketHandler.allowedOrigins` of a class lists. */
export class AllowedOrigins {
  static readonly #parsed = new WeakMap<readonly string[], AllowedOrigins>();

  /** Parses a list, unless it was parsed before. @param list - as for the constructor. */
  static of(list: readonly string[]): AllowedOrigins {
    let origins = AllowedOrigins.#parsed.get(list);
    if (origins === undefined) {
      origins = new AllowedOrigins(list);
      AllowedOrigins.#parsed.set(list, origins);
    }
    return origins;
  }

  #allowsAll = false;
  readonly #exact = new Set<string>();
  readonly #subdomains: Subdomains[] = [];

  /** @param list - a list in which {@link allowedOriginsProblem} finds nothing. */
  constructor(list: readonly string[]) {
    for (const text of list) {
      const subdomains = subdomainsOf(text);
      if (text === '*') this.#allowsAll = true;
      else if (subdomains !== undefined) this.#subdomains.push(subdomains);
      else this.#exact.add(canonicalOrigin(text) ?? text);
    }
  }

  /**
   * Whether pages of an origin may connect. Only the forms that browsers send match. Upper case and the default port
   * make no difference for http and https.
   *
   * @param origin - the value of the Origin header.
   */
  allows(origin: string): boolean {
    if (this.#allowsAll || this.#exact.has(origin)) return true;
    // `canonicalOrigin` also accepts what a person may write, which no browser sends.
    const sent = ASCII.test(origin) && !origin.endsWith('/') ? canonicalOrigin(origin) : undefined;
    if (sent === undefined) return false;
    return this.#exact.has(sent) || this.#subdomains.some((one) => isBelow(sent, one));
  }
}

/**
 * Explains what is wrong with a list of allowed origins.
 *
 * @returns a part of an error message, with a remedy; `undefined` if nothing is wrong.
 */
export function allowedOriginsProblem(list: unknown): string | undefined {
  if (!Array.isArray(list)) {
    return `allowedOrigins must be an array of origins, got ${shownValue(list)}`;
  }
  for (const text of list as unknown[]) {
    if (text === 'null') {
      return "allowedOrigins must not contain 'null', which any sandboxed page sends; override checkOrigin to allow it";
    }
    if (typeof text === 'string' && isAllowable(text)) continue;
    const forms =
      "such as 'https://example.com', 'https://*.example.com' for its subdomains, or '*' for all origins";
    return `allowedOrigins: each element must be an origin ${forms}, got ${shownValue(text)}`;
  }
  return undefined;
}

function isAllowable(text: string): boolean {
  if (text === '*' || OTHER_SCHEME.test(text) || subdomainsOf(text) !== undefined) return true;
  return !text.includes('*') && canonicalOrigin(text) !== undefined;
}

function subdomainsOf(text: string): Subdomains | undefined {
  const [, start, host] = SUBDOMAINS.exec(text) ?? [];
  if (start === undefined || host === undefined || host.includes('*')) return undefined;
  const origin = canonicalOrigin(start + host);
  if (origin === undefined) return undefined;
  const scheme = start.toLowerCase();
  return { start: scheme, end: `.${origin.slice(scheme.length)}` };
}

/** @param origin - as `canonicalOrigin` returns it. */
function isBelow(origin: string, { start, end }: Subdomains): boolean {
  if (origin.length <= start.length + end.length) return false;
  if (!origin.startsWith(start) || !origin.endsWith(end)) return false;
  return LABELS.test(origin.slice(start.length, -end.length));
}
