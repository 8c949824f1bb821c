import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { AsyncHTTPClient } from '@landspout/httpclient';
import { afterAll, describe, expect, it } from 'vitest';
import { type OpenIDProviderOptions, openIDProvider, SIGN_IN_ERRORS } from '../../src/oidc/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';
import { IdentityProvider, type Misbehaviour, send, strangeKey } from './identity-provider.ts';
import { type Scene, withSite } from './site.ts';

/** Texts of the provider that must be neither on the page, nor in a header, nor in the log. */
const PRIVATE = ['access-token-1', 'refresh-token-1', 'client-secret', 'eyJ'];
/** Texts of the provider that must not be on the page or in a header. The log may have them. */
const MARK = 'text-of-the-provider';

/** Signs in, and checks that nothing leaks. @returns the status. */
async function signInFails({ idp, site }: Scene, reason: RegExp): Promise<number> {
  const query = idp.agree(await site.begin('?next=/account'));
  const response = await site.callback(query);
  expect(site.signedIn).toBeUndefined();
  const sent = `${response.text()} ${JSON.stringify(response.headers.getAll())}`;
  for (const text of [...PRIVATE, MARK, query.get('code') ?? '']) expect(sent).not.toContain(text);
  expect(response.headers.get('Location')).toBeUndefined();
  expect(site.browser.cookies.size).toBe(0);
  // After the reason, the record has the target of the request, whose code is of no use without the cookie.
  const [message = ''] = site.log.expect('warn', reason).message.split(': GET /callback?');
  const secrets = [...PRIVATE, query.get('code') ?? '', query.get('state') ?? ''];
  for (const text of secrets) expect(message).not.toContain(text);
  return response.status;
}

const client = new AsyncHTTPClient();
afterAll(() => client.close());

type Case = readonly [name: string, misbehaviour: Misbehaviour, reason: RegExp];

const ID_TOKENS: readonly Case[] = [
  ['another nonce', { claims: (claims) => ({ ...claims, nonce: MARK }) }, /nonce/],
  ['no nonce', { claims: ({ nonce: _, ...claims }) => claims }, /nonce/],
  ['another audience', { claims: (claims) => ({ ...claims, aud: MARK }) }, /aud/],
  ['a list of other audiences', { claims: (claims) => ({ ...claims, aud: ['a', 'b'] }) }, /aud/],
  [
    'another authorized party',
    { claims: (claims) => ({ ...claims, aud: ['shop', 'b'], azp: 'b' }) },
    /azp|authorized party/,
  ],
  ['another issuer', { claims: (claims) => ({ ...claims, iss: 'https://evil.example' }) }, /iss/],
  ['an expiry in the past', { claims: (claims) => ({ ...claims, exp: 1_000 }) }, /exp/],
  ['no expiry', { claims: ({ exp: _, ...claims }) => claims }, /exp/],
  ['a start in the future', { claims: (claims) => ({ ...claims, nbf: 99_999_999_999 }) }, /nbf/],
  ['no subject', { claims: ({ sub: _, ...claims }) => claims }, /sub/],
  ['a number as subject', { claims: (claims) => ({ ...claims, sub: 1 }) }, /sub/],
  ['an empty subject', { claims: (claims) => ({ ...claims, sub: '' }) }, /sub/],
  ['an endless subject', { claims: (claims) => ({ ...claims, sub: 'a'.repeat(256) }) }, /sub .*got 256/],
  ['the algorithm none', { header: () => ({ alg: 'none' }), idToken: unsigned }, /alg|JWS/],
  ['the algorithm none in metadata too', noneEverywhere(), /alg|JWS|key/i],
  ['the client secret as HMAC key', { idToken: symmetric }, /alg|JWS/],
  ['an unknown key', { header: (header) => ({ ...header, kid: MARK }) }, /key/],
  ['a critical extension', { header: (header) => ({ ...header, crit: ['exp'] }) }, /crit/],
  ['a changed signature', { idToken: (token) => `${token.slice(0, -8)}AAAAAAAA` }, /signature/i],
  ['no signature', { idToken: unsigned }, /signature|JWT/i],
  ['five parts', { idToken: () => 'eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d' }, /JWE/],
  ['no JWT', { idToken: () => MARK }, /JWT/],
  ['rubbish in base64', { idToken: (token) => `${token.split('.').slice(0, 2).join('.')}.!!!` }, /./],
  ['no ID token', { tokens: ({ id_token: _, ...tokens }) => tokens }, /id_token/],
];

