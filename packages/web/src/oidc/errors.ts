import { HTTPError } from '../errors.ts';

/**
 * Errors of sign-ins and of calls of a provider. `detail` is what the error page shows; the log has
 * the reason.
 */
export const SIGN_IN_ERRORS = {
  ERR_SIGN_IN_CALLBACK: {
    status: 400,
    meaning:
      'The request is not a valid response of the provider: its parameters are missing, repeated, of another provider or of OpenID 2.0.',
    detail: 'This is not a valid response to a sign-in. Start the sign-in again.',
  },
  ERR_SIGN_IN_STATE: {
    status: 400,
    meaning:
      'The browser has no sign-in with this state: it has expired, was completed already, or was started in another browser.',
    detail:
      'This sign-in has expired, was completed already, or was started in another browser. Start it again.',
  },
  ERR_SIGN_IN_GRANT: {
    status: 400,
    meaning:
      'The provider refused an authorization code or refresh token: it is invalid, expired, revoked or was used before.',
    detail: 'This sign-in has expired. Start it again.',
  },
  ERR_SIGN_IN_DENIED: {
    status: 403,
    meaning:
      'The user did not agree, the provider does not let the user in, or the option `verifyUser` has refused the user.',
    detail: 'The sign-in was refused.',
  },
  ERR_SIGN_IN_UNREACHABLE: {
    status: 502,
    meaning: 'The provider could not be reached, or did not respond completely in time.',
    detail: 'The sign-in service cannot be reached. Try again later.',
  },
  ERR_SIGN_IN_REFUSED: {
    status: 502,
    meaning:
      'The provider responded with an error; see `providerStatus` and `providerError`. Often the client id, secret, scope or redirect URI is not what is registered.',
    detail: 'The sign-in service has refused the request.',
  },
  ERR_SIGN_IN_RESPONSE: {
    status: 502,
    meaning:
      'A response of the provider is invalid or too large, or its ID token has a wrong signature, issuer, audience, nonce or time.',
    detail: 'The sign-in service sent an invalid response.',
  },
} as const satisfies Record<string, { status: number; meaning: string; detail: string }>;

export type SignInErrorCode = keyof typeof SIGN_IN_ERRORS;

export interface SignInErrorOptions extends ErrorOptions {
  /** The error code that the provider sent, such as `access_denied`. */
  readonly providerError?: string | undefined;
  /** The status of the provider's response. */
  readonly providerStatus?: number | undefined;
}

/**
 * A user could not be signed in, or a call of a provider failed. Unless it is caught, it becomes a response with its
 * status and a page that shows nothing of what the provider sent. The message, for the log, has no tokens, codes and
 * secrets.
 *
 * @example
 * const signIn = await getAuthenticatedUser(this, provider).catch((error) => {
 *   if (error instanceof SignInError && error.code === 'ERR_SIGN_IN_DENIED') return undefined;
 *   throw error;
 * });
 */
export class SignInError extends HTTPError<SignInErrorCode> {
  override readonly name = 'SignInError';

  /** The error code that the provider sent, such as `access_denied` (RFC 6749 §4.1.2.1); undefined if it sent none. */
  readonly providerError: string | undefined;
  /** The status of the provider's response, such as 401 for an expired access token; undefined without a response. */
  readonly providerStatus: number | undefined;

  constructor(code: SignInErrorCode, logMessage: string, options: SignInErrorOptions = {}) {
    const { providerError, providerStatus, ...others } = options;
    const { status, detail } = SIGN_IN_ERRORS[code];
    super(status, logMessage, { ...others, detail }, code);
    this.providerError = providerError;
    this.providerStatus = providerStatus;
  }
}
