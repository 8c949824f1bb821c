import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type FacebookUser,
  facebook,
  type GitHubUser,
  github,
  google,
  OpenIDProvider,
  oauth2Provider,
  type SignIn,
  type SignInProvider,
} from '../../src/oidc/index.ts';
import { IdentityProvider } from './identity-provider.ts';
import { Site } from './site.ts';

/** A request that a provider has got. */
interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly form: URLSearchParams;
}

type Reply = (call: Call) => unknown;

/** A `fetch` that reaches only what the test has, by origin and path. A reply is JSON, or a `Response`. */
function web(replies: Readonly<Record<string, Reply>>) {
  const calls: Call[] = [];
  const fetch: typeof globalThis.fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    const headers = new Headers(init.headers);
    const form = new URLSearchParams(String(init.body ?? ''));
    const call = { method: init.method ?? 'GET', url, headers, form };
    calls.push(call);
    const reply = replies[url.origin + url.pathname];
    if (reply === undefined) throw new Error(`unexpected: ${url}`);
    const result = reply(call);
    return result instanceof Response ? result : Response.json(result);
  };
  return { fetch, calls };
}

/** Signs in with a code of the provider. */
async function signIn<User>(provider: SignInProvider<User>, more = ''): Promise<SignIn<User>> {
  await using site = new Site(provider, { publicOrigin: 'https://shop.example' });
  const { searchParams } = new URL(await site.begin());
  const response = await site.callback(`code=code-1&state=${searchParams.get('state')}${more}`);
  if (response.status !== 302) throw new Error(site.log.records.map(({ message }) => message).join());
  return site.signedIn as SignIn<User>;
}

async function locationOf(provider: SignInProvider<unknown>): Promise<URL> {
  await using site = new Site(provider);
  return new URL(await site.begin());
}

const token = { access_token: 'token-1', token_type: 'bearer' };
const client = { clientId: 'shop', clientSecret: 'client-secret' };

describe('github [AU-01]', () => {
  const TOKEN = 'https://github.com/login/oauth/access_token';
  const USER = 'https://api.github.com/user';
  const profile = { id: 1, login: 'ada', name: 'Ada', email: 'shown@example.com', avatar_url: 'https://a/1' };
  const emails = [
    { email: 'old@example.com', primary: false, verified: true },
    { email: 'ada@example.com', primary: true, verified: true },
  ];

  it('returns the user, with the verified address', async () => {
    const { fetch, calls } = web({
      [TOKEN]: () => ({ ...token, scope: 'read:user,user:email' }),
      [USER]: () => profile,
      [`${USER}/emails`]: () => emails,
    });
    const { user, tokens }: SignIn<GitHubUser> = await signIn(github({ ...client, fetch }));
    expect(user).toEqual({
      id: 1,
      login: 'ada',
      name: 'Ada',
      email: 'ada@example.com',
      avatarUrl: 'https://a/1',
      profile,
    });
    expect(tokens.accessToken).toBe('token-1');
    const [exchange, api] = calls;
    expect(exchange?.headers.get('Accept')).toBe('application/json');
    expect(Object.fromEntries(exchange?.form ?? [])).toEqual({
      grant_type: 'authorization_code',
      client_id: 'shop',
      client_secret: 'client-secret',
      code: 'code-1',
      code_verifier: expect.stringMatching(/^[\w-]{43}$/),
      redirect_uri: 'https://shop.example/callback',
    });
    expect(api?.headers.get('Authorization')).toBe('Bearer token-1');
    expect(api?.headers.get('User-Agent')).toBe('landspout');
  });

  it.each([
    ['no address that is verified', 'user:email', [{ ...emails[1], verified: false }]],
    ['no list', 'user', { message: 'none' }],
    ['no scope for it', 'read:user', []],
  ])('has no address if there is %s', async (_name, scope, list) => {
    const { fetch } = web({
      [TOKEN]: () => ({ ...token, scope }),
      [USER]: () => profile,
      [`${USER}/emails`]: () => list,
    });
    expect((await signIn(github({ ...client, fetch }))).user.email).toBeUndefined();
  });

  it('knows the errors that GitHub sends with the status 200', async () => {
    const { fetch } = web({
      [TOKEN]: () => ({ error: 'bad_verification_code', error_description: 'expired' }),
    });
    await expect(signIn(github({ ...client, fetch }))).rejects.toThrow(
      /^400 Bad Request: .* "bad_verification_code": "expired"/,
    );
  });

  it.each([[{}], [{ id: 'x', login: 'ada' }], [[]], ['ada']])('refuses the profile %j', async (wrong) => {
    const { fetch } = web({ [TOKEN]: () => token, [USER]: () => wrong });
    await expect(signIn(github({ ...client, fetch }))).rejects.toThrow(/502 .*no id and login/);
  });

  it('asks for the scope, also at a server of your own', async () => {
    const { fetch } = web({});
    const url = await locationOf(github({ ...client, fetch, serverUrl: 'https://git.example/' }));
    expect(url.origin + url.pathname).toBe('https://git.example/login/oauth/authorize');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      scope: 'read:user user:email',
      code_challenge_method: 'S256',
    });
    expect(url.searchParams.has('nonce')).toBe(false);
  });
});

