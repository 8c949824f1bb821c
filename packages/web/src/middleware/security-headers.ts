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
  /** How long browsers use https only. 0 makes them forget it. Default: one year. */
  readonly maxAgeSeconds?: number;
  /** Whether it applies to all subdomains too: each of them must have https. Default: false. */
  readonly includeSubDomains?: boolean;
  /** Consent to the lists built into browsers, which are hard to leave. Needs `includeSubDomains`. Default: false. */
  readonly preload?: boolean;
}

/** `false` turns a header off. */
export interface SecurityHeadersOptions {
  /** `X-Content-Type-Options: nosniff`. Default: true. */
  readonly contentTypeOptions?: boolean;
  /**
   * The sites that may show a page in a frame: `'none'`, `'self'`, or a list of sources such as
   * `["'self'", 'https://example.com']`. Sent as `frame-ancestors` in `Content-Security-Policy`, and as
   * `X-Frame-Options`, which cannot express a list. Default: `'self'`, or what `contentSecurityPolicy` says.
   */
  readonly frameAncestors?: 'none' | 'self' | readonly string[] | false;
  /** `Referrer-Policy`. Default: `'strict-origin-when-cross-origin'`. */
  readonly referrerPolicy?: ReferrerPolicy | false;
  /** `Strict-Transport-Security`, sent over https only. Default: one year, without subdomains. */
  readonly strictTransportSecurity?: StrictTransportSecurityOptions | false;
  /** `Content-Security-Policy`, such as `"default-src 'self'"`. Default: `frameAncestors` only. */
  readonly contentSecurityPolicy?: string | false;
  /** `Cross-Origin-Opener-Policy`. Default: `'same-origin'`, which separates a page from login pop-ups of other sites. */
  readonly crossOriginOpenerPolicy?:
    | 'same-origin'
    | 'same-origin-allow-popups'
    | 'noopener-allow-popups'
    | 'unsafe-none'
    | false;
  /** `Cross-Origin-Resource-Policy`: who may embed responses, such as images. Default: `'same-origin'`. */
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
 * Creates middleware that sets headers which restrict what browsers allow other sites to do with the responses, also
 * with error pages. A header that the handler has set is kept; to send none for one response, remove it in a
 * `beforeHeaders` of the handler or of middleware that runs later.
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
  // Two functions for all requests.
  const addOverHttp = adding(always);
  const addOverHttps = adding(overHttps);
  return function securityHeaders({ request, response }, next) {
    response.beforeHeaders(request.isSecure ? addOverHttps : addOverHttp);
    return next();
  };
}

/** Returns a hook that adds those of the headers that the response does not have. */
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
    // Browsers ignore X-Frame-Options if the policy names the ancestors (CSP 3 §6.4.2.2).
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

/** A header has no line breaks; a comma would start another policy, and a semicolon at the end is of no use. */
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
