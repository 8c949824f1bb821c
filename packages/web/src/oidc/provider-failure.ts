import { excerpt, printable } from '@landspout/ioloop/errors';
import { SignInError, type SignInErrorCode } from './errors.ts';
import { openid } from './load-openid-client.ts';

// Turns what openid-client and `fetch` throw into our errors. Theirs have tokens, codes and whole responses as causes, so
// only texts are taken over.

/** Which side a request failed on, before openid-client has seen a response. Never leaves this room. */
export class ProviderFetchError extends Error {
  override readonly name = 'ProviderFetchError';
  readonly code: SignInErrorCode;

  constructor(
    code: 'ERR_SIGN_IN_UNREACHABLE' | 'ERR_SIGN_IN_RESPONSE',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
  }
}

/** Errors that mean that the user may not or does not want to sign in (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6). */
const DENIALS: ReadonlySet<string> = new Set([
  'access_denied',
  'login_required',
  'consent_required',
  'interaction_required',
  'account_selection_required',
]);

/** `invalid_grant` of RFC 6749 §5.2, and what GitHub sends instead. */
const EXPIRED_GRANTS: ReadonlySet<string> = new Set([
  'invalid_grant',
  'bad_verification_code',
  'bad_refresh_token',
]);

/** The most causes of an error that a message shows. */
const MAX_CAUSES = 5;
/** What is shown of a text of the provider. */
const MAX_TEXT_CHARS = 120;
/** A shorter secret is not looked for: it would hide parts of ordinary words. */
const MIN_SECRET_CHARS = 6;

/**
 * Makes the error for a failed step.
 *
 * @param doing - the step, such as `getAuthenticatedUser`.
 * @param secrets - what must not be in the message, such as the code and the tokens.
 */
export function providerFailure(
  doing: string,
  error: unknown,
  secrets: readonly (string | undefined)[],
): SignInError {
  if (error instanceof SignInError) return error;
  const { code, providerError, providerStatus } = classOf(error);
  const text = withoutSecrets(textOf(error), secrets);
  return new SignInError(code, `${doing}: ${text}`, {
    cause: plainCause(error, secrets),
    providerError: providerError === undefined ? undefined : withoutSecrets(providerError, secrets),
    providerStatus,
  });
}

interface FailureClass {
  readonly code: SignInErrorCode;
  readonly providerError?: string;
  readonly providerStatus?: number;
}

function classOf(error: unknown): FailureClass {
  if (error instanceof openid.AuthorizationResponseError) {
    const isDenial = DENIALS.has(error.error);
    return {
      code: isDenial ? 'ERR_SIGN_IN_DENIED' : 'ERR_SIGN_IN_REFUSED',
      providerError: printable(error.error, MAX_TEXT_CHARS),
    };
  }
  if (error instanceof openid.ResponseBodyError) {
    return {
      code: EXPIRED_GRANTS.has(error.error) ? 'ERR_SIGN_IN_GRANT' : 'ERR_SIGN_IN_REFUSED',
      providerError: printable(error.error, MAX_TEXT_CHARS),
      providerStatus: error.status,
    };
  }
  if (error instanceof openid.WWWAuthenticateChallengeError) {
    return { code: 'ERR_SIGN_IN_REFUSED', providerStatus: error.status };
  }
  for (const one of causesOf(error)) {
    if (one instanceof ProviderFetchError) return { code: one.code };
  }
  return { code: 'ERR_SIGN_IN_RESPONSE' };
}

function textOf(error: unknown): string {
  if (error instanceof openid.AuthorizationResponseError) {
    return `the provider sent the error ${quoted(error.error, error.error_description)}`;
  }
  if (error instanceof openid.ResponseBodyError) {
    return `the provider responded with ${error.status} and the error ${quoted(error.error, error.error_description)}`;
  }
  if (error instanceof openid.WWWAuthenticateChallengeError) {
    return `the provider responded with ${error.status} and a challenge`;
  }
  const texts: string[] = [];
  for (const { message } of causesOf(error)) {
    // Some causes only repeat what the error says.
    if (!texts.some((text) => text.includes(message))) texts.push(message);
  }
  const response = responseOf(error);
  if (response !== undefined) texts.push(`the status was ${response.status}`);
  return printable(texts.join(': '));
}

function quoted(code: string, description: string | undefined): string {
  const shown = excerpt(code, MAX_TEXT_CHARS);
  return description === undefined ? shown : `${shown}: ${excerpt(description, MAX_TEXT_CHARS)}`;
}

/** The error and its causes that are errors, outermost first. Wrappers that say nothing are left out. */
function causesOf(error: unknown): Error[] {
  const found: Error[] = [];
  for (let at: unknown = error; at instanceof Error && found.length < MAX_CAUSES; at = at.cause) {
    if (at.message !== 'something went wrong' || !(at.cause instanceof Error)) found.push(at);
  }
  return found;
}

/** openid-client has the response as the cause of an unexpected status or type. */
function responseOf(error: unknown): Response | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Response ? cause : undefined;
}

/** A copy of an error without its causes and properties, which may have tokens. */
function plainCause(error: unknown, secrets: readonly (string | undefined)[]): Error {
  const [first, ...others] = causesOf(error);
  const innermost = others.at(-1) ?? first;
  const copy = new Error(withoutSecrets(printable(innermost?.message ?? String(error)), secrets));
  if (innermost === undefined) return copy;
  copy.name = innermost.name;
  const { code } = innermost as { readonly code?: unknown };
  return typeof code === 'string' ? Object.assign(copy, { code }) : copy;
}

/** Replaces secrets that a text of the provider, or of `fetch`, may repeat. */
export function withoutSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret === undefined || secret.length < MIN_SECRET_CHARS) continue;
    clean = clean.replaceAll(secret, '(masked)').replaceAll(encodeURIComponent(secret), '(masked)');
  }
  return clean;
}