describe('facebook [AU-01]', () => {
  const API = 'https://graph.facebook.com/v23.0';
  const proof = createHmac('sha256', 'client-secret').update('token-1').digest('hex');

  it('signs requests with appsecret_proof', async () => {
    const { fetch, calls } = web({
      [`${API}/oauth/access_token`]: () => ({ ...token, expires_in: 60 }),
      [`${API}/me`]: () => ({ id: '7', name: 'Ada' }),
      [`${API}/me/feed`]: () => ({ id: '8' }),
    });
    const provider = facebook({ ...client, fetch });
    const { user, tokens }: SignIn<FacebookUser> = await signIn(provider);
    expect(user).toEqual({ id: '7', name: 'Ada' });
    expect(Object.fromEntries(calls[1]?.url.searchParams ?? [])).toEqual({
      fields: 'id,name,first_name,last_name,picture,email',
      appsecret_proof: proof,
    });
    await provider.oauth2Request('/me/feed', { accessToken: tokens, postArgs: { message: 'hello' } });
    expect(calls[2]).toMatchObject({ method: 'POST' });
    expect(calls[2]?.url.searchParams.get('appsecret_proof')).toBe(proof);
    expect(calls[2]?.form.get('message')).toBe('hello');
  });

  it('says what type of error Facebook sends, without its text', async () => {
    const error = { message: `invalid token-1 ${proof}`, type: 'OAuthException', code: 190 };
    const { fetch } = web({ [`${API}/me`]: () => Response.json({ error }, { status: 400 }) });
    const request = facebook({ ...client, fetch }).oauth2Request('/me', { accessToken: 'token-1' });
    await expect(request).rejects.toMatchObject({ providerError: 'OAuthException', providerStatus: 400 });
    await expect(request).rejects.not.toThrow(/token-1/);
  });

  it('keeps a path on the host of the API', async () => {
    const { fetch, calls } = web({ [`${API}//evil.example/`]: () => 1 });
    await facebook({ ...client, fetch }).oauth2Request('//evil.example/', { accessToken: 'token-1' });
    expect(calls[0]?.url.host).toBe('graph.facebook.com');
  });

  it.each([
    [{ apiVersion: '23' }, /apiVersion/],
    [{ fields: ['name'] }, /fields/],
    [{ clientSecret: '' }, /clientSecret/],
  ])('refuses %j', (options, message) => {
    expect(() => facebook({ ...client, fetch, ...options })).toThrow(message);
  });
});

