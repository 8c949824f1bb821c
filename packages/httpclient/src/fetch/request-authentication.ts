import type { ResponseHead } from '@landspout/http1';
import { parseChallenges } from '../auth/challenges.ts';
import { basicCredentials } from '../auth/credentials.ts';
import { DigestAuthenticator } from '../auth/digest-authenticator.ts';
import type { RequestOptions } from '../request/http-request.ts';

/** Adds credentials to one request, which may be sent several times. */
export interface RequestAuthentication {
  /** Returns the value of Authorization for the next time that the request is sent; `undefined` for none yet. */
  authorize(): string | undefined;
  /** Called with the head of each response. Returns whether to send the request again, with other credentials. */
  isChallenged(head: ResponseHead): boolean;
}

/**
 * Returns what authenticates a request with the options `basicAuth` or `digestAuth`; `undefined` if neither is set. A
 * request with digest authentication is sent at most three times.
 *
 * @param request - `origin` is that of the server, such as `https://example.com`; `target` is as it is sent.
 * @throws HTTPClientUsageError `ERR_HTTPCLIENT_USAGE`; the message does not contain the credentials.
 */
export function authenticationOf(
  { basicAuth, digestAuth }: Pick<RequestOptions, 'basicAuth' | 'digestAuth'>,
  request: { readonly origin: string; readonly method: string; readonly target: string },
): RequestAuthentication | undefined {
  if (basicAuth !== undefined) {
    const authorization = basicCredentials(basicAuth);
    return { authorize: () => authorization, isChallenged: () => false };
  }
  if (digestAuth === undefined) return undefined;
  const digest = new DigestAuthenticator({ ...request, credentials: digestAuth });
  return {
    authorize: () => digest.authorize(),
    isChallenged: ({ status, headers }) =>
      status === 401 && digest.challenge(parseChallenges(headers.getList('WWW-Authenticate'))) === 'retry',
  };
}
