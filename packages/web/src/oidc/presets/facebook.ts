import { createHmac } from 'node:crypto';
import { WebUsageError, webChecks } from '../../errors.ts';
import { SignInError } from '../errors.ts';
import { type OAuth2Provider, oauth2Provider } from '../oauth2-provider.ts';
import type { ProviderOptions } from '../provider-options.ts';

/** What Facebook says about a user. */
export interface FacebookUser {
  /** Identifies the user for this application only. */
  readonly id: string;
  /** The fields that were asked for and that the user has shared. */
  readonly [field: string]: unknown;
}

/** Options of {@link facebook}. */
export interface FacebookOptions extends Omit<ProviderOptions<FacebookUser>, 'allowHttp' | 'clientAuth'> {
  /** The app secret, which also signs requests. */
  readonly clientSecret: string;
  /** The version of the Graph API. Default: `v23.0`. */
  readonly apiVersion?: string | undefined;
  /** The fields of the profile. Default: `id`, `name`, `first_name`, `last_name`, `picture` and `email`. */
  readonly fields?: readonly string[] | undefined;
}

const API_VERSION = 'v23.0';
const FIELDS: readonly string[] = ['id', 'name', 'first_name', 'last_name', 'picture', 'email'];

/**
 * Sign-in with Facebook, by OAuth 2.0. The default scope is `public_profile email`. Register the application, and its
 * redirect URI, at https://developers.facebook.com/apps. Each `oauth2Request`, which takes paths of the Graph API such as
 * `/me`, has an `appsecret_proof`; so the application can require one.
 *
 * @throws WebUsageError `ERR_WEB_USAGE` if an option is invalid.
 */
export function facebook(options: FacebookOptions): OAuth2Provider<FacebookUser> {
  const { apiVersion = API_VERSION, fields = FIELDS, ...others } = options;
  if (typeof apiVersion !== 'string' || !/^v\d{1,3}\.\d{1,2}$/.test(apiVersion)) {
    throw webChecks.wrong('facebook', `apiVersion: a version such as ${API_VERSION}`, apiVersion);
  }
  if (!Array.isArray(fields) || !fields.includes('id')) {
    throw webChecks.wrong('facebook', 'fields: an array of names with id', fields);
  }
  const secret: unknown = options.clientSecret;
  if (typeof secret !== 'string' || secret === '') {
    throw new WebUsageError('ERR_WEB_USAGE', 'facebook: clientSecret is required, since it signs requests');
  }
  return oauth2Provider<FacebookUser>({
    scope: 'public_profile email',
    ...others,
    clientAuth: 'client_secret_post',
    authorizationEndpoint: `https://www.facebook.com/${apiVersion}/dialog/oauth`,
    tokenEndpoint: `https://graph.facebook.com/${apiVersion}/oauth/access_token`,
    apiUrl: `https://graph.facebook.com/${apiVersion}`,
    apiParameters: (accessToken) => ({
      appsecret_proof: createHmac('sha256', secret).update(accessToken).digest('hex'),
    }),
    fetchUser: async (request) => {
      const user = Object(await request('/me', { args: { fields: fields.join(',') } })) as FacebookUser;
      if (typeof user.id === 'string' && user.id !== '') return user;
      throw new SignInError('ERR_SIGN_IN_RESPONSE', 'facebook: the profile has no id');
    },
  });
}
