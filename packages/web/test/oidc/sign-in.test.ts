import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Application, mount, RequestHandler, type RouteSpec } from '../../src/index.ts';
import {
  type AuthorizeRedirectOptions,
  authorizeRedirect,
  getAuthenticatedUser,
  isSignInCallback,
  type OpenIDUser,
  SignInError,
  type SignInProvider,
  TokenSet,
} from '../../src/oidc/index.ts';
import { LogRecorder, TestClient, VirtualClock } from '../../src/testing/index.ts';
import { send } from './identity-provider.ts';
import { SECRET, withSite } from './site.ts';

describe('authorizeRedirect', () => {
  it('sends the browser to the provider with state, nonce and PKCE [AU-01]', () =>
    withSite(async ({ idp, site }) => {
      const response = await site.browser.request('/begin');
      const url = new URL(response.headers.get('Location') ?? '');
      expect(url.origin + url.pathname).toBe(`${idp.issuer}/authorize`);
      expect(Object.fromEntries(url.searchParams)).toEqual({
        client_id: 'shop',
        redirect_uri: 'http://localhost/callback',
        response_type: 'code',
        scope: 'openid',
        state: expect.stringMatching(/^[\w-]{43}$/),
        nonce: expect.stringMatching(/^[\w-]{43}$/),
        code_challenge: expect.stringMatching(/^[\w-]{43}$/),
        code_challenge_method: 'S256',
      });
      expect(response.status).toBe(302);
      expect(response.headers.get('Cache-Control')).toBe('no-store');
      expect(response.headers.get('Referrer-Policy')).toBe('no-referrer');
    }));

  it('uses another state, nonce and verifier each time', () =>
    withSite(async ({ site }) => {
      const [one, other] = [new URL(await site.begin()), new URL(await site.begin())];
      for (const name of ['state', 'nonce', 'code_challenge']) {
        expect(one.searchParams.get(name)).not.toBe(other.searchParams.get(name));
      }
    }));

  it('keeps the sign-in in an encrypted cookie for ten minutes', () =>
    withSite(
      async ({ site }) => {
        const response = await site.browser.request('/begin');
        const [line = ''] = response.headers.getList('Set-Cookie');
        const [pair = '', ...attributes] = line.split('; ');
        expect(pair).toMatch(/^__Host-landspout-sign-in-[\w-]{16}=e1\|/);
        expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=600', 'Path=/', 'SameSite=Lax', 'Secure']);
        expect(response.headers.get('Location')).toContain(
          'redirect_uri=https%3A%2F%2Fshop.example%2Fcallback',
        );
      },
      {},
      { publicOrigin: 'https://shop.example' },
    ));

  it('takes scope, prompt, login hint, maximum age and parameters', () =>
    withSite(async ({ site }) => {
      site.redirectOptions = {
        scope: ['openid', 'email'],
        prompt: 'select_account',
        loginHint: 'ada@example.com',
        maxAgeSeconds: 60,
        parameters: { ui_locales: 'de' },
      };
      expect(Object.fromEntries(new URL(await site.begin()).searchParams)).toMatchObject({
        scope: 'openid email',
        prompt: 'select_account',
        login_hint: 'ada@example.com',
        max_age: '60',
        ui_locales: 'de',
      });
    }));

  it.each([
    [{ parameters: { state: 'x' } }, /state is set by this function/],
    [{ redirectUri: 'https://evil.example/callback' }, /redirectUri: a path or URL of this site/],
    [{ redirectUri: '/callback?a=1' }, /redirectUri: a path or URL of this site/],
    [{ redirectUri: '//evil.example' }, /redirectUri: a path or URL of this site/],
    [{ scope: 'a\nb' }, /scope: scopes/],
    [{ maxAgeSeconds: -1 }, /maxAgeSeconds: a whole number/],
    [{ nxt: '/' }, /unknown option "nxt": did you mean "next"\?/],
  ])('refuses %j', (options, message) =>
    withSite(async ({ site }) => {
      site.redirectOptions = options as AuthorizeRedirectOptions;
      expect((await site.browser.request('/begin')).status).toBe(500);
      site.log.expect('error', message);
    }),
  );

  it('keeps five sign-ins of a browser, and removes the oldest', () => {
    const clock = new VirtualClock();
    return withSite(
      async ({ idp, site }) => {
        const locations: string[] = [];
        for (let i = 0; i < 7; i += 1) {
          await clock.advance(1_000);
          locations.push(await site.begin());
          expect(site.browser.cookies.size).toBe(Math.min(i + 1, 5));
        }
        const [first = '', second = '', third = ''] = locations;
        expect((await site.callback(idp.agree(first))).status).toBe(400);
        expect((await site.callback(idp.agree(second))).status).toBe(400);
        expect((await site.callback(idp.agree(third))).status).toBe(302);
        site.log.expect('warn', /no sign-in with this state/);
      },
      {},
      { clock },
    );
  });

  it('removes cookies that are too old or not ours', () => {
    const clock = new VirtualClock();
    return withSite(
      async ({ site }) => {
        await site.begin();
        site.browser.cookies.set('landspout-sign-in-forged', 'e1|0|1|AAAA');
        await clock.advance(601_000);
        await site.begin();
        expect(site.browser.cookies.size).toBe(1);
      },
      {},
      { clock },
    );
  });
});

