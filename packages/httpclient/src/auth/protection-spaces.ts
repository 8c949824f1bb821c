import type { OptionNames } from '@landspout/ioloop/errors';
import { INSPECT, inspection } from '@landspout/ioloop/inspection';
import { clientChecks } from '../request/usage.ts';
import type { Credentials } from './credentials.ts';
import type { DigestBody, DigestSession } from './digest-session.ts';

export interface ProtectionSpacesOptions {
  /** Maximum number of origins; if there are more, the least recently used one is forgotten. Default: 1,000. */
  readonly maxOrigins?: number;
  /** Maximum number of realms, or users, of one origin. Default: 8. */
  readonly maxSpacesPerOrigin?: number;
}

const OPTIONS: OptionNames<ProtectionSpacesOptions> = {
  maxOrigins: true,
  maxSpacesPerOrigin: true,
};

/**
 * Maximum number of URIs of a challenge that are used. A challenge may list thousands, and all are compared for each
 * request.
 */
const MAX_URIS = 32;

interface Space {
  readonly session: DigestSession;
  /** What the covered targets begin with; undefined for all targets. */
  readonly prefixes: readonly string[] | undefined;
}

/**
 * Remembers the challenges whose responses a server accepted, so that later requests are authenticated without being
 * challenged first. A protection space is an origin and a realm (RFC 9110 §11.5), here for one user.
 *
 * One for each client. Sessions contain credentials, and are kept as long as the client exists.
 */
export class ProtectionSpaces {
  readonly #maxOrigins: number;
  readonly #maxSpaces: number;
  /** The spaces of each origin, most recently used first. The origins are in order of use, oldest first. */
  readonly #origins = new Map<string, readonly Space[]>();

  /** @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE` if an option is unknown or invalid. */
  constructor(options: ProtectionSpacesOptions = {}) {
    const operation = 'ProtectionSpaces';
    clientChecks.options(operation, options, OPTIONS);
    this.#maxOrigins = clientChecks.wholeNumber(operation, 'maxOrigins', options.maxOrigins ?? 1_000);
    this.#maxSpaces = clientChecks.wholeNumber(
      operation,
      'maxSpacesPerOrigin',
      options.maxSpacesPerOrigin ?? 8,
    );
  }

  /** The number of origins that are remembered. */
  get originCount(): number {
    return this.#origins.size;
  }

  /** Returns the session to use for a request that was not challenged yet. */
  find(
    origin: string,
    credentials: Credentials,
    target: string,
    body: DigestBody,
  ): DigestSession | undefined {
    const spaces = this.#origins.get(origin);
    return spaces?.find(
      ({ session, prefixes }) => session.suits(credentials, body) && covers(prefixes, target),
    )?.session;
  }

  /** Remembers a session that the server accepted, in place of an older one for the same realm and user. */
  remember(origin: string, session: DigestSession, credentials: Credentials): void {
    const spaces = this.#origins.get(origin) ?? [];
    if (spaces[0]?.session === session) {
      this.#set(origin, spaces);
      return;
    }
    const known = spaces.find((space) => space.session === session);
    const others = spaces.filter(
      (space) =>
        space !== known && !(space.session.realm === session.realm && space.session.isFor(credentials)),
    );
    const space = known ?? {
      session,
      prefixes: prefixesOf(session.domain, origin),
    };
    this.#set(origin, [space, ...others].slice(0, this.#maxSpaces));
  }

  /** Forgets a session that the server refused. */
  forget(origin: string, session: DigestSession): void {
    const spaces = this.#origins.get(origin)?.filter((space) => space.session !== session);
    if (spaces === undefined) return;
    if (spaces.length === 0) this.#origins.delete(origin);
    else this.#origins.set(origin, spaces);
  }

  clear(): void {
    this.#origins.clear();
  }

  [INSPECT](): object {
    return inspection(this, ['originCount']);
  }

  /** Makes the origin the most recently used one. */
  #set(origin: string, spaces: readonly Space[]): void {
    this.#origins.delete(origin);
    this.#origins.set(origin, spaces);
    const [oldest] = this.#origins.keys();
    if (this.#origins.size > this.#maxOrigins && oldest !== undefined) this.#origins.delete(oldest);
  }
}

/**
 * Targets that are not paths, such as those that are sent to proxies, are all covered, because a proxy has one
 * protection space (RFC 7616 §3.3).
 */
function covers(prefixes: readonly string[] | undefined, target: string): boolean {
  if (prefixes === undefined || !target.startsWith('/')) return true;
  return prefixes.some((prefix) => target.startsWith(prefix));
}

/**
 * Returns the paths of the URIs that a challenge lists (RFC 7616 §3.3). Those of other origins are ignored: credentials
 * are not sent to a server because another server said so.
 */
function prefixesOf(domain: string, origin: string): string[] | undefined {
  if (domain === '' || !URL.canParse(origin)) return undefined;
  const base = new URL(origin);
  const prefixes: string[] = [];
  for (const uri of domain.split(' ', MAX_URIS)) {
    if (uri === '' || !URL.canParse(uri, origin)) continue;
    const url = new URL(uri, base);
    if (url.origin === base.origin) prefixes.push(url.pathname + url.search);
  }
  return prefixes;
}
