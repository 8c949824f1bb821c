import { missingPeer } from '../missing-peer.ts';

const library = await import('linkify-it').catch((cause: unknown) => {
  throw missingPeer('linkify-it', cause);
});
export const { LinkifyIt } = library;

/**
 * The maximum number of characters of a link: RFC 9110 §4.1 recommends that software supports at least 8,000. A longer
 * URL is not linked, since a link to a part of it would lead to another page.
 */
export const MAX_LINK_CHARS = 8_000;

/** The longest user information that is looked for. */
const MAX_USER_INFO_CHARS = 256;

/** The patterns of linkify-it for one list of schemes, and those that we build from them. */
export class LinkPatterns extends library.REBuilder {
  /**
   * One label of a host name. The pattern of linkify-it accepts a label such as `xn--a` in two ways, so that a name of
   * ten such labels which ends in an invalid one is tried in 1,024 ways: 100 KB of them take 3.6 s.
   */
  override get_domain(): RegExp {
    const letter = this.get_pseudo_letter().source;
    this.cache.src_domain ??= new RegExp(`(?:${letter}(?:(?:-|${letter}){0,61}${letter})?)`);
    return this.cache.src_domain;
  }

  /** `//host:port` */
  get authority(): RegExp {
    this.cache.ourAuthority ??= new RegExp(`//${this.get_url_host_port().source}`, 'iy');
    return this.cache.ourAuthority;
  }

  /** The rest of a host name, and the port, after `www.`. */
  get wwwHost(): RegExp {
    const label = this.get_domain().source;
    const port = this.get_port().source;
    const end = this.get_host_terminator().source;
    this.cache.ourWwwHost ??= new RegExp(`(?:${label}\\.){0,10}${label}${port}${end}`, 'iy');
    return this.cache.ourWwwHost;
  }

  /** Path, query and fragment; may be empty. */
  get rest(): RegExp {
    this.cache.ourRest ??= new RegExp(this.get_path().source, 'iy');
    return this.cache.ourRest;
  }

  /** One to three slashes and a path, after a scheme of which nothing is known. */
  get opaque(): RegExp {
    this.cache.ourOpaque ??= new RegExp(`/{0,2}(?=/[^/])${this.get_path().source}`, 'iy');
    return this.cache.ourOpaque;
  }

  /** `//user:password@` */
  get userInfo(): RegExp {
    this.cache.ourUserInfo ??= new RegExp(`//[^\\s/?#@<>]{0,${MAX_USER_INFO_CHARS}}@`, 'y');
    return this.cache.ourUserInfo;
  }
}

/** Returns where a match of the sticky `pattern` at `at` ends; -1 if there is none. */
export function endOfMatch(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}
