import { type OptionNames, shownValue } from '@landspout/ioloop/errors';
import { WebUsageError, webChecks } from '../errors.ts';
import type { Middleware } from '../handler/lifecycle.ts';
import type { HeaderHook } from '../response/http-server-response.ts';

export type ReferrerPolicy =
  | 'no-referrer'
  | 'no-referrer-when-downgrade'
  | 'origin'
  | 'origin-when-cross-origin'
  | 'same-origin'
  | 'strict-origin'
  | 'strict-origin-when-cross-origin'
  | 'unsafe-url';

export interface StrictTransportSecurityOptions {
  /** How long browsers use only https for this host. 0 makes browsers forget the policy. Default: one year. */
  readonly maxAgeSeconds?: number;
  /** Whether the policy also applies to all subdomains, which must then all support https. Default: false. */
  readonly includeSubDomains?: boolean;
  /**
   * Allows inclusion in the preload lists of browsers; removal is slow. Requires `includeSubDomains`. Default: false.
   */
  readonly preload?: boolean;
}

/** Options of {@link securityHeaders}. `false` turns a header off. */
export interface SecurityHeadersOptions {
  /** `X-Content-Type-Options: nosniff`. Default: true. */
  readonly contentTypeOptions?: boolean;
  /**
   * The sites that may show a page in a frame: `'none'`, `'self'`, or a list of sources such as
   * `["'self'", 'https://example.com']`. Sent as `frame-ancestors` in `Content-Security-Policy`, and as
   * `X-Frame-Options`, which cannot express a list. Default: `'self'`, unless `contentSecurityPolicy` contains
   * `frame-ancestors`.
   */
  readonly frameAncestors?: 'none' | 'self' | readonly string[] | false;
  /** `Referrer-Policy`. Default: `'strict-origin-when-cross-origin'`. */
  readonly referrerPolicy?: ReferrerPolicy | false;
  /** `Strict-Transport-Security`, sent over https only. Default: one year, without subdomains. */
  readonly strictTransportSecurity?: StrictTransportSecurityOptions | false;
  /** `Content-Security-Policy`, such as `"default-src 'self'"`. Default: `frameAncestors` only. */
  readonly contentSecurityPolicy?: string | false;
  /**
   * `Cross-Origin-Opener-Policy`. Default: `'same-origin'`, which also cuts the link between a page and login pop-ups
   * of other sites.
   */
  readonly crossOriginOpenerPolicy?:
    | 'same-origin'
    | 'same-origin-allow-popups'
    | 'noopener-allow-popups'
    | 'unsafe-none'
    | false;
  /** `Cross-Origin-Resource-Policy`: which sites may embed responses, such as images. Default: `'same-origin'`. */
  readonly crossOriginResourcePolicy?: 'same-origin' | 'same-site' | 'cross-origin' | false;
}

const SECURITY_OPTIONS: OptionNames<SecurityHeadersOptions> = {
  contentTypeOptions: true,
  frameAncestors: true,
  referrerPolicy: true,
  strictTransportSecurity: true,
  contentSecurityPolicy: true,
  crossOriginOpenerPolicy: true,
  crossOriginResourcePolicy: true,
};
const TRANSPORT_OPTIONS: OptionNames<StrictTransportSecurityOptions> = {
  maxAgeSeconds: true,
  includeSubDomains: true,
  preload: true,
};

const REFERRER_POLICIES: readonly (ReferrerPolicy | false)[] = [
  'no-referrer',
  'no-referrer-when-downgrade',
  'origin',
  'origin-when-cross-origin',
  'same-origin',
  'strict-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
  false,
];
const OPENER_POLICIES: readonly SecurityHeadersOptions['crossOriginOpenerPolicy'][] = [
  'same-origin',
  'same-origin-allow-popups',
  'noopener-allow-popups',
  'unsafe-none',
  false,
];
const RESOURCE_POLICIES: readonly SecurityHeadersOptions['crossOriginResourcePolicy'][] = [
  'same-origin',
  'same-site',
  'cross-origin',
  false,
];

const YEAR_S = 365 * 24 * 3600;

type Header = readonly [name: string, value: string];

/**
 * Creates middleware that sets security headers on every response, including error pages. They restrict what browsers
 * allow other sites to do with the responses. A header that the handler has set is kept. To omit a header from one
 * response, remove it in a `beforeHeaders` hook of the handler or of later middleware.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is unknown or invalid.
 *
 * @example
 * new Application(routes, {
 *   middleware: [securityHeaders({ contentSecurityPolicy: "default-src 'self'", frameAncestors: 'none' })],
 * });
 */
export function securityHeaders(options: SecurityHeadersOptions = {}): Middleware {
  webChecks.options('securityHeaders', options, SECURITY_OPTIONS);
  const always = headersFor(options);
  const transport = transportSecurity(options.strictTransportSecurity ?? {});
  const overHttps = transport === undefined ? always : [...always, transport];
  // Only two hooks are created, which all requests share.
  const addOverHttp = adding(always);
  const addOverHttps = adding(overHttps);
  return function securityHeaders({ request, response }, next) {
    response.beforeHeaders(request.isSecure ? addOverHttps : addOverHttp);
    return next();
  };
}