describe('getAuthenticatedUser', () => {
  it('returns the user, the tokens and the page to return to [AU-01]', () =>
    withSite(async ({ idp, site }) => {
      const query = idp.agree(await site.begin('?next=/account?tab=2%23top'));
      const response = await site.callback(query);
      expect(response.status).toBe(302);
      expect(response.headers.get('Location')).toBe('/account?tab=2#top');
      expect(response.headers.get('Cache-Control')).toBe('no-store');
      expect(site.signedIn).toMatchObject({
        user: { iss: idp.issuer, sub: 'user-1', aud: 'shop', name: 'Ada' },
        tokens: { accessToken: 'access-token-1', tokenType: 'bearer', refreshToken: 'refresh-token-1' },
        next: '/account?tab=2#top',
      });
      expect(site.browser.cookies.size).toBe(0);
      expect(idp.paths).toEqual(['/.well-known/openid-configuration', '/token', '/jwks']);
    }));

  it('says when the access token expires, and does not show tokens in logs', () => {
    const clock = new VirtualClock();
    return withSite(
      async ({ idp, site }) => {
        await site.callback(idp.agree(await site.begin()));
        const { tokens } = site.signedIn as { tokens: TokenSet };
        expect(tokens).toBeInstanceOf(TokenSet);
        expect(tokens.expiresAtMs).toBe(clock.wallTime() + 60_000);
        expect(inspect(site.signedIn)).not.toMatch(/access-token-1|refresh-token-1|eyJ/);
        expect(JSON.parse(JSON.stringify(tokens)).accessToken).toBe('access-token-1');
      },
      { clock },
    );
  });

  it('completes a sign-in only once', () =>
    withSite(async ({ idp, site }) => {
      const query = idp.agree(await site.begin());
      const cookies = [...site.browser.cookies];
      expect((await site.callback(query)).status).toBe(302);
      expect((await site.callback(query)).status).toBe(400);
      expect(site.log.expect('warn', /no sign-in with this state/).message).not.toContain('access-token');
      // With a copy of the cookie, the provider refuses the code.
      for (const [name, value] of cookies) site.browser.cookies.set(name, value);
      const replayed = await site.callback(query);
      expect(replayed.status).toBe(400);
      expect(replayed.text()).toContain('This sign-in has expired. Start it again.');
    }));

  it('refuses a sign-in that another browser has begun', () =>
    withSite(async ({ idp, site }) => {
      const query = idp.agree(await site.begin());
      site.browser.cookies.clear();
      const response = await site.callback(query);
      expect(response.status).toBe(400);
      expect(response.text()).toContain('started in another browser');
      expect(idp.paths).toEqual(['/.well-known/openid-configuration']);
      site.log.expect('warn', /400 Bad Request: getAuthenticatedUser: the browser has no sign-in/);
    }));

  it('refuses a sign-in that has taken more than ten minutes', () => {
    const clock = new VirtualClock();
    return withSite(
      async ({ idp, site }) => {
        const query = idp.agree(await site.begin());
        await clock.advance(601_000);
        expect((await site.callback(query)).status).toBe(400);
        expect(site.browser.cookies.size).toBe(0);
        site.log.expect('warn', /no sign-in with this state/);
      },
      {},
      { clock },
    );
  });

  it('completes several sign-ins of one browser in any order', () =>
    withSite(async ({ idp, site }) => {
      const [one, other] = [await site.begin('?next=/1'), await site.begin('?next=/2')];
      expect((await site.callback(idp.agree(other))).headers.get('Location')).toBe('/2');
      expect((await site.callback(idp.agree(one))).headers.get('Location')).toBe('/1');
    }));

  it('adds the claims of the UserInfo endpoint, of which those of the ID token win', () =>
    withSite(
      async ({ idp, site }) => {
        idp.misbehaviour.respond = {
          '/userinfo': (response) =>
            send(response, 200, { sub: 'user-1', email: 'ada@example.com', name: 'Eve', iss: 'https://x' }),
        };
        await site.callback(idp.agree(await site.begin()));
        const { user } = site.signedIn as { user: unknown };
        expect(user).toMatchObject({ email: 'ada@example.com', name: 'Ada', iss: idp.issuer });
      },
      { userInfo: true },
    ));

  it('lets in only users that verifyUser accepts', () =>
    withSite(
      async ({ idp, site }) => {
        idp.misbehaviour.claims = (claims) => ({ ...claims, email: 'ada@example.com' });
        expect((await site.callback(idp.agree(await site.begin()))).status).toBe(302);
        idp.misbehaviour.claims = (claims) => ({ ...claims, email: 'eve@evil.example' });
        const response = await site.callback(idp.agree(await site.begin()));
        expect(response.status).toBe(403);
        expect(response.text()).not.toContain('eve');
        site.log.expect('warn', /verifyUser has refused the user/);
      },
      { verifyUser: async ({ email }) => String(email).endsWith('@example.com') },
    ));

  it('responds with problem details to clients that accept JSON', () =>
    withSite(async ({ site }) => {
      const response = await site.browser.request('/callback', { headers: { Accept: 'application/json' } });
      expect(response.json()).toMatchObject({
        status: 400,
        detail: expect.stringContaining('Start the sign-in'),
      });
      site.log.expect('warn', /there is no state/);
    }));
});

