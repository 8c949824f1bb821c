import { AsyncHTTPClient, type CookieJar } from '@landspout/httpclient';
import { CHROMIUM_ARGS, chromiumPath } from '@landspout/tooling-chromium';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RealProvider } from './real-provider.ts';
import { Shop } from './shop.ts';

// oidc-provider warns on the console that its pages are for development only.
beforeAll(() => {
  vi.spyOn(console, 'info').mockReturnValue();
  vi.spyOn(console, 'warn').mockReturnValue();
});
afterAll(() => vi.restoreAllMocks());

async function withShop(test: (shop: Shop) => Promise<void>): Promise<void> {
  await using real = await RealProvider.start();
  await using shop = await Shop.start(real);
  await test(shop);
}

describe('a user of oidc-provider, in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath(), args: [...CHROMIUM_ARGS] });
  });
  afterAll(() => browser?.close());

  /** A browser profile of its own that reaches only this machine. */
  async function withContext(test: (context: BrowserContext) => Promise<void>): Promise<void> {
    const context = await browser.newContext();
    await context.route(/^https:/, (route) => route.abort());
    try {
      await test(context);
    } finally {
      await context.close();
    }
  }

  async function logIn(page: Page, name: string): Promise<void> {
    await page.getByPlaceholder('Enter any login').fill(name);
    await page.getByPlaceholder('and password').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
  }

  function agree(page: Page): Promise<void> {
    return page.getByRole('button', { name: 'Continue' }).click();
  }

  it('signs in, returns to the page, and signs out at both sites [AU-01]', () =>
    withShop((shop) =>
      withContext(async (context) => {
        const page = await context.newPage();
        await page.goto(`${shop.url}/account?tab=2`);
        expect(new URL(page.url()).hostname).toBe('127.0.0.1');
        await logIn(page, 'ada');
        await agree(page);
        await page.getByRole('heading', { name: 'Account of ada@example.com' }).waitFor();
        expect(page.url()).toBe(`${shop.url}/account?tab=2`);
        const names = (await context.cookies(shop.url)).map(({ name }) => name);
        expect(names.filter((name) => name.includes('sign-in'))).toEqual([]);

        // The provider knows the user now, and asks nothing.
        await context.clearCookies({ name: 'user' });
        await page.goto(`${shop.url}/account`);
        await page.getByRole('heading', { name: 'Account of ada@example.com' }).waitFor();

        await page.getByRole('button', { name: 'Sign out' }).click();
        await page.getByRole('button', { name: 'Yes, sign me out' }).click();
        await page.getByRole('heading', { name: 'Signed out: true' }).waitFor();
        await page.goto(`${shop.url}/account`);
        await page.getByPlaceholder('Enter any login').waitFor();
      }),
    ));

  it('signs in in two tabs at once', () =>
    withShop((shop) =>
      withContext(async (context) => {
        const [one, other] = [await context.newPage(), await context.newPage()];
        await one.goto(`${shop.url}/account?tab=1`);
        await other.goto(`${shop.url}/account?tab=2`);
        await logIn(other, 'ada');
        await agree(other);
        await other.getByRole('heading', { name: 'Account of' }).waitFor();
        await logIn(one, 'ada');
        await one.getByRole('heading', { name: 'Account of' }).waitFor();
        expect(one.url()).toBe(`${shop.url}/account?tab=1`);
      }),
    ));

  it('gets a 403 after the button to cancel, and a 400 for a reload of the callback', () =>
    withShop((shop) =>
      withContext(async (context) => {
        const page = await context.newPage();
        await page.goto(`${shop.url}/account`);
        const response = page.waitForResponse(/sign-in\/callback/);
        await page.getByRole('link', { name: 'Cancel' }).click();
        expect((await response).status()).toBe(403);
        await page.getByText('The sign-in was refused.').waitFor();
        expect(await page.content()).not.toContain('aborted');
        expect((await page.reload())?.status()).toBe(400);
        await page.getByText('Start it again.').waitFor();
        shop.log.expect('warn', /"access_denied"/);
        shop.log.expect('warn', /no sign-in with this state/);
      }),
    ));
});

describe('oidc-provider, with our own client', () => {
  it('issues tokens that are refreshed, used and revoked [AU-01]', () =>
    withShop(async (shop) => {
      await using visitor = new Visitor();
      const account = await visitor.signIn(`${shop.url}/account`, 'grace');
      expect(account).toContain('Account of grace@example.com');
      const { provider, users } = shop;
      const { user, tokens } = users.get('grace') ?? {};
      expect(user).toMatchObject({ sub: 'grace', iss: provider.issuer, aud: 'shop', email_verified: true });
      if (tokens?.refreshToken === undefined) throw new Error('no refresh token');

      const userInfo = `${provider.issuer}/me`;
      expect(await provider.oauth2Request(userInfo, { accessToken: tokens })).toMatchObject({ sub: 'grace' });
      const renewed = await provider.refresh(tokens.refreshToken, { subject: 'grace' });
      expect(renewed.accessToken).not.toBe(tokens.accessToken);
      expect(renewed.idToken).toBeDefined();
      await expect(provider.refresh(tokens.refreshToken, { subject: 'ada' })).rejects.toMatchObject({
        code: 'ERR_SIGN_IN_RESPONSE',
      });

      await provider.revoke(renewed.refreshToken ?? '');
      await expect(provider.refresh(renewed.refreshToken ?? '')).rejects.toMatchObject({
        code: 'ERR_SIGN_IN_GRANT',
        providerError: 'invalid_grant',
      });
      await expect(provider.oauth2Request(userInfo, { accessToken: renewed })).rejects.toMatchObject({
        providerStatus: 401,
      });
    }));
});

/** A visitor without a browser: sends forms, follows redirects and keeps cookies, for all ports of a host as browsers do. */
class Visitor implements AsyncDisposable {
  readonly #cookies = new Map<string, Map<string, string>>();
  readonly #client: AsyncHTTPClient;

  constructor() {
    const jar: CookieJar = {
      getCookieString: (url) => [...this.#of(url)].map((pair) => pair.join('=')).join('; '),
      setCookie: (cookie, url) => {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        if (value === '') this.#of(url).delete(name);
        else this.#of(url).set(name, value);
      },
    };
    this.#client = new AsyncHTTPClient({ cookieJar: jar, defaults: { maxRedirects: 10 } });
  }

  /** Logs in and agrees at the provider. @returns the page that follows. */
  async signIn(url: string, name: string): Promise<string> {
    const login = await this.#client.fetch(url);
    const agree = await this.#submit(login.text(), { prompt: 'login', login: name, password: 'any' });
    return await this.#submit(agree, { prompt: 'consent' });
  }

  async #submit(page: string, fields: Record<string, string>): Promise<string> {
    const [, action = ''] = /<form[^>]* action="([^"]+)"/.exec(page) ?? [];
    const response = await this.#client.fetch(action, { method: 'POST', body: new URLSearchParams(fields) });
    return response.text();
  }

  #of(url: string): Map<string, string> {
    const { hostname } = new URL(url);
    const found = this.#cookies.get(hostname) ?? new Map<string, string>();
    this.#cookies.set(hostname, found);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}
