import { AsyncHTTPClient } from '@landspout/httpclient';
import { Application, authenticated, type HTTPServer, html, RequestHandler } from '../../src/index.ts';
import {
  authorizeRedirect,
  endSessionRedirect,
  getAuthenticatedUser,
  OpenIDProvider,
  type OpenIDUser,
  type TokenSet,
} from '../../src/oidc/index.ts';
import { LogRecorder } from '../../src/testing/index.ts';
import type { RealProvider } from './real-provider.ts';
import { SECRET } from './site.ts';

/** A site with a page for signed-in users, which is at another host than the provider. */
export class Shop implements AsyncDisposable {
  readonly log: LogRecorder;
  readonly provider: OpenIDProvider;
  /** The users that are signed in, by their `sub`, and their tokens. */
  readonly users: ReadonlyMap<string, { readonly user: OpenIDUser; readonly tokens: TokenSet }>;
  readonly #server: HTTPServer;
  readonly #client: AsyncHTTPClient;

  private constructor(
    parts: Pick<Shop, 'log' | 'provider' | 'users'>,
    server: HTTPServer,
    client: AsyncHTTPClient,
  ) {
    this.log = parts.log;
    this.provider = parts.provider;
    this.users = parts.users;
    this.#server = server;
    this.#client = client;
  }

  get url(): string {
    return `http://localhost:${this.#server.port}`;
  }

  static async start(real: RealProvider): Promise<Shop> {
    const client = new AsyncHTTPClient();
    const provider = new OpenIDProvider({
      issuer: real.issuer,
      clientId: 'shop',
      clientSecret: 'client secret+%/',
      scope: 'openid email',
      userInfo: true,
      redirectUri: '/sign-in/callback',
      fetch: client.toFetch(),
      allowHttp: true,
      clientAuth: 'client_secret_basic',
    });
    const log = new LogRecorder();
    const users = new Map<string, { readonly user: OpenIDUser; readonly tokens: TokenSet }>();
    const app = new Application(routes(provider, users), {
      cookieSecret: SECRET,
      loginUrl: '/sign-in',
      logger: log,
      xsrfCookies: true,
    });
    const server = await app.listen({ port: 0, host: '127.0.0.1' });
    const shop = new Shop({ log, provider, users }, server, client);
    real.serve({ redirectUri: `${shop.url}/sign-in/callback`, afterLogout: `${shop.url}/bye` });
    return shop;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.closeAll();
    await this.#client.close();
    this.log.expectNothing();
  }
}

function routes(
  provider: OpenIDProvider,
  users: Map<string, { readonly user: OpenIDUser; readonly tokens: TokenSet }>,
): ConstructorParameters<typeof Application>[0] {
  class BaseHandler extends RequestHandler {
    override getCurrentUser(): string | undefined {
      return this.getSignedCookie('user');
    }
  }
  class Account extends BaseHandler {
    override get = authenticated(function (this: BaseHandler) {
      const email = users.get(this.currentUser ?? '')?.user.email;
      return this.render(html`<!DOCTYPE html><title>Account</title><h1>Account of ${String(email)}</h1>
        <form method="post" action="/sign-out">${this.xsrfFormHtml()}<button>Sign out</button></form>`);
    });
  }
  class SignIn extends RequestHandler {
    override get() {
      return authorizeRedirect(this, provider);
    }
  }
  class Callback extends RequestHandler {
    override async get() {
      const { user, tokens, next } = await getAuthenticatedUser(this, provider);
      users.set(user.sub, { user, tokens });
      this.setSignedCookie('user', user.sub);
      this.redirect(next);
    }
  }
  class SignOut extends BaseHandler {
    override async post() {
      const idToken = users.get(this.currentUser ?? '')?.tokens.idToken;
      this.clearCookie('user');
      await endSessionRedirect(this, provider, { idToken, redirectUri: '/bye' });
    }
  }
  class Bye extends BaseHandler {
    override get() {
      this.write(`<!DOCTYPE html><title>Bye</title><h1>Signed out: ${this.currentUser === undefined}</h1>`);
    }
  }
  return [
    ['/account', Account],
    ['/sign-in', SignIn],
    ['/sign-in/callback', Callback],
    ['/sign-out', SignOut],
    ['/bye', Bye],
  ];
}
