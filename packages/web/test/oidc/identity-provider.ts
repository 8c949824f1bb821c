import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that the provider has received. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly form: URLSearchParams;
  readonly body: string;
}

interface Grant {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly nonce: string | undefined;
}

type Json = Record<string, unknown>;

/** What a test changes, to make the provider hostile. */
export interface Misbehaviour {
  metadata?: (metadata: Json) => Json;
  claims?: (claims: Json) => Json;
  header?: (header: Json) => Json;
  idToken?: (token: string) => string;
  tokens?: (tokens: Json) => Json;
  /** Responds itself to requests for a path. */
  respond?: Record<string, (response: ServerResponse, request: ReceivedRequest) => void>;
}

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
/** A key that is not the provider's. */
export const strangeKey: KeyObject = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const KEY_ID = 'key 1';

/** A small OpenID provider on a free port, which checks client, redirect URI and PKCE, and does wrong what a test wants. */
export class IdentityProvider implements AsyncDisposable {
  readonly requests: ReceivedRequest[] = [];
  misbehaviour: Misbehaviour = {};
  /** Signs ID tokens. */
  key: KeyObject = keys.privateKey;
  readonly #server: Server;
  readonly #grants = new Map<string, Grant>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => void this.#receive(request, response));
  }

  static async start(): Promise<IdentityProvider> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new IdentityProvider(server);
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The paths that were requested, in order. */
  get paths(): string[] {
    return this.requests.map(({ path }) => path);
  }

  /** Agrees as the user. @param location - where the browser was sent. @returns the query of the callback. */
  agree(location: string, { clientId = 'shop' } = {}): URLSearchParams {
    const { searchParams } = new URL(location);
    if (searchParams.get('client_id') !== clientId) throw new Error('another client');
    const code = randomUUID();
    this.#grants.set(code, {
      clientId,
      redirectUri: searchParams.get('redirect_uri') ?? '',
      challenge: searchParams.get('code_challenge') ?? '',
      nonce: searchParams.get('nonce') ?? undefined,
    });
    return new URLSearchParams({ code, state: searchParams.get('state') ?? '', iss: this.issuer });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '', this.issuer);
    const body = Buffer.concat(chunks).toString();
    const received: ReceivedRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      form: new URLSearchParams(body),
      body,
    };
    this.requests.push(received);
    const respond = this.misbehaviour.respond?.[received.path];
    if (respond !== undefined) respond(response, received);
    else this.#respond(received, response);
  }

  #respond({ path, form, headers }: ReceivedRequest, response: ServerResponse): unknown {
    const { metadata = same } = this.misbehaviour;
    if (path === '/.well-known/openid-configuration') return send(response, 200, metadata(this.#metadata()));
    if (path === '/jwks') {
      const jwk = { ...keys.publicKey.export({ format: 'jwk' }), kid: KEY_ID, alg: 'RS256', use: 'sig' };
      return send(response, 200, { keys: [jwk] });
    }
    if (path === '/token') return this.#issue(form, headers.authorization, response);
    if (path === '/userinfo') {
      const isKnown = headers.authorization === 'Bearer access-token-1';
      return isKnown
        ? send(response, 200, { sub: 'user-1', email: 'ada@example.com' })
        : send(response, 401, {});
    }
    if (path === '/revoke') return send(response, 200, {});
    return send(response, 404, { error: 'not_found' });
  }

  #metadata(): Json {
    const { issuer } = this;
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      userinfo_endpoint: `${issuer}/userinfo`,
      revocation_endpoint: `${issuer}/revoke`,
      end_session_endpoint: `${issuer}/end`,
      authorization_response_iss_parameter_supported: true,
      id_token_signing_alg_values_supported: ['RS256'],
    };
  }

  #issue(form: URLSearchParams, authorization: string | undefined, response: ServerResponse): unknown {
    const { tokens = same } = this.misbehaviour;
    const [, base64 = ''] = /^Basic (.+)$/.exec(authorization ?? '') ?? [];
    const basic = decodeURIComponent(Buffer.from(base64, 'base64').toString());
    const credentials = basic === '' ? `${form.get('client_id')}:${form.get('client_secret')}` : basic;
    if (credentials !== 'shop:client-secret') {
      return send(response, 401, { error: 'invalid_client' });
    }
    if (form.get('grant_type') === 'refresh_token') {
      if (form.get('refresh_token') !== 'refresh-token-1') {
        return send(response, 400, { error: 'invalid_grant' });
      }
      return send(response, 200, tokens({ access_token: 'access-token-2', token_type: 'Bearer' }));
    }
    const code = form.get('code') ?? '';
    const grant = this.#grants.get(code);
    this.#grants.delete(code);
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (grant?.challenge !== challenge || grant.redirectUri !== form.get('redirect_uri')) {
      return send(response, 400, {
        error: 'invalid_grant',
        error_description: `the code ${code} is unknown`,
      });
    }
    const issued = {
      access_token: 'access-token-1',
      token_type: 'Bearer',
      expires_in: 60,
      refresh_token: 'refresh-token-1',
      id_token: this.idToken({ nonce: grant.nonce }),
    };
    return send(response, 200, tokens(issued));
  }

  /** An ID token, with what the test changes. */
  idToken(more: Json = {}): string {
    const { claims = same, header = same, idToken = same } = this.misbehaviour;
    const now = Math.floor(Date.now() / 1_000);
    const payload = { iss: this.issuer, sub: 'user-1', aud: 'shop', iat: now, exp: now + 60, name: 'Ada' };
    const parts = [header({ alg: 'RS256', kid: KEY_ID }), claims({ ...payload, ...more })];
    const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return idToken(`${text}.${sign('sha256', Buffer.from(text), this.key).toString('base64url')}`);
  }
}

const same = <T>(value: T): T => value;

/** Sends JSON. */
export function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
