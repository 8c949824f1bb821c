import { AsyncHTTPClient } from '@landspout/httpclient';
import { describe, expect, it } from 'vitest';
import { openIDProvider } from '../../src/oidc/index.ts';
import { IdentityProvider } from './identity-provider.ts';
import { Site, withSite } from './site.ts';

/** A text of the provider that must not be on the page. */
const MARK = 'text-of-the-provider';

describe('a callback', () => {
  const forged: readonly (readonly [string, (query: URLSearchParams) => void, RegExp])[] = [
    ['without a state', (query) => query.delete('state'), /there is no state/],
    ['with an empty state', (query) => query.set('state', ''), /there is no state/],
    ['with another state', (query) => query.set('state', 'A'.repeat(43)), /no sign-in with this state/],
    ['with two states', (query) => query.append('state', 'x'), /the parameter state is repeated/],
    ['with two codes', (query) => query.append('code', 'x'), /the parameter code is repeated/],
    ['with neither code nor error', (query) => query.delete('code'), /neither a code nor an error/],
    ['of another issuer', (query) => query.set('iss', 'https://evil.example'), /iss is another issuer/],
    ['without an issuer', (query) => query.delete('iss'), /there is no iss/],
    ['with an ID token', (query) => query.set('id_token', 'eyJ'), /id_token was not requested/],
    ['with a JWT', (query) => query.set('response', 'eyJ'), /response was not requested/],
    ['of OpenID 2.0 [ATT-58]', (query) => query.set('openid.mode', 'id_res'), /OpenID 2.0 is not supported/],
  ];

  it.each(forged)('%s is a 400', (_name, change, reason) =>
    withSite(async ({ idp, site }) => {
      const query = idp.agree(await site.begin());
      change(query);
      const response = await site.callback(query);
      expect(response.status).toBe(400);
      expect(response.text()).not.toContain('evil');
      expect(site.signedIn).toBeUndefined();
      expect(idp.paths).toEqual(['/.well-known/openid-configuration']);
      site.log.expect('warn', reason);
    }),
  );

  it.each(['is_valid:true', 'ns:http://specs.openid.net/auth/2.0\nis_valid:true', 'x is_valid:true'])(
    'of OpenID 2.0 is a 400, and nothing is verified, whatever a provider would say: %j [ATT-58]',
    (assertion) =>
      withSite(async ({ idp, site }) => {
        idp.misbehaviour.respond = { '/openid': (response) => response.end(assertion) };
        const query = new URLSearchParams({
          'openid.ns': 'http://specs.openid.net/auth/2.0',
          'openid.mode': 'id_res',
          'openid.op_endpoint': `${idp.issuer}/openid`,
          'openid.claimed_id': 'https://ada.example/',
        });
        expect((await site.callback(query)).status).toBe(400);
        expect(idp.paths).not.toContain('/openid');
        site.log.expect('warn', /OpenID 2.0 is not supported/);
      }),
  );

  it.each([
    ['access_denied', 403],
    ['login_required', 403],
    ['server_error', 502],
    ['invalid_scope', 502],
    ['<script>alert(1)</script>', 502],
  ])('with the error %s is a %i', (error, status) =>
    withSite(async ({ idp, site }) => {
      const query = idp.agree(await site.begin());
      query.delete('code');
      query.set('error', error);
      query.set('error_description', `<b>${MARK}</b>`);
      const response = await site.callback(query);
      expect(response.status).toBe(status);
      for (const text of [MARK, 'script', error]) expect(response.text()).not.toContain(text);
      expect(site.browser.cookies.size).toBe(0);
      site.log.expect('warn', /the provider sent the error/);
    }),
  );

  it('with an error but without a sign-in is a 400', () =>
    withSite(async ({ site }) => {
      expect((await site.callback('error=access_denied&state=x')).status).toBe(400);
      site.log.expect('warn', /no sign-in with this state/);
    }));

  it('for a sign-in with another provider is a 400', () =>
    withSite(async ({ idp, site }) => {
      await using other = await IdentityProvider.start();
      await using client = new AsyncHTTPClient();
      const fetch = client.toFetch();
      const provider = await openIDProvider({
        issuer: other.issuer,
        clientId: 'shop',
        fetch,
        allowHttp: true,
      });
      await using otherSite = new Site(provider);
      const query = idp.agree(await site.begin());
      for (const [name, value] of site.browser.cookies) otherSite.browser.cookies.set(name, value);
      expect((await otherSite.callback(query)).status).toBe(400);
      otherSite.log.expect('warn', /begun with another provider/);
      expect(other.paths).toEqual(['/.well-known/openid-configuration']);
    }));

  it('with a cookie that was changed is a 400', () =>
    withSite(async ({ idp, site }) => {
      const query = idp.agree(await site.begin());
      const [[name = '', value = ''] = []] = [...site.browser.cookies];
      site.browser.cookies.set(name, `${value.slice(0, -2)}AA`);
      expect((await site.callback(query)).status).toBe(400);
      site.log.expect('warn', /no sign-in with this state/);
    }));
});

describe('the page to return to', () => {
  it.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https:evil.example',
    'https:/evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/.//evil.example',
    '/%2e//evil.example',
    'javascript:alert(1)',
    'http://localhost@evil.example/',
    'http://localhost.evil.example/',
    'account',
    '/a b\u0000',
  ])('is never elsewhere: %j', (next) =>
    withSite(async ({ idp, site }) => {
      const begun = await site.begin(`?${new URLSearchParams({ next })}`);
      expect((await site.callback(idp.agree(begun))).headers.get('Location')).toBe('/');
      site.redirectOptions = { next };
      expect((await site.callback(idp.agree(await site.begin()))).headers.get('Location')).toBe('/');
    }),
  );

  it('is the start page if the path has more than 1,024 characters', () =>
    withSite(async ({ idp, site }) => {
      const next = `/${'a'.repeat(1_023)}`;
      const begun = await site.begin(`?next=${next}`);
      expect((await site.callback(idp.agree(begun))).headers.get('Location')).toBe(next);
      const longer = await site.begin(`?next=${next}a`);
      expect((await site.callback(idp.agree(longer))).headers.get('Location')).toBe('/');
    }));

  it('may be a URL of this site', () =>
    withSite(async ({ idp, site }) => {
      site.redirectOptions = { next: 'http://localhost/account?a=1' };
      expect((await site.callback(idp.agree(await site.begin()))).headers.get('Location')).toBe(
        '/account?a=1',
      );
    }));
});
