// web/oidc with openid-client and our HTTP client: a provider of its own, a whole sign-in, and a forged ID token.
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AsyncHTTPClient } from '@landspout/httpclient';
import { Application, IOLoop, RequestHandler } from '@landspout/web';
import {
  authorizeRedirect,
  getAuthenticatedUser,
  github,
  openIDProvider,
  SignInError,
} from '@landspout/web/oidc';

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
let signingKey: KeyObject = keys.privateKey;
let nonce = '';

const provider = createServer((request, response) => {
  const documents: Record<string, object> = {
    '/.well-known/openid-configuration': {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/keys`,
    },
    '/keys': { keys: [keys.publicKey.export({ format: 'jwk' })] },
    '/token': { access_token: 'access', token_type: 'Bearer', id_token: idToken() },
  };
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Connection', 'close');
  response.end(JSON.stringify(documents[request.url ?? ''] ?? {}));
}).listen(0, '127.0.0.1');
await once(provider, 'listening');
const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;

function idToken(): string {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: issuer, sub: 'ada', aud: 'shop', iat: now, exp: now + 60, nonce };
  const text = [{ alg: 'RS256' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${sign('sha256', Buffer.from(text), signingKey).toString('base64url')}`;
}

const client = new AsyncHTTPClient();
const options = { clientId: 'shop', clientSecret: 'secret', fetch: client.toFetch() };
const openid = await openIDProvider({ ...options, issuer, allowHttp: true });
// @ts-expect-error: there is no such option.
assert.throws(() => github({ ...options, scpe: 'user' }), /unknown option "scpe": did you mean "scope"\?/);

class Begin extends RequestHandler {
  override get() {
    return authorizeRedirect(this, openid, { redirectUri: '/callback' });
  }
}

class Callback extends RequestHandler {
  override async get(): Promise<void> {
    try {
      const { user, tokens, next } = await getAuthenticatedUser(this, openid);
      const sub: string = user.sub;
      this.write({ sub, accessToken: tokens.accessToken, next });
    } catch (error) {
      assert(error instanceof SignInError);
      this.setStatus(error.status);
      this.write(error.code);
    }
  }
}

const app = new Application(
  [
    ['/begin', Begin],
    ['/callback', Callback],
  ],
  { cookieSecret: randomBytes(32) },
);
const server = await app.listen({ host: '127.0.0.1' });
try {
  assert.deepEqual(await signIn(), [200, '{"sub":"ada","accessToken":"access","next":"/account"}']);
  signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  assert.deepEqual(await signIn(), [502, 'ERR_SIGN_IN_RESPONSE']);
} finally {
  await server.closeAll();
  await client.close();
  provider.close();
}
console.log(`${IOLoop.current().backend} backend`);

async function signIn(): Promise<[number, string]> {
  const begun = await get('/begin?next=/account');
  const location = new URL(begun.headers.get('Location') ?? '');
  assert.equal(location.origin, issuer);
  nonce = location.searchParams.get('nonce') ?? '';
  const [cookie = ''] = begun.headers.getSetCookie();
  const query = new URLSearchParams({ code: 'code', state: location.searchParams.get('state') ?? '' });
  const done = await get(`/callback?${query}`, cookie.split(';')[0]);
  return [done.status, await done.text()];
}

function get(target: string, cookie = ''): Promise<Response> {
  const headers = { Connection: 'close', Cookie: cookie };
  return fetch(server.url + target, { headers, redirect: 'manual' });
}
