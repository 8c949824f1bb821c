import { excerpt } from '@landspout/ioloop/errors';
import { SignInError } from './errors.ts';
import { withoutSecrets } from './provider-failure.ts';

/**
 * Parses the response of an API.
 *
 * @param secrets - what the error must not show.
 * @returns the JSON; undefined for an empty body.
 * @throws SignInError `ERR_SIGN_IN_REFUSED` for another status than 2xx, `ERR_SIGN_IN_RESPONSE` if it is not JSON.
 */
export async function readApiResponse(
  response: Response,
  secrets: readonly (string | undefined)[],
): Promise<unknown> {
  const { status } = response;
  const text = await response.text();
  const json = parsed(text);
  if (status >= 300) {
    const providerError = errorCodeOf(json);
    const shown =
      providerError === undefined ? '' : ` and the error ${withoutSecrets(excerpt(providerError), secrets)}`;
    const message = `oauth2Request: the provider responded with ${status}${shown}`;
    throw new SignInError('ERR_SIGN_IN_REFUSED', message, { providerStatus: status, providerError });
  }
  if (text !== '' && json === undefined) {
    throw new SignInError('ERR_SIGN_IN_RESPONSE', 'oauth2Request: the response is not JSON');
  }
  return json;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `error` of RFC 6750, or the `type` of the error object of Facebook. Descriptions are not taken over. */
function errorCodeOf(json: unknown): string | undefined {
  const { error } = Object(json) as { readonly error?: unknown };
  const code = typeof error === 'string' ? error : (Object(error) as { readonly type?: unknown }).type;
  return typeof code === 'string' && /^[\x20-\x7e]{1,64}$/.test(code) ? code : undefined;
}
