import { type Clock, systemClock } from '@landspout/ioloop';
import type { OptionNames } from '@landspout/ioloop/errors';
import { WebUsageError, webChecks } from '../errors.ts';
import type { TokenSet } from './token-set.ts';

/** Options of all providers. */
export interface ProviderOptions<User> {
  /** What the provider has assigned to this application. */
  readonly clientId: string;
  /** The secret that belongs to it. Default: none, for a public client, whose sign-ins only PKCE protects. */
  readonly clientSecret?: string | undefined;
  /**
   * Sends the requests to the provider, such as `new AsyncHTTPClient().toFetch()`. It must not follow redirects if it is
   * called with `redirect: 'manual'`.
   */
  readonly fetch: typeof globalThis.fetch;
  /** What the application asks for: scopes, or a text of scopes separated by spaces. Default: see the provider. */
  readonly scope?: string | readonly string[] | undefined;
  /**
   * Where the provider sends the user back: a path of this site, or an absolute URL of the setting `publicOrigin`. It must
   * be registered with the provider. Default: the path of the request that calls `authorizeRedirect`.
   */
  readonly redirectUri?: string | undefined;
  /** Further parameters of each authorization request, such as `{ prompt: 'consent' }`. Default: none. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  /**
   * How the client secret is sent to the provider. Default: `client_secret_post` if the metadata of the provider list it,
   * else `client_secret_basic`.
   */
  readonly clientAuth?: ClientAuthMethod | undefined;
  /** Decides who may sign in: unless it returns true, the sign-in is refused with 403. Default: every user. */
  readonly verifyUser?: ((user: User, tokens: TokenSet) => boolean | PromiseLike<boolean>) | undefined;
  /** Whether URLs of the provider may have the scheme http, for development. Default: false. */
  readonly allowHttp?: boolean | undefined;
  /** The time for each request to the provider, in milliseconds. Default: 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Maximum size of a response of the provider, in bytes. Default: 1 MiB. */
  readonly maxResponseBytes?: number | undefined;
  /** The clock for timeouts and expiry. Signatures are checked by the system clock. Default: the system clock. */
  readonly clock?: Clock | undefined;
}

/** How a client proves to the token endpoint which client it is (OpenID Connect Core §9). */
export type ClientAuthMethod = 'client_secret_basic' | 'client_secret_post';

export const PROVIDER_OPTIONS: OptionNames<ProviderOptions<never>> = {
  clientId: true,
  clientSecret: true,
  fetch: true,
  scope: true,
  redirectUri: true,
  parameters: true,
  clientAuth: true,
  verifyUser: true,
  allowHttp: true,
  timeoutMs: true,
  maxResponseBytes: true,
  clock: true,
};

/** Checked options. */
export interface ProviderSettings {
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly fetch: typeof globalThis.fetch;
  readonly scope: string;
  readonly redirectUri: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly clientAuth: ClientAuthMethod | undefined;
  readonly allowHttp: boolean;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly clock: Clock;
}

const TIMEOUT_MS = 10_000;
/** Metadata, keys, tokens and profiles are a few KiB. */
const MAX_RESPONSE_BYTES = 1024 * 1024;

/** @throws WebUsageError `ERR_WEB_USAGE` if an option is missing or invalid. Secrets are not shown. */
export function providerSettings<User>(
  operation: string,
  options: ProviderOptions<User>,
  defaultScope: string,
): ProviderSettings {
  const { clientId, clientSecret, clientAuth, verifyUser, redirectUri } = options;
  if (typeof clientId !== 'string' || clientId === '') {
    throw webChecks.wrong(operation, 'clientId: a string that is not empty', clientId);
  }
  if (clientSecret !== undefined && (typeof clientSecret !== 'string' || clientSecret === '')) {
    const problem = 'clientSecret must be a string that is not empty; leave it out for a public client';
    throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
  }
  if (clientAuth !== undefined) {
    webChecks.oneOf(operation, 'clientAuth', clientAuth, ['client_secret_basic', 'client_secret_post']);
  }
  if (verifyUser !== undefined) webChecks.callback(operation, 'verifyUser', verifyUser);
  if (redirectUri !== undefined && typeof redirectUri !== 'string') {
    throw webChecks.wrong(operation, 'redirectUri: a path or URL', redirectUri);
  }
  const { timeoutMs = TIMEOUT_MS, maxResponseBytes = MAX_RESPONSE_BYTES } = options;
  return {
    clientId,
    clientSecret,
    fetch: webChecks.callback(operation, 'fetch', options.fetch),
    scope: scopeText(operation, options.scope ?? defaultScope),
    redirectUri,
    parameters: checkedParameters(operation, options.parameters ?? {}),
    clientAuth,
    allowHttp: webChecks.boolean(operation, 'allowHttp', options.allowHttp ?? false),
    timeoutMs: webChecks.durationMs(operation, 'timeoutMs', timeoutMs, 1),
    maxResponseBytes: webChecks.wholeNumber(operation, 'maxResponseBytes', maxResponseBytes, 1),
    clock: options.clock ?? systemClock,
  };
}

/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;

/** The scopes as one text; '' for none. @throws WebUsageError `ERR_WEB_USAGE` if one has other characters. */
export function scopeText(operation: string, scope: string | readonly string[]): string {
  const text = Array.isArray(scope) ? scope.join(' ') : scope;
  if (text === '' || (typeof text === 'string' && SCOPE.test(text))) return text as string;
  throw webChecks.wrong(operation, 'scope: scopes, or a text of scopes separated by single spaces,', scope);
}

/** Parameters that protect the sign-in, or would change the kind of response. */
const RESERVED: ReadonlySet<string> = new Set([
  ...[
    'client_id',
    'client_secret',
    'redirect_uri',
    'response_type',
    'response_mode',
    'scope',
    'state',
    'nonce',
  ],
  ...['code_challenge', 'code_challenge_method', 'max_age', 'request', 'request_uri'],
]);

/** @throws WebUsageError `ERR_WEB_USAGE` if a parameter is reserved, or not a string. */
export function checkedParameters(
  operation: string,
  parameters: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters)) {
    throw webChecks.wrong(operation, 'parameters: an object of names and texts', parameters);
  }
  for (const [name, value] of Object.entries(parameters)) {
    if (RESERVED.has(name)) {
      const problem = `parameters: ${name} is set by this function; use its option, if there is one`;
      throw new WebUsageError('ERR_WEB_USAGE', `${operation}: ${problem}`);
    }
    if (typeof value !== 'string') throw webChecks.wrong(operation, `parameters: ${name}: a string`, value);
  }
  return { ...parameters };
}

/** Checks a URL of a provider. @throws WebUsageError `ERR_WEB_USAGE` unless it is absolute, with https or allowed http. */
export function providerUrl(operation: string, name: string, value: unknown, allowHttp: boolean): URL {
  const expected = `${name}: an absolute URL with https`;
  let url: URL;
  try {
    url = new URL(value as string);
  } catch {
    throw webChecks.wrong(operation, expected, value);
  }
  if (url.protocol === 'https:' || (allowHttp && url.protocol === 'http:')) return url;
  throw webChecks.wrong(operation, `${expected} (or http with allowHttp)`, value);
}
