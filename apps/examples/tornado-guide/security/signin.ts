// Sign-in with a provider of OAuth 2.0, whose URL is the argument.
import { Application, AsyncHTTPClient, RequestHandler } from 'landspout';
import { authorizeRedirect, getAuthenticatedUser, oauth2Provider } from 'landspout/web/oidc';

const [provider = 'http://127.0.0.1:9999/'] = process.argv.slice(2);

interface User {
  readonly name: string;
}

const oauth2 = oauth2Provider<User>({
  authorizationEndpoint: `${provider}authorize`,
  tokenEndpoint: `${provider}token`,
  clientId: 'shop',
  clientSecret: 'a secret',
  redirectUri: '/sign-in/callback',
  fetchUser: async (request) => (await request(`${provider}user`)) as User,
  fetch: new AsyncHTTPClient().toFetch(),
  allowHttp: true, // a provider elsewhere has https
});

class SignIn extends RequestHandler {
  override get(): Promise<void> {
    return authorizeRedirect(this, oauth2);
  }
}

class Callback extends RequestHandler {
  override async get(): Promise<void> {
    const { user } = await getAuthenticatedUser(this, oauth2); // 400, 403 or 502 if it fails
    this.write({ name: user.name });
  }
}

const routes = [
  ['/sign-in', SignIn],
  ['/sign-in/callback', Callback],
] as const;
const app = new Application(routes, {
  cookieSecret: process.env.SECRET ?? 'change this text of at least 32 bytes',
});

const server = await app.listen({ port: process.env.PORT ?? 8888, host: '127.0.0.1' });
console.log(`listening on ${server.url}`);
