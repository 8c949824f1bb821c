import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

/** The redirect URIs of one client. */
export interface RealClient {
  readonly redirectUri: string;
  readonly afterLogout: string;
}

/** The package oidc-provider on a free port, with its pages for login, consent and logout; any name and password will do. */
export class RealProvider implements AsyncDisposable {
  readonly issuer: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<RealProvider> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new RealProvider(server);
  }

  /** Serves one client, whose URIs are known only now. */
  serve({ redirectUri, afterLogout }: RealClient): void {
    const provider = new Provider(this.issuer, {
      clients: [
        {
          client_id: 'shop',
          client_secret: 'client secret+%/',
          redirect_uris: [redirectUri],
          post_logout_redirect_uris: [afterLogout],
          grant_types: ['authorization_code', 'refresh_token'],
          token_endpoint_auth_method: 'client_secret_basic',
        },
      ],
      pkce: { required: () => true },
      claims: { openid: ['sub'], email: ['email', 'email_verified'] },
      conformIdTokenClaims: true,
      issueRefreshToken: async () => true,
      features: { revocation: { enabled: true } },
      cookies: { keys: ['only for a test'] },
      ttl: {
        AccessToken: 60,
        AuthorizationCode: 60,
        Grant: 60,
        IdToken: 60,
        Interaction: 60,
        RefreshToken: 60,
        Session: 60,
      },
      findAccount: (_context, id) => ({
        accountId: id,
        claims: async () => ({ sub: id, email: `${id}@example.com`, email_verified: true }),
      }),
    });
    this.#server.on('request', provider.callback());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
