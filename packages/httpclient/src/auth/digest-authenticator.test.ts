import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from './challenges.ts';
import { DigestAuthenticator, type DigestOptions, type DigestRequest } from './digest-authenticator.ts';
import { ProtectionSpaces } from './protection-spaces.ts';

const credentials = { username: 'root', password: 'hunter2' };
const REQUEST: DigestRequest = { origin: 'http://a', credentials, method: 'GET', target: '/' };
const CHALLENGE = 'Digest realm=r, nonce=n, qop=auth';

const usage = expect.objectContaining({ code: 'ERR_HTTPCLIENT_USAGE' });

/** Lets a request be challenged and accepted. */
function accepted(spaces: ProtectionSpaces, request: Partial<DigestRequest>, challenge = CHALLENGE): void {
  const digest = new DigestAuthenticator({ ...REQUEST, ...request }, { spaces });
  expect(digest.challenge(parseChallenges([challenge]))).toBe('retry');
  digest.authorize();
  digest.accept();
}

/** Returns what a request sends before it is challenged. */
function first(spaces: ProtectionSpaces, request: Partial<DigestRequest> = {}): string | undefined {
  return new DigestAuthenticator({ ...REQUEST, ...request }, { spaces }).authorize();
}

describe('DigestAuthenticator', () => {
  it('sends nothing before a challenge', () => {
    const digest = new DigestAuthenticator(REQUEST);
    expect(digest.authorize()).toBeUndefined();
    expect(digest.accept(['nextnonce=x'])).toBe('unproven');
    expect(digest.authorize()).toBeUndefined();
  });

  it('does not support other schemes, nor what it cannot protect [CU-02]', () => {
    const outcome = (field: string, body?: 'streamed') =>
      new DigestAuthenticator({ ...REQUEST, ...(body && { body }) }).challenge(parseChallenges([field]));
    expect(outcome('Basic realm=r, Negotiate')).toBe('unsupported');
    expect(outcome('Digest realm=r, nonce=n, algorithm=SHA-3, qop=auth')).toBe('unsupported');
    expect(outcome('Digest realm=r, nonce=n, qop=auth-int', 'streamed')).toBe('unsupported');
    expect(outcome('')).toBe('unsupported');
  });

  it('chooses the first of two challenges of the same strength', () => {
    const digest = new DigestAuthenticator(REQUEST);
    digest.challenge(
      parseChallenges([`Basic realm=b, ${CHALLENGE}, algorithm=MD5, Digest realm=s, nonce=m`]),
    );
    expect(digest.authorize()).toContain('realm="r"');
  });

  it('does not repeat a nonce that the server calls stale and sends again', () => {
    const digest = new DigestAuthenticator(REQUEST);
    digest.challenge(parseChallenges([CHALLENGE]));
    digest.authorize();
    expect(digest.challenge(parseChallenges([`${CHALLENGE}, stale=true`]))).toBe('refused');
  });

  it('uses an own challenge also for a request that was sent with a remembered one', () => {
    const spaces = new ProtectionSpaces();
    accepted(spaces, {});
    const digest = new DigestAuthenticator(REQUEST, { spaces });
    expect(digest.authorize()).toContain('nonce="n"');
    expect(digest.challenge(parseChallenges(['Digest realm=r, nonce=m, qop=auth']))).toBe('retry');
    expect(digest.authorize()).toContain('nonce="m"');
    expect(digest.challenge(parseChallenges(['Digest realm=r, nonce=o, qop=auth']))).toBe('refused');
  });

  it.each([
    ['two fields', ['nextnonce=x', 'nextnonce=y']],
    ['a malformed field', ['nextnonce="x']],
    ['a long field', [`nextnonce=${'x'.repeat(10_000)}`]],
  ])('ignores %s of Authentication-Info', (_, fields) => {
    const digest = new DigestAuthenticator(REQUEST);
    digest.challenge(parseChallenges([CHALLENGE]));
    digest.authorize();
    expect(digest.accept(fields)).toBe('unproven');
    expect(digest.authorize()).toContain('nonce="n"');
  });

  it.each([
    ['a count that was not sent', 'rspauth=0, nc=00000002'],
    ['a client nonce that was not sent', 'rspauth=0, cnonce=x'],
  ])('reports a proof with %s as forged [CU-02]', (_, field) => {
    const digest = new DigestAuthenticator(REQUEST);
    digest.challenge(parseChallenges([CHALLENGE]));
    digest.authorize();
    expect(digest.accept([field])).toBe('forged');
  });

  it('refuses unknown options, and credentials with control characters', () => {
    expect(() => new DigestAuthenticator(REQUEST, { space: 1 } as DigestOptions)).toThrow(usage);
    expect(() => new DigestAuthenticator(REQUEST, { randomBytes: 1 as never })).toThrow(usage);
    const request = { ...REQUEST, credentials: { username: 'a', password: 'b\n' } };
    expect(() => new DigestAuthenticator(request)).toThrow(usage);
  });

  it('does not show credentials', () => {
    const spaces = new ProtectionSpaces();
    accepted(spaces, {});
    const digest = new DigestAuthenticator(REQUEST, { spaces });
    digest.challenge(parseChallenges([CHALLENGE]));
    digest.authorize();
    const text = inspect([digest, spaces], { depth: 9 });
    expect(text).toContain('DigestSession');
    expect(text).not.toMatch(/hunter2|root|[0-9a-f]{32}/);
    expect(JSON.stringify([digest, spaces])).not.toMatch(/hunter2|root|[0-9a-f]{32}/);
  });
});

