import type { SignInFlow } from './flow.ts';
import type { TokenSet } from './token-set.ts';

// What a provider needs of openid-client, in types of our own: the declarations of the classes of providers name it.

/** The claims of an ID token or of the UserInfo endpoint. Only those of the ID token in {@link OpenIDUser} are checked. */
export type Claims = Readonly<Record<string, unknown>>;

/** What the token endpoint has issued for an authorization code. */
export interface ExchangedCode {
  readonly tokens: TokenSet;
  /** The claims of the ID token, whose signature, issuer, audience, nonce and times are valid; undefined without one. */
  readonly claims: Claims | undefined;
}

/** A request to an API with an access token. */
export interface ApiRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly accessToken: string;
}

/** Requests to one provider. All methods reject with SignInError only. */
export interface ProviderConnection {
  /** The URL to which a browser is sent. */
  authorizationUrl(flow: SignInFlow, parameters: Readonly<Record<string, string>>): Promise<URL>;
  /** Checks the parameters of a callback, and exchanges its code. */
  exchange(parameters: URLSearchParams, flow: SignInFlow): Promise<ExchangedCode>;
  /** @param subject - the `sub` that an ID token must have. */
  refresh(refreshToken: string, subject: string | undefined): Promise<TokenSet>;
  revoke(token: string): Promise<void>;
  userInfo(accessToken: string, subject: string): Promise<Claims>;
  /** Undefined if the provider has no such page. */
  endSessionUrl(parameters: Readonly<Record<string, string>>): Promise<URL | undefined>;
  /** The parsed body; undefined if there is none. */
  request(url: URL, request: ApiRequest): Promise<unknown>;
  /** Gets the metadata now rather than with the first request. */
  prepare(): Promise<void>;
}