describe('google [AU-01]', () => {
  const ISSUER = 'https://accounts.google.com';
  const metadata = {
    issuer: ISSUER,
    authorization_endpoint: `${ISSUER}/o/oauth2/v2/auth`,
    token_endpoint: 'https://oauth2.googleapis.com/token',
    jwks_uri: 'https://www.googleapis.com/oauth2/v3/certs',
  };
  const replies = { [`${ISSUER}/.well-known/openid-configuration`]: () => metadata };

  it('asks for the profile, and for what else is wanted', async () => {
    const { fetch } = web(replies);
    const provider = await google({ ...client, fetch, hostedDomain: 'shop.example', offline: true });
    expect(provider).toBeInstanceOf(OpenIDProvider);
    const { searchParams } = await locationOf(provider);
    expect(Object.fromEntries(searchParams)).toMatchObject({
      scope: 'openid email profile',
      hd: 'shop.example',
      access_type: 'offline',
      prompt: 'consent',
      nonce: expect.any(String),
    });
  });

  it.each([
    [undefined, undefined, 302],
    ['shop.example', 'shop.example', 302],
    ['shop.example', undefined, 403],
    ['shop.example', 'evil.example', 403],
    ['shop.example', ['shop.example'], 403],
    [['shop.example', 'b.example'], 'b.example', 302],
    [['shop.example', 'b.example'], 'c.example', 403],
    ['*', 'any.example', 302],
    ['*', '', 403],
  ])('with the domain %j, a user of %j gets a %i', async (hostedDomain, hd, status) => {
    await using idp = await IdentityProvider.start();
    idp.misbehaviour.claims = (claims) => ({ ...claims, iss: ISSUER, hd });
    // What Google serves at several hosts is served by one here.
    const fetch: typeof globalThis.fetch = (input, init) => {
      const { pathname } = new URL(String(input));
      if (pathname.includes('/.well-known/')) return Promise.resolve(Response.json(metadata));
      return globalThis.fetch(`${idp.issuer}${pathname === '/token' ? pathname : '/jwks'}`, init);
    };
    const provider = await google({ ...client, fetch, hostedDomain });
    await using site = new Site(provider);
    const query = idp.agree(await site.begin());
    query.set('iss', ISSUER);
    expect((await site.callback(query)).status).toBe(status);
  });

  it('refuses a wrong domain', async () => {
    await expect(google({ ...client, fetch, hostedDomain: [] })).rejects.toThrow(/hostedDomain/);
  });
});

describe('oauth2Provider [AU-01]', () => {
  const AUTHORIZATION = 'https://x.example/authorize';
  const options = {
    ...client,
    authorizationEndpoint: AUTHORIZATION,
    tokenEndpoint: 'https://x.example/token',
    apiUrl: 'https://api.x.example/2/',
  };

  it('has no user without fetchUser', async () => {
    const { fetch, calls } = web({ 'https://x.example/token': () => token });
    const { user } = await signIn(oauth2Provider({ ...options, fetch }));
    expect(user).toBeUndefined();
    expect(calls[0]?.headers.get('Authorization')).toMatch(/^Basic /);
  });

  it('gets the user by fetchUser', async () => {
    const { fetch } = web({
      'https://x.example/token': () => token,
      'https://api.x.example/2/me': ({ url }) => ({ me: url.searchParams.get('a') }),
    });
    const provider = oauth2Provider({
      ...options,
      fetch,
      fetchUser: (request, { accessToken }) => request('/me', { args: { a: accessToken } }),
    });
    expect((await signIn(provider)).user).toEqual({ me: 'token-1' });
  });

  it('checks iss if the issuer is known', async () => {
    const { fetch } = web({ 'https://x.example/token': () => token });
    const known = oauth2Provider({ ...options, fetch, issuer: 'https://x.example' });
    await signIn(known, '&iss=https://x.example');
    await expect(signIn(known, '&iss=https://evil.example')).rejects.toThrow(/iss is another issuer/);
    await signIn(oauth2Provider({ ...options, fetch }), '&iss=https://anything.example');
  });

  it('revokes only if there is an endpoint', async () => {
    const { fetch, calls } = web({ 'https://x.example/revoke': () => new Response(null) });
    await expect(oauth2Provider({ ...options, fetch }).revoke('token-1')).rejects.toMatchObject({
      code: 'ERR_SIGN_IN_RESPONSE',
    });
    await oauth2Provider({ ...options, fetch, revocationEndpoint: 'https://x.example/revoke' }).revoke(
      'token-1',
    );
    expect(calls[0]?.form.get('token')).toBe('token-1');
  });

  it.each([
    [{ clientId: '' }, /clientId: a string that is not empty/],
    [{ clientSecret: 1 }, /clientSecret must be a string/],
    [{ fetch: undefined }, /fetch: a function/],
    [{ authorizationEndpoint: 'http://x.example/' }, /authorizationEndpoint: an absolute URL with https/],
    [{ tokenEndpoint: '/token' }, /tokenEndpoint: an absolute URL with https/],
    [{ clientAuth: 'none' }, /clientAuth/],
    [{ parameters: { nonce: 'x' } }, /nonce is set by this function/],
    [{ fetchUserr: 1 }, /unknown option "fetchUserr": did you mean "fetchUser"/],
    [{ timeoutMs: 0 }, /timeoutMs/],
    [{ maxResponseBytes: 0 }, /maxResponseBytes/],
  ])('refuses %j', (wrong, message) => {
    expect(() => oauth2Provider({ ...options, fetch, ...(wrong as object) })).toThrow(message);
  });
});
