import { AsyncHTTPClient } from '@landspout/httpclient';
import { Application, type ApplicationSettings, RequestHandler } from '../../src/index.ts';
import {
  type AuthorizeRedirectOptions,
  authorizeRedirect,
  endSessionRedirect,
  getAuthenticatedUser,
  OpenIDProvider,
  type OpenIDProviderOptions,
  openIDProvider,
  type SignInProvider,
} from '../../src/oidc/index.ts';
import { LogRecorder, TestClient, type TestResponse } from '../../src/testing/index.ts';
import { IdentityProvider } from './identity-provider.ts';

export const SECRET = 'a secret of at least thirty-two bytes';

/** A site whose users sign in with a provider, and one browser. */
export class Site implements AsyncDisposable {
  readonly browser: TestClient;
  readonly log = new LogRecorder();
  /** Options of the next `authorizeRedirect`. */
  redirectOptions: AuthorizeRedirectOptions = {};
  /** What the last completed sign-in has returned. */
  signedIn: unknown = undefined;

  constructor(provider: SignInProvider<unknown>, settings: ApplicationSettings = {}) {
    const site = this;
    class Begin extends RequestHandler {
      override get() {
        return authorizeRedirect(this, provider, { redirectUri: '/callback', ...site.redirectOptions });
      }
    }
    class Callback extends RequestHandler {
      override async get() {
        const result = await getAuthenticatedUser(this, provider);
        site.signedIn = result;
        this.redirect(result.next);
      }
    }
    class End extends RequestHandler {
      override async post() {
        if (!(provider instanceof OpenIDProvider)) throw new Error('no OpenID provider');
        const idToken = this.getQueryArgument('token', undefined);
        await endSessionRedirect(this, provider, { redirectUri: '/bye', idToken });
      }
    }
    const app = new Application(
      [
        ['/begin', Begin],
        ['/callback', Callback],
        ['/end', End],
      ],
      { cookieSecret: SECRET, logger: this.log, ...settings },
    );
    this.browser = new TestClient(app);
  }

  /** Begins a sign-in. @returns where the browser is sent. */
  async begin(query = ''): Promise<string> {
    const response = await this.browser.request(`/begin${query}`);
    if (response.status !== 302) throw new Error(`begin: ${response.status} ${response.text()}`);
    return response.headers.get('Location') ?? '';
  }

  callback(query: URLSearchParams | string): Promise<TestResponse> {
    return this.browser.request(`/callback?${query}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
  }
}

/** A provider of a test, our end of it, and the client that connects them. */
export interface Scene {
  readonly idp: IdentityProvider;
  readonly provider: OpenIDProvider;
  readonly site: Site;
}

/** Runs a test with a provider that behaves well at first. Warnings and errors that it does not expect fail it. */
export async function withSite(
  test: (scene: Scene) => Promise<void>,
  options: Partial<OpenIDProviderOptions> = {},
  settings: ApplicationSettings = {},
): Promise<void> {
  await using idp = await IdentityProvider.start();
  const client = new AsyncHTTPClient();
  try {
    const provider = await openIDProvider({
      issuer: idp.issuer,
      clientId: 'shop',
      clientSecret: 'client-secret',
      fetch: client.toFetch(),
      allowHttp: true,
      ...options,
    });
    await using site = new Site(provider, settings);
    await test({ idp, provider, site });
    site.log.expectNothing();
  } finally {
    await client.close();
  }
}
