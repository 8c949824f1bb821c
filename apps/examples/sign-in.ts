// A site whose users sign in with an OpenID provider, such as Google, Keycloak or Entra ID, or with GitHub.
// Register it with the redirect URI http://127.0.0.1:8888/sign-in/openid/callback (or /sign-in/github/callback). Needs the
// package openid-client. Run: ISSUER=https://accounts.google.com CLIENT_ID=… CLIENT_SECRET=… node sign-in.ts [port]
// For GitHub, set GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET.
import { randomBytes } from 'node:crypto';
import {
  Application,
  AsyncHTTPClient,
  authenticated,
  HTTPError,
  type Html,
  html,
  RequestHandler,
} from 'landspout';
import {
  authorizeRedirect,
  getAuthenticatedUser,
  github,
  openIDProvider,
  type SignInProvider,
} from 'landspout/web/oidc';

interface User {
  readonly id: string; // unique over all providers
  readonly name: string;
}

/** A provider, and what the site keeps of its users. */
function wayOf<Given>(label: string, provider: SignInProvider<Given>, userOf: (user: Given) => User) {
  return {
    label,
    begin: (handler: RequestHandler, redirectUri: string) =>
      authorizeRedirect(handler, provider, { redirectUri }),
    complete: async (handler: RequestHandler) => {
      const { user, next } = await getAuthenticatedUser(handler, provider);
      return { user: userOf(user), next };
    },
  };
}

const { ISSUER = 'https://accounts.google.com', CLIENT_ID = 'unknown', CLIENT_SECRET } = process.env;
const { GITHUB_CLIENT_ID = 'unknown', GITHUB_CLIENT_SECRET = 'unknown' } = process.env;
const fetch = new AsyncHTTPClient().toFetch();

const openid = await openIDProvider({
  issuer: ISSUER,
  clientId: CLIENT_ID,
  clientSecret: CLIENT_SECRET,
  scope: 'openid profile',
  fetch,
  lazy: true, // starts without the provider
  allowHttp: ISSUER.startsWith('http:'), // for a provider on this machine
});
const ways = new Map([
  ['openid', wayOf(ISSUER, openid, ({ sub, name }) => ({ id: `openid:${sub}`, name: String(name ?? sub) }))],
  [
    'github',
    wayOf(
      'GitHub',
      github({ clientId: GITHUB_CLIENT_ID, clientSecret: GITHUB_CLIENT_SECRET, fetch }),
      ({ id, login, name }) => ({ id: `github:${id}`, name: name ?? login }),
    ),
  ],
]);

class BaseHandler<Path extends string = string> extends RequestHandler<Path> {
  override getCurrentUser(): User | undefined {
    const text = this.cookies.getEncrypted('user');
    return text === undefined ? undefined : JSON.parse(text);
  }

  protected page(content: Html): void {
    this.write(html`<!DOCTYPE html><html lang="en"><meta name="viewport" content="width=device-width">
      <meta name="color-scheme" content="light dark"><title>Sign-in</title>${content}</html>`);
  }

  protected wayOf(name: string) {
    const way = ways.get(name);
    if (way === undefined) throw new HTTPError(404);
    return way;
  }
}

class Home extends BaseHandler {
  override get = authenticated(function (this: Home): void {
    const { id, name } = this.currentUser as User;
    this.page(html`<h1>Hello, ${name}</h1><p>You are ${id}.</p>
      <form method="post" action="/sign-out">${this.xsrfFormHtml()}<button>Sign out</button></form>`);
  });
}

class SignIn extends BaseHandler {
  override get(): void {
    const query = new URLSearchParams({ next: this.getQueryArgument('next', '/') });
    const items = [...ways].map(([name, { label }]) => {
      return html`<li><a href="/sign-in/${name}?${String(query)}">Sign in with ${label}</a></li>`;
    });
    this.page(html`<h1>Who are you?</h1><ul>${items}</ul>`);
  }
}

class Begin extends BaseHandler<'/sign-in/:way'> {
  override async get(): Promise<void> {
    const { way } = this.pathParams;
    await this.wayOf(way).begin(this, `/sign-in/${way}/callback`); // returns to the argument `next`, if it is a path
  }
}

class Callback extends BaseHandler<'/sign-in/:way/callback'> {
  override async get(): Promise<void> {
    const { user, next } = await this.wayOf(this.pathParams.way).complete(this);
    this.cookies.setEncrypted('user', JSON.stringify(user), { session: true });
    this.redirect(next);
  }
}

class SignOut extends BaseHandler {
  override post(): void {
    this.clearCookie('user');
    this.redirect('/sign-in', { status: 303 });
  }
}

const app = new Application(
  [
    ['/', Home],
    ['/sign-in', SignIn],
    ['/sign-in/:way', Begin],
    ['/sign-in/:way/callback', Callback],
    ['/sign-out', SignOut],
  ],
  // Behind a proxy or with several names, set `publicOrigin`: it is the start of the redirect URI.
  { cookieSecret: randomBytes(32), loginUrl: '/sign-in', xsrfCookies: true },
);
const port = process.argv[2] ?? process.env.PORT ?? 8888;
const server = await app.listen({ port, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