describe('the redirect URI', () => {
  /** An application in which one handler begins and completes sign-ins. */
  function oneHandler(provider: SignInProvider<OpenIDUser>): RouteSpec[] {
    class Both extends RequestHandler {
      override async get() {
        if (!isSignInCallback(this)) return await authorizeRedirect(this, provider);
        const { user, next } = await getAuthenticatedUser(this, provider);
        this.write({ sub: user.sub, next });
      }
    }
    return [['/both', Both]];
  }

  it('is the path of the request by default, so that one handler does both', () =>
    withSite(async ({ idp, provider }) => {
      await using browser = new TestClient(new Application(oneHandler(provider), { cookieSecret: SECRET }));
      const begun = (await browser.request('/both?next=/account')).headers.get('Location') ?? '';
      expect(new URL(begun).searchParams.get('redirect_uri')).toBe('http://localhost/both');
      const done = await browser.request(`/both?${idp.agree(begun)}`);
      expect(done.json()).toEqual({ sub: 'user-1', next: '/account' });
    }));

  it.each(['error=access_denied&state=x', 'state=x', 'code=x', 'openid.mode=cancel'])(
    'gets callbacks such as %s',
    (query) =>
      withSite(async ({ provider }) => {
        const logger = new LogRecorder();
        const app = new Application(oneHandler(provider), { cookieSecret: SECRET, logger });
        await using browser = new TestClient(app);
        expect((await browser.request(`/both?${query}`)).status).toBe(400);
      }),
  );

  it('and the page to return to have the path at which the application is mounted', () =>
    withSite(async ({ idp, provider }) => {
      const inner = new Application(oneHandler(provider), { cookieSecret: SECRET });
      await using browser = new TestClient(new Application([mount('/shop', inner)]));
      const begun = (await browser.request('/shop/both')).headers.get('Location') ?? '';
      expect(new URL(begun).searchParams.get('redirect_uri')).toBe('http://localhost/shop/both');
      const done = await browser.request(`/shop/both?${idp.agree(begun)}`);
      expect(done.json()).toEqual({ sub: 'user-1', next: '/shop/' });
    }));

  it('may be an absolute URL of one of the origins', () =>
    withSite(
      async ({ site }) => {
        for (const redirectUri of ['https://shop.example/callback', 'https://www.shop.example/callback']) {
          site.redirectOptions = { redirectUri };
          expect(new URL(await site.begin()).searchParams.get('redirect_uri')).toBe(redirectUri);
        }
      },
      {},
      { publicOrigin: ['https://shop.example', 'https://www.shop.example'] },
    ));
});

