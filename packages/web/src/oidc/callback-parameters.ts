import { SignInError } from './errors.ts';

// Checks the query of a callback before anything of it is used. It comes from the browser: everything in it may be
// forged, so a mistake in it is a 400 and no fault of the provider.

/** RFC 6749 §4.1.2, RFC 9207. */
const SINGLE = ['state', 'code', 'error', 'error_description', 'iss'];
/** Of response modes and types that were not requested. */
const UNEXPECTED = ['response', 'id_token', 'access_token', 'token'];

/** Whether a query is a response of a provider, valid or not, rather than the start of a sign-in. */
export function isCallbackQuery(query: string): boolean {
  const parameters = new URLSearchParams(query);
  return ['state', 'code', 'error'].some((name) => parameters.has(name)) || hasOpenID2(parameters);
}

/**
 * Returns the state.
 *
 * @throws SignInError `ERR_SIGN_IN_CALLBACK` if the parameters are not those of a response of type `code`.
 */
export function checkCallback(parameters: URLSearchParams): string {
  if (hasOpenID2(parameters)) throw invalid('OpenID 2.0 is not supported');
  for (const name of SINGLE) {
    if (parameters.getAll(name).length > 1) throw invalid(`the parameter ${name} is repeated`);
  }
  const unexpected = UNEXPECTED.find((name) => parameters.has(name));
  if (unexpected !== undefined) throw invalid(`the parameter ${unexpected} was not requested`);
  const state = parameters.get('state') ?? '';
  if (state === '') throw invalid('there is no state');
  const isOne = (parameters.get('code') ?? '') !== '' || (parameters.get('error') ?? '') !== '';
  if (!isOne) throw invalid('there is neither a code nor an error');
  return state;
}

/**
 * Checks that the response is of the provider that was asked: another one, to which the user was led, could otherwise get
 * a code that it was not issued (RFC 9207).
 *
 * @param issuer - undefined if it is not known; then nothing is checked.
 * @throws SignInError `ERR_SIGN_IN_CALLBACK`
 */
export function checkIssuer(
  parameters: URLSearchParams,
  issuer: string | undefined,
  isRequired: boolean,
): void {
  if (issuer === undefined) return;
  const iss = parameters.get('iss');
  if (iss === null ? isRequired : iss !== issuer) {
    throw invalid(iss === null ? 'there is no iss' : 'iss is another issuer');
  }
}

/** OpenID 2.0 is not offered: its providers are gone, and its direct verification was a source of mistakes. */
function hasOpenID2(parameters: URLSearchParams): boolean {
  for (const name of parameters.keys()) if (name.startsWith('openid.')) return true;
  return false;
}

export function invalid(problem: string): SignInError {
  return new SignInError('ERR_SIGN_IN_CALLBACK', `invalid response to a sign-in: ${problem}`);
}
