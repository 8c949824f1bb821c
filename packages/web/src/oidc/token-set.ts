import { INSPECT, inspection } from '@landspout/ioloop/inspection';

/** The members of a {@link TokenSet}. */
export interface TokenSetParts {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiresAtMs?: number | undefined;
  readonly refreshToken?: string | undefined;
  readonly idToken?: string | undefined;
  readonly scope?: string | undefined;
}

/**
 * The tokens that a provider has issued. Output of `console.log` and of loggers that use `util.inspect` does not show
 * them; `JSON.stringify` does, so that a program can store them.
 */
export class TokenSet {
  /** For `oauth2Request`. */
  readonly accessToken: string;
  /** In lower case; `bearer`. */
  readonly tokenType: string;
  /** When the access token expires, in milliseconds since 1970; undefined if the provider does not say. */
  readonly expiresAtMs: number | undefined;
  /** For `refresh`; undefined if the provider issued none. */
  readonly refreshToken: string | undefined;
  /** For `endSessionRedirect`; only of OpenID Connect. */
  readonly idToken: string | undefined;
  /** The scopes that were granted, separated by spaces; undefined if they are those that were requested. */
  readonly scope: string | undefined;

  constructor(parts: TokenSetParts) {
    this.accessToken = parts.accessToken;
    this.tokenType = parts.tokenType;
    this.expiresAtMs = parts.expiresAtMs;
    this.refreshToken = parts.refreshToken;
    this.idToken = parts.idToken;
    this.scope = parts.scope;
  }

  [INSPECT](): object {
    const masked = (token: string | undefined) => (token === undefined ? undefined : '(masked)');
    return inspection(this, ['tokenType', 'expiresAtMs', 'scope'], () => ({
      accessToken: masked(this.accessToken),
      refreshToken: masked(this.refreshToken),
      idToken: masked(this.idToken),
    }));
  }
}
