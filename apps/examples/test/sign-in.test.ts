import { describe, expect, it } from 'vitest';
import { IdentityProvider } from '../../../packages/web/test/oidc/identity-provider.ts';
import { ExampleProcess } from './example-process.ts';
import { Visitor } from './visitor.ts';

/** The program, whose provider is one of the test. */
async function running(test: (visitor: Visitor, idp: IdentityProvider) => Promise<void>): Promise<void> {
  await using idp = await IdentityProvider.start();
  await using program = ExampleProcess.program('sign-in.js', {
    ISSUER: idp.issuer,
    CLIENT_ID: 'shop',
    CLIENT_SECRET: 'client-secret',
    GITHUB_CLIENT_ID: 'github-client',
  });
  await test(new Visitor(await program.url()), idp);
  expect(await program.stop()).toBe('SIGTERM');
}

describe('the example sign-in', () => {
  it('signs users in, returns to the page, and signs them out', () =>
    running(async (visitor, idp) => {
      const home = await visitor.get('/?a=1');
      expect(home.location).toBe('/sign-in?next=%2F%3Fa%3D1');
      const { text } = await visitor.get('/sign-in?next=%2F%3Fa%3D1');
      expect(text).toContain('<a href="/sign-in/openid?next=%2F%3Fa%3D1">');
      const begun = await visitor.get('/sign-in/openid?next=%2F%3Fa%3D1');
      const done = await visitor.get(`/sign-in/openid/callback?${idp.agree(begun.location ?? '')}`);
      expect(done.location).toBe('/?a=1');
      expect((await visitor.get('/')).text).toContain('<p>You are openid:user-1.</p>');
      expect((await visitor.post('/sign-out', {})).location).toBe('/sign-in');
      expect((await visitor.get('/')).status).toBe(302);
    }));

  it('sends users to GitHub, refuses what it did not begin, and knows no other providers', () =>
    running(async (visitor) => {
      const begun = new URL((await visitor.get('/sign-in/github')).location ?? '');
      expect(begun.host).toBe('github.com');
      expect(begun.searchParams.get('client_id')).toBe('github-client');
      expect((await visitor.get('/sign-in/github/callback?code=a&state=b')).status).toBe(400);
      expect((await visitor.get('/sign-in/other')).status).toBe(404);
    }));
});