const TOKENS: readonly Case[] = [
  ['no access token', { tokens: ({ access_token: _, ...tokens }) => tokens }, /access_token/],
  ['no bearer token', { tokens: (tokens) => ({ ...tokens, token_type: 'mac' }) }, /token_type/],
  [
    'a line break in the token',
    { tokens: (tokens) => ({ ...tokens, access_token: 'access-token-1\r\nX: y' }) },
    /bearer token/,
  ],
  ['a list', { tokens: () => [] as never }, /object/],
  ['an endless life', { tokens: (tokens) => ({ ...tokens, expires_in: 'x' }) }, /expires_in/],
  ['HTML', at('/token', (response) => html(response, 200)), /content-type/],
  ['a page of a proxy', at('/token', (response) => html(response, 503)), /status was 503/],
  [
    'truncated JSON',
    at('/token', (response) => response.setHeader('Content-Type', 'application/json').end('{"a":')),
    /JSON/,
  ],
  ['JSON that is too large', at('/token', (response) => send(response, 200, 'a'.repeat(2 ** 20))), /1048576/],
  ['keys that are too large', at('/jwks', (response) => send(response, 200, 'a'.repeat(2 ** 20))), /1048576/],
  ['no keys', at('/jwks', (response) => send(response, 200, { keys: [] })), /key/],
  ['keys that are none', at('/jwks', (response) => send(response, 200, { keys: [1, {}] })), /keys/],
];

describe('an ID token', () => {
  it.each(ID_TOKENS)('with %s is a 502', (_name, misbehaviour, reason) =>
    withSite(
      async (scene) => {
        scene.idp.misbehaviour = misbehaviour;
        expect(await signInFails(scene, reason)).toBe(502);
      },
      { lazy: true },
    ),
  );

  it('that another key has signed is a 502', () =>
    withSite(async (scene) => {
      scene.idp.key = strangeKey;
      expect(await signInFails(scene, /signature/)).toBe(502);
    }));

  it('of a user who authenticated too long ago is a 502', () =>
    withSite(async (scene) => {
      scene.site.redirectOptions = { maxAgeSeconds: 60 };
      scene.idp.misbehaviour.claims = (claims) => ({ ...claims, auth_time: 1_000 });
      expect(await signInFails(scene, /timestamp/)).toBe(502);
    }));
});

