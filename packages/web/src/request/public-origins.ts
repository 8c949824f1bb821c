import { canonicalOrigin, isSameOrigin } from '@landspout/http1/protocol';
import { webChecks } from '../errors.ts';

/**
 * The origins at which browsers reach an application, in the form of `canonicalOrigin`; `forwarded` for the scheme and
 * host of each request; or `undefined` for the host of each request, with http or https.
 */
export type PublicOrigins = readonly string[] | 'forwarded' | undefined;

/** The parts of a request on which its origin depends. */
export interface RequestSite {
  readonly protocol: 'http' | 'https';
  /** `host[:port]`. */
  readonly host: string;
}

/** Checks the setting `publicOrigin`. @throws WebUsageError `ERR_WEB_USAGE` if it is invalid. */
export function publicOriginsOf(setting: unknown): PublicOrigins {
  if (setting === undefined || setting === 'forwarded') return setting;
  const origins = Array.isArray(setting) ? setting : [setting];
  if (origins.length === 0) throw wrongSetting(setting);
  return origins.map((text: unknown) => {
    const origin = canonicalOrigin(text as string);
    // `*` is refused: patterns are not supported, and no page has such an origin.
    if (origin === undefined || origin.includes('*')) throw wrongSetting(text);
    return origin;
  });
}

/** Returns the origins to compare an `Origin` with; `undefined` for the host of the request, with http or https. */
export function ownOriginsOf(origins: PublicOrigins, site: RequestSite): readonly string[] | undefined {
  if (origins !== 'forwarded') return origins;
  const origin = canonicalOrigin(requestOrigin(site));
  return origin === undefined ? [] : [origin];
}

/**
 * Returns the origin for absolute URLs in the response. If the application has several origins, it is the one that the
 * client used, or else the first. If it has none, the origin has the host of the request, which the client can choose.
 */
export function publicOriginOf(origins: PublicOrigins, site: RequestSite): string {
  if (origins === undefined || origins === 'forwarded') return requestOrigin(site);
  const [first] = origins as readonly [string, ...string[]];
  if (origins.length === 1) return first;
  // If a proxy does not report the scheme of the client, `site.protocol` is the scheme behind the proxy.
  const withHost = origins.filter((origin) => isSameOrigin(origin, site.host));
  return withHost.find((origin) => origin.startsWith(`${site.protocol}:`)) ?? withHost[0] ?? first;
}

function requestOrigin({ protocol, host }: RequestSite): string {
  return `${protocol}://${host}`;
}

function wrongSetting(value: unknown): Error {
  const expected = "an origin such as https://example.com, a list of them, or 'forwarded'";
  return webChecks.wrong('Application', `publicOrigin: ${expected}`, value);
}