describe('ProtectionSpaces', () => {
  it('remembers credentials for their origin and their user only [CU-02]', () => {
    const spaces = new ProtectionSpaces();
    accepted(spaces, {});
    expect(first(spaces, { target: '/other' })).toContain('realm="r"');
    expect(first(spaces, { origin: 'https://a' })).toBeUndefined();
    expect(first(spaces, { credentials: { username: 'root', password: 'other' } })).toBeUndefined();
    expect(first(spaces, { credentials: { username: 'other', password: 'hunter2' } })).toBeUndefined();
    spaces.clear();
    expect(first(spaces)).toBeUndefined();
  });

  it('does not use a session with auth-int for a streamed body', () => {
    const spaces = new ProtectionSpaces();
    accepted(spaces, {}, 'Digest realm=r, nonce=n, qop=auth-int');
    expect(first(spaces)).toContain('qop=auth-int');
    expect(first(spaces, { body: 'streamed' })).toBeUndefined();
  });

  it('covers every target of a proxy, which has one protection space', () => {
    const spaces = new ProtectionSpaces();
    accepted(spaces, {}, `${CHALLENGE}, domain="/only"`);
    expect(first(spaces)).toBeUndefined();
    expect(first(spaces, { target: '/only/this' })).toContain('Digest');
    expect(first(spaces, { target: 'http://b/' })).toContain('Digest');
    expect(first(spaces, { method: 'CONNECT', target: 'b:443' })).toContain('Digest');
  });

  it.each([
    ['a list of other origins', 'http://b/ https://a/ //c/', undefined],
    ['URIs that are malformed', 'http://[ /x', undefined],
    ['an absolute URI', 'http://a/', 'Digest'],
    ['more URIs than are used', '/x '.repeat(1_000), undefined],
    ['an empty list', '', 'Digest'],
  ])('reads a domain: %s', (_, domain, expected) => {
    const spaces = new ProtectionSpaces();
    accepted(spaces, {}, `${CHALLENGE}, domain="${domain}"`);
    expect(first(spaces)?.slice(0, 6)).toBe(expected);
  });

  it('keeps the newest session of a realm, and the most recently used realms', () => {
    const spaces = new ProtectionSpaces({ maxSpacesPerOrigin: 2 });
    const nonce = (path: string) => /nonce="(\w+)"/.exec(first(spaces, { target: path }) ?? '')?.[1];
    accepted(spaces, {}, 'Digest realm=r, nonce=r1, domain="/r"');
    accepted(spaces, {}, 'Digest realm=s, nonce=s1, domain="/s"');
    accepted(spaces, {}, 'Digest realm=r, nonce=r2, domain="/r"');
    expect([nonce('/r'), nonce('/s')]).toEqual(['r2', 's1']);
    accepted(spaces, {}, 'Digest realm=t, nonce=t1, domain="/t"');
    expect([nonce('/r'), nonce('/s'), nonce('/t')]).toEqual(['r2', undefined, 't1']);
  });

  it('forgets the origin that was not used for the longest time', () => {
    const spaces = new ProtectionSpaces({ maxOrigins: 2 });
    for (const origin of ['http://a', 'http://b']) accepted(spaces, { origin });
    const digest = new DigestAuthenticator(REQUEST, { spaces });
    digest.authorize();
    digest.accept();
    accepted(spaces, { origin: 'http://c' });
    expect(spaces.originCount).toBe(2);
    const known = (origin: string) => first(spaces, { origin }) !== undefined;
    expect(['http://a', 'http://b', 'http://c'].map(known)).toEqual([true, false, true]);
  });

  it('refuses unknown and invalid options', () => {
    expect(() => new ProtectionSpaces({ maxOrigin: 1 } as never)).toThrow(usage);
    expect(() => new ProtectionSpaces({ maxOrigins: -1 })).toThrow(usage);
    expect(() => new ProtectionSpaces({ maxSpacesPerOrigin: 1.5 })).toThrow(usage);
  });
});