describe('a token endpoint', () => {
  it.each(TOKENS)('that responds with %s is a 502', (_name, misbehaviour, reason) =>
    withSite(async (scene) => {
      scene.idp.misbehaviour = misbehaviour;
      expect(await signInFails(scene, reason)).toBe(502);
    }),
  );

  it('that redirects is a 502, and gets no secret elsewhere', () =>
    withSite(async (scene) => {
      for (const status of [301, 302, 303, 307, 308]) {
        scene.idp.misbehaviour = at('/token', (response) =>
          response.writeHead(status, { Location: `${scene.idp.issuer}/elsewhere` }).end(),
        );
        expect(await signInFails(scene, new RegExp(`status was ${status}`))).toBe(502);
      }
      expect(scene.idp.paths).not.toContain('/elsewhere');
    }));

  it('that refuses us is a 502, and one that refuses the code a 400', () =>
    withSite(async (scene) => {
      const refusal = { error: 'invalid_client', error_description: `<b>${MARK}</b> client-secret` };
      scene.idp.misbehaviour = at('/token', (response) => send(response, 401, refusal));
      expect(await signInFails(scene, /401 and the error "invalid_client": "<b>text-of-the-provider/)).toBe(
        502,
      );
      const expired = { error: 'invalid_grant', error_description: MARK };
      scene.idp.misbehaviour = at('/token', (response, { form }) =>
        send(response, 400, {
          ...expired,
          error_description: `${form.get('code')} ${form.get('code_verifier')}`,
        }),
      );
      expect(await signInFails(scene, /"\(masked\) \(masked\)"/)).toBe(400);
    }));

  it('that does not respond completely in time is a 502', async () => {
    for (const start of ['', '{"access_token":']) {
      const clock = new VirtualClock();
      await withSite(
        async (scene) => {
          scene.idp.misbehaviour = at('/token', (response) => {
            if (start !== '') response.writeHead(200, { 'Content-Type': 'application/json' }).write(start);
            void clock.advance(10_000);
          });
          expect(await signInFails(scene, /no complete response within 10000 ms/)).toBe(502);
        },
        { clock },
      );
    }
  });

  it('that ends the connection is a 502', () =>
    withSite(async (scene) => {
      scene.idp.misbehaviour = at('/token', (response) => response.destroy());
      expect(await signInFails(scene, /the request failed/)).toBe(502);
    }));
});

describe('a UserInfo endpoint', () => {
  it.each([
    ['of another user', (response: ServerResponse) => send(response, 200, { sub: 'user-2' }), /sub/],
    ['with an error', (response: ServerResponse) => send(response, 401, { error: MARK }), /401/],
  ])('%s is a 502', (_name, respond, reason) =>
    withSite(
      async (scene) => {
        scene.idp.misbehaviour = at('/userinfo', respond);
        expect(await signInFails(scene, reason)).toBe(502);
      },
      { userInfo: true },
    ),
  );
});

describe('discovery', () => {
  const failing: readonly Case[] = [
    ['of another issuer', { metadata: (data) => ({ ...data, issuer: 'https://evil.example' }) }, /issuer/],
    [
      'without JSON',
      at('/.well-known/openid-configuration', (response) => html(response, 200)),
      /content-type/,
    ],
    [
      'that redirects',
      at('/.well-known/openid-configuration', (r) => r.writeHead(302).end()),
      /status was 302/,
    ],
    [
      'that is missing',
      at('/.well-known/openid-configuration', (r) => r.writeHead(404).end()),
      /status was 404/,
    ],
  ];

  it.each(failing)('%s rejects', async (_name, misbehaviour, reason) => {
    await using idp = await IdentityProvider.start();
    idp.misbehaviour = misbehaviour;
    await expect(provided(idp)).rejects.toMatchObject({
      code: 'ERR_SIGN_IN_RESPONSE',
      message: expect.stringMatching(reason),
    });
  });

  it.each([
    ['with a script', 'javascript:alert(1)'],
    ['that is no URL', '//'],
    ['that is missing', undefined],
  ])('of an authorization endpoint %s is a 502', (_name, endpoint) =>
    withSite(
      async ({ idp, site }) => {
        idp.misbehaviour.metadata = (data) => ({ ...data, authorization_endpoint: endpoint });
        expect((await site.browser.request('/begin')).status).toBe(502);
        expect(site.browser.cookies.size).toBe(0);
        site.log.expect('warn', /authorizeRedirect/);
      },
      { lazy: true },
    ),
  );

  it('is tried again after a failure, and is not needed for the start', () =>
    withSite(
      async ({ idp, site }) => {
        idp.misbehaviour = at('/.well-known/openid-configuration', (response) => response.destroy());
        const response = await site.browser.request('/begin');
        expect(response.status).toBe(502);
        expect(response.text()).toContain('The sign-in service cannot be reached.');
        site.log.expect('warn', /the request failed/);
        idp.misbehaviour = {};
        expect(await site.begin()).toContain(idp.issuer);
        await site.begin();
        expect(idp.paths).toHaveLength(2);
      },
      { lazy: true },
    ));

  it('is done once for all that wait for it', () =>
    withSite(
      async ({ idp, site }) => {
        await Promise.all([site.begin(), site.begin(), site.begin()]);
        expect(idp.paths).toHaveLength(1);
      },
      { lazy: true },
    ));

  it('is repeated after a day, while the old metadata are used, also if it fails', () => {
    const clock = new VirtualClock();
    return withSite(
      async ({ idp, provider, site }) => {
        await clock.advance(86_400_000);
        const asked = new Promise<void>((resolve) => {
          idp.misbehaviour = at('/.well-known/openid-configuration', (response) => {
            response.writeHead(503).end();
            resolve();
          });
        });
        expect(await site.begin()).toContain(`${idp.issuer}/authorize`);
        await asked;
        await provider.discover();
        expect(idp.paths).toHaveLength(2);
        const renewed = new Promise<void>((resolve) => {
          idp.misbehaviour = {
            metadata: (data) => {
              resolve();
              return { ...data, authorization_endpoint: `${idp.issuer}/authorize-2` };
            },
          };
        });
        await clock.advance(60_000);
        expect(await site.begin()).toContain(`${idp.issuer}/authorize?`);
        await renewed;
        await expect.poll(() => site.begin()).toContain(`${idp.issuer}/authorize-2`);
      },
      { clock },
    );
  });

  it('uses no plain HTTP unless it is allowed', async () => {
    await using idp = await IdentityProvider.start();
    await expect(provided(idp, { allowHttp: false })).rejects.toMatchObject({ code: 'ERR_WEB_USAGE' });
    expect(idp.requests).toEqual([]);
  });
});

it('each error of a sign-in has a status and a text for the page', () => {
  for (const { status, detail } of Object.values(SIGN_IN_ERRORS)) {
    expect([400, 403, 502]).toContain(status);
    expect(detail).toMatch(/\.$/);
  }
});

function at(path: string, respond: NonNullable<Misbehaviour['respond']>[string]): Misbehaviour {
  return { respond: { [path]: respond } };
}

function html(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'Content-Type': 'text/html' }).end(`<h1>${MARK}</h1>`);
}

function unsigned(token: string): string {
  return `${token.split('.').slice(0, 2).join('.')}.`;
}

/** Signs with the client secret. */
function symmetric(token: string): string {
  const [, payload = ''] = token.split('.');
  const text = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${payload}`;
  return `${text}.${createHmac('sha256', 'client-secret').update(text).digest('base64url')}`;
}

function noneEverywhere(): Misbehaviour {
  return {
    metadata: (data) => ({ ...data, id_token_signing_alg_values_supported: ['none', 'RS256'] }),
    header: () => ({ alg: 'none' }),
    idToken: unsigned,
  };
}

/** A provider of the test, of which the site may be another. */
function provided(idp: IdentityProvider, options: Partial<OpenIDProviderOptions> = {}) {
  return openIDProvider({
    issuer: idp.issuer,
    clientId: 'shop',
    clientSecret: 'client-secret',
    fetch: client.toFetch(),
    allowHttp: true,
    ...options,
  });
}