/** Returns a hook that adds each of the headers that the response does not already have. */
function adding(headers: readonly Header[]): HeaderHook {
  return (response) => {
    for (const [name, value] of headers) {
      if (response.header(name) === undefined) response.headers.add(name, value);
    }
  };
}

function headersFor(options: SecurityHeadersOptions): Header[] {
  const {
    contentTypeOptions = true,
    referrerPolicy = 'strict-origin-when-cross-origin',
    crossOriginOpenerPolicy = 'same-origin',
    crossOriginResourcePolicy = 'same-origin',
  } = options;
  const headers: Header[] = [];
  if (webChecks.boolean('securityHeaders', 'contentTypeOptions', contentTypeOptions)) {
    headers.push(['X-Content-Type-Options', 'nosniff']);
  }
  headers.push(...policyHeaders(options));
  const add = <Value>(name: string, option: string, value: Value, known: readonly Value[]): void => {
    webChecks.oneOf('securityHeaders', option, value, known);
    if (value !== false) headers.push([name, String(value)]);
  };
  add('Referrer-Policy', 'referrerPolicy', referrerPolicy, REFERRER_POLICIES);
  add('Cross-Origin-Opener-Policy', 'crossOriginOpenerPolicy', crossOriginOpenerPolicy, OPENER_POLICIES);
  add(
    'Cross-Origin-Resource-Policy',
    'crossOriginResourcePolicy',
    crossOriginResourcePolicy,
    RESOURCE_POLICIES,
  );
  return headers;
}

function policyHeaders({ contentSecurityPolicy = false, frameAncestors }: SecurityHeadersOptions): Header[] {
  const policy = contentSecurityPolicy === false ? '' : requirePolicy(contentSecurityPolicy);
  if (/(?:^|;)\s*frame-ancestors\s/i.test(policy)) {
    // Browsers ignore X-Frame-Options if the policy contains frame-ancestors (CSP 3 §6.4.2.2).
    if (frameAncestors === undefined) return [['Content-Security-Policy', policy]];
    throw usage('contentSecurityPolicy contains frame-ancestors, so frameAncestors must not be given');
  }
  const sources = ancestorSources(frameAncestors ?? 'self');
  const ancestors = sources === undefined ? '' : `frame-ancestors ${sources}`;
  const whole = [policy, ancestors].filter((part) => part !== '').join('; ');
  const headers: Header[] = whole === '' ? [] : [['Content-Security-Policy', whole]];
  if (sources === "'none'") headers.push(['X-Frame-Options', 'DENY']);
  if (sources === "'self'") headers.push(['X-Frame-Options', 'SAMEORIGIN']);
  return headers;
}

/** Checks a policy: no line breaks, and no comma, which would start another policy. Removes a semicolon at the end. */
function requirePolicy(policy: unknown): string {
  const text = typeof policy === 'string' ? policy.trim().replace(/;$/, '') : '';
  if (/^[\x20-\x2b\x2d-\x7e]+$/.test(text)) return text;
  const expected = 'a policy such as "default-src \'self\'", of visible ASCII characters without commas';
  throw usage(`contentSecurityPolicy must be ${expected}, or false, got ${shownValue(policy)}`);
}

function ancestorSources(ancestors: unknown): string | undefined {
  if (ancestors === false) return undefined;
  if (ancestors === 'none' || ancestors === 'self') return `'${ancestors}'`;
  const isSource = (one: unknown): boolean =>
    typeof one === 'string' && /^[\x21-\x2b\x2d-\x3a\x3c-\x7e]+$/.test(one);
  if (Array.isArray(ancestors) && ancestors.length > 0 && ancestors.every(isSource))
    return ancestors.join(' ');
  const expected = "'none', 'self', false or a list of sources such as 'https://example.com'";
  throw usage(`frameAncestors must be ${expected}, got ${shownValue(ancestors)}`);
}

function transportSecurity(options: StrictTransportSecurityOptions | false): Header | undefined {
  if (options === false) return undefined;
  const operation = 'securityHeaders: strictTransportSecurity';
  webChecks.options(operation, options, TRANSPORT_OPTIONS);
  const { maxAgeSeconds = YEAR_S, includeSubDomains = false, preload = false } = options;
  webChecks.wholeNumber(operation, 'maxAgeSeconds', maxAgeSeconds, 0, 2 ** 31 - 1);
  webChecks.boolean(operation, 'includeSubDomains', includeSubDomains);
  webChecks.boolean(operation, 'preload', preload);
  if (preload && !(includeSubDomains && maxAgeSeconds >= YEAR_S)) {
    throw usage(
      'strictTransportSecurity: preload needs includeSubDomains, and maxAgeSeconds of at least one year',
    );
  }
  const subDomains = includeSubDomains ? '; includeSubDomains' : '';
  return ['Strict-Transport-Security', `max-age=${maxAgeSeconds}${subDomains}${preload ? '; preload' : ''}`];
}

function usage(problem: string): WebUsageError {
  return new WebUsageError('ERR_WEB_USAGE', `securityHeaders: ${problem}`);
}