describe('a provider', () => {
  it('and its errors do not show secrets and tokens', () =>
    withSite(async ({ idp, provider }) => {
      idp.misbehaviour.tokens = (tokens) => ({ ...tokens, id_token: `${idp.idToken()}x` });
      const error: unknown = await provider.refresh('refresh-token-1').catch((reason) => reason);
      expect(error).toMatchObject({ code: 'ERR_SIGN_IN_RESPONSE' });
      const shown = inspect([provider, error], { depth: 20, showHidden: true });
      expect(shown).toContain("clientId: 'shop'");
      expect(shown).not.toMatch(/client-secret|access-token|refresh-token|eyJ/);
    }));

  it('refreshes tokens, and keeps the refresh token', () =>
    withSite(async ({ provider }) => {
      const tokens = await provider.refresh('refresh-token-1');
      expect(tokens).toMatchObject({ accessToken: 'access-token-2', refreshToken: 'refresh-token-1' });
      await expect(provider.refresh('refresh-token-2')).rejects.toMatchObject({
        code: 'ERR_SIGN_IN_GRANT',
        providerError: 'invalid_grant',
        providerStatus: 400,
      });
    }));

  it('refuses the ID token of another user when it refreshes', () =>
    withSite(async ({ idp, provider }) => {
      idp.misbehaviour.tokens = (tokens) => ({ ...tokens, id_token: idp.idToken() });
      expect((await provider.refresh('refresh-token-1', { subject: 'user-1' })).idToken).toBeDefined();
      const other = provider.refresh('refresh-token-1', { subject: 'user-2' });
      await expect(other).rejects.toMatchObject({ code: 'ERR_SIGN_IN_RESPONSE' });
    }));

  it('revokes tokens', () =>
    withSite(async ({ idp, provider }) => {
      await provider.revoke('refresh-token-1');
      expect(idp.requests.at(-1)?.form.get('token')).toBe('refresh-token-1');
    }));

  it('calls an API with an access token, arguments, and a form or JSON [AU-01]', () =>
    withSite(async ({ idp, provider }) => {
      idp.misbehaviour.respond = { '/api': (response) => send(response, 200, [1]) };
      const accessToken = 'access-token-1';
      expect(
        await provider.oauth2Request(`${idp.issuer}/api?a=1`, { accessToken, args: { b: '2 3' } }),
      ).toEqual([1]);
      await provider.oauth2Request(`${idp.issuer}/api`, { accessToken, postArgs: { status: 'a&b' } });
      await provider.oauth2Request(`${idp.issuer}/api`, { accessToken, json: { a: 1 }, method: 'PUT' });
      const [, get, post, put] = idp.requests;
      expect(get).toMatchObject({ method: 'GET', headers: { authorization: 'Bearer access-token-1' } });
      expect([...(get?.query ?? [])]).toEqual([
        ['a', '1'],
        ['b', '2 3'],
      ]);
      expect(post?.form.get('status')).toBe('a&b');
      expect(put).toMatchObject({
        method: 'PUT',
        body: '{"a":1}',
        headers: { 'content-type': 'application/json' },
      });
    }));

  it('says that an access token has expired', () =>
    withSite(async ({ idp, provider }) => {
      const request = provider.oauth2Request(`${idp.issuer}/userinfo`, { accessToken: 'expired-token' });
      await expect(request).rejects.toThrow(SignInError);
      await expect(request).rejects.toMatchObject({ code: 'ERR_SIGN_IN_REFUSED', providerStatus: 401 });
    }));

  it.each(['http://api.example/', '/path', 'ftp://api.example', ''])('sends no token to %j', (url) =>
    withSite(
      async ({ provider }) => {
        const request = provider.oauth2Request(url, { accessToken: 'access-token-1' });
        await expect(request).rejects.toMatchObject({ code: 'ERR_WEB_USAGE' });
      },
      { allowHttp: false, issuer: 'https://issuer.example', lazy: true },
    ),
  );

  it('logs the user out, and back to this site', () =>
    withSite(async ({ idp, site }) => {
      const response = await site.browser.request('/end?token=id-token-1', { method: 'POST' });
      const url = new URL(response.headers.get('Location') ?? '');
      expect(response.status).toBe(303);
      expect(url.origin + url.pathname).toBe(`${idp.issuer}/end`);
      expect(Object.fromEntries(url.searchParams)).toEqual({
        client_id: 'shop',
        id_token_hint: 'id-token-1',
        post_logout_redirect_uri: 'http://localhost/bye',
      });
    }));
});
