import { SignInError } from '../errors.ts';
import {
  type OAuth2Provider,
  type OAuth2ProviderOptions,
  oauth2Provider,
  type UserRequest,
} from '../oauth2-provider.ts';
import type { ProviderOptions } from '../provider-options.ts';

/** What GitHub says about a user. */
export interface GitHubUser {
  /** Identifies the user; the login can change. */
  readonly id: number;
  readonly login: string;
  readonly name: string | undefined;
  /** The primary address, if GitHub has verified it and the scope has `user:email`. */
  readonly email: string | undefined;
  readonly avatarUrl: string | undefined;
  /** The whole profile. */
  readonly profile: Readonly<Record<string, unknown>>;
}

/** Options of {@link github}. */
export interface GitHubOptions extends Omit<ProviderOptions<GitHubUser>, 'allowHttp' | 'clientAuth'> {
  /** The host of a GitHub Enterprise Server, such as `https://github.example.com`. Default: `https://github.com`. */
  readonly serverUrl?: string | undefined;
}

const GITHUB = 'https://github.com';
const HEADERS = { Accept: 'application/vnd.github+json', 'X-GitHub-Api-Version': '2022-11-28' };

/**
 * Sign-in with GitHub, by OAuth 2.0. The default scope is `read:user user:email`. Register the application, and its
 * callback URL, at https://github.com/settings/developers. `oauth2Request` takes paths of the REST API, such as `/user`.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is invalid.
 */
export function github(options: GitHubOptions): OAuth2Provider<GitHubUser> {
  const { serverUrl = GITHUB, ...others } = options;
  const server = serverUrl.replace(/\/$/, '');
  const settings: OAuth2ProviderOptions<GitHubUser> = {
    scope: 'read:user user:email',
    ...others,
    clientAuth: 'client_secret_post',
    authorizationEndpoint: `${server}/login/oauth/authorize`,
    tokenEndpoint: `${server}/login/oauth/access_token`,
    apiUrl: server === GITHUB ? 'https://api.github.com' : `${server}/api/v3`,
    fetchUser: (request, { scope }) => userOf(request, scope),
  };
  return oauth2Provider(settings);
}

async function userOf(request: UserRequest, scope: string | undefined): Promise<GitHubUser> {
  const profile = Object(await request('/user', { headers: HEADERS })) as Record<string, unknown>;
  const { id, login, name, avatar_url: avatarUrl } = profile;
  if (!Number.isSafeInteger(id) || typeof login !== 'string') {
    throw new SignInError('ERR_SIGN_IN_RESPONSE', 'github: the profile has no id and login');
  }
  // GitHub separates scopes by commas.
  const hasEmail = /(?:^|[ ,])user(?::email)?(?:[ ,]|$)/.test(scope ?? '');
  return {
    id: id as number,
    login,
    name: textOf(name),
    email: hasEmail ? await emailOf(request) : undefined,
    avatarUrl: textOf(avatarUrl),
    profile,
  };
}

/** The address in the profile is the one that the user shows, which need not be verified. */
async function emailOf(request: UserRequest): Promise<string | undefined> {
  const list = await request('/user/emails', { headers: HEADERS });
  if (!Array.isArray(list)) return undefined;
  const primary = list
    .map((entry) => Object(entry) as { email?: unknown; primary?: unknown; verified?: unknown })
    .find((entry) => entry.primary === true && entry.verified === true);
  return textOf(primary?.email);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
