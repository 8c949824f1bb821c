import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../src/auth/challenges.ts';
import {
  type ChallengeOutcome,
  DigestAuthenticator,
  type DigestOptions,
  type ServerProof,
} from '../../src/auth/digest-authenticator.ts';
import { DigestSession } from '../../src/auth/digest-session.ts';
import { ProtectionSpaces } from '../../src/auth/protection-spaces.ts';
import type { AsyncHTTPClient } from '../../src/index.ts';
import { DigestServer, type DigestServerOptions, MUFASA } from '../fixtures/digest-server.ts';
import { type Peer, withClient, withNodeServer } from '../fixtures/servers.ts';

interface Exchange {
  readonly status: number;
  /** The outcomes of all challenges. */
  readonly outcomes: readonly ChallengeOutcome[];
  readonly proof: ServerProof;
}

interface Given {
  readonly path?: string;
  readonly body?: Uint8Array;
  readonly password?: string;
}

/** Sends a request until it is accepted, or cannot be. */
async function send(
  client: AsyncHTTPClient,
  origin: string,
  options: DigestOptions,
  { path = '/a?b=c', body, password = MUFASA.password }: Given = {},
): Promise<Exchange> {
  const method = body === undefined ? 'GET' : 'POST';
  const credentials = { username: MUFASA.username, password };
  const digest = new DigestAuthenticator({ origin, credentials, method, target: path, body }, options);
  const outcomes: ChallengeOutcome[] = [];
  for (;;) {
    const field = digest.authorize();
    const response = await client.fetch(origin + path, {
      method,
      raiseError: false,
      ...(body === undefined ? {} : { body }),
      ...(field === undefined ? {} : { headers: { Authorization: field } }),
    });
    const { status, headers } = response;
    if (status !== 401)
      return { status, outcomes, proof: digest.accept(headers.getList('Authentication-Info')) };
    const outcome = digest.challenge(parseChallenges(headers.getList('WWW-Authenticate')));
    outcomes.push(outcome);
    if (outcome !== 'retry') return { status, outcomes, proof: 'unproven' };
  }
}

function withDigestServer(
  options: DigestServerOptions,
  test: (server: DigestServer, client: AsyncHTTPClient, peer: Peer) => Promise<void>,
): Promise<void> {
  const server = new DigestServer(options);
  return withNodeServer(server.listener, (peer) => withClient({}, (client) => test(server, client, peer)));
}

const ACCEPTED: Exchange = { status: 200, outcomes: ['retry'], proof: 'unproven' };
const AT_ONCE: Exchange = { status: 200, outcomes: [], proof: 'unproven' };

describe('DigestAuthenticator', () => {
  it.each([
    ['without a name', {}],
    ['MD5', { algorithms: ['MD5'] }],
    ['MD5-sess', { algorithms: ['MD5-sess'] }],
    ['SHA-256', { algorithms: ['SHA-256'] }],
    ['SHA-256-sess', { algorithms: ['SHA-256-sess'] }],
    ['SHA-512-256', { algorithms: ['SHA-512-256'] }],
    ['SHA-512-256-sess', { algorithms: ['SHA-512-256-sess'] }],
    ['a hashed name', { algorithms: ['SHA-256'], userhash: true }],
    ['no qop', { qop: '' }],
    ['a protected body', { qop: 'auth-int', algorithms: ['SHA-256'] }],
  ])('is accepted by a server, and then at once: %s [CU-02]', (_, options) =>
    withDigestServer(options, async (server, client, { url }) => {
      const spaces = new ProtectionSpaces();
      const body = Buffer.from('the body');
      expect(await send(client, url, { spaces }, { body })).toEqual(ACCEPTED);
      expect(await send(client, url, { spaces }, { body })).toEqual(AT_ONCE);
      expect(await send(client, url, { spaces }, { path: '/other' })).toEqual(AT_ONCE);
      expect(server.refusals).toBe(1);
    }),
  );

  it('responds to the strongest challenge [CU-02]', () =>
    withDigestServer(
      { algorithms: ['MD5', 'SHA-256', 'SHA-512-256', 'SHA-512-256-sess'] },
      async (server, client, { url }) => {
        expect(await send(client, url, {})).toEqual(ACCEPTED);
        expect(server.received[1]).toContain('algorithm=SHA-512-256,');
      },
    ));

  it('sends a request with a wrong password once [CU-02]', () =>
    withDigestServer({}, async (server, client, { url }) => {
      const spaces = new ProtectionSpaces();
      const refused = { status: 401, outcomes: ['retry', 'refused'], proof: 'unproven' };
      expect(await send(client, url, { spaces }, { password: 'wrong' })).toEqual(refused);
      expect(spaces.originCount).toBe(0);
      expect(server.received).toHaveLength(2);
    }));

  it('uses a new nonce if the server forgot the old one [CU-02]', () =>
    withDigestServer({}, async (server, client, { url }) => {
      const spaces = new ProtectionSpaces();
      await send(client, url, { spaces });
      server.restart();
      expect(await send(client, url, { spaces })).toEqual(ACCEPTED);
      expect(await send(client, url, { spaces })).toEqual(AT_ONCE);
    }));

  it('does not repeat a request endlessly if every nonce is stale [CU-02]', () =>
    withDigestServer({}, async (server, client, { url }) => {
      const spaces = new ProtectionSpaces();
      await send(client, url, { spaces });
      server.alwaysStale = true;
      const before = server.received.length;
      expect(await send(client, url, { spaces })).toEqual({
        status: 401,
        outcomes: ['retry', 'retry', 'refused'],
        proof: 'unproven',
      });
      expect(server.received.length - before).toBe(3);
    }));

  it('uses the next nonce that the server announces [CU-02]', () =>
    withDigestServer({ hasNextNonce: true }, async (server, client, { url }) => {
      const spaces = new ProtectionSpaces();
      expect(await send(client, url, { spaces })).toEqual(ACCEPTED);
      for (let count = 0; count < 3; count += 1) expect(await send(client, url, { spaces })).toEqual(AT_ONCE);
      const used = server.received.map((field) => /nonce="([^"]*)".*nc=(\w+)/.exec(field ?? '')?.slice(1));
      expect(new Set(used.map((pair) => pair?.[0])).size).toBe(5);
      expect(new Set(used.slice(1).map((pair) => pair?.[1]))).toEqual(new Set(['00000001']));
    }));

  it.each([
    ['right', 'proven'],
    ['wrong', 'forged'],
  ] as const)('reports that the proof of the server is %s [CU-02]', (proof, expected) =>
    withDigestServer({ proof }, async (_, client, { url }) => {
      const spaces = new ProtectionSpaces();
      expect((await send(client, url, { spaces })).proof).toBe(expected);
      expect(spaces.originCount).toBe(proof === 'right' ? 1 : 0);
    }),
  );

  it('authenticates requests at the same time [CU-02]', () =>
    withDigestServer({ algorithms: ['SHA-256-sess'] }, async (server, client, { url }) => {
      const spaces = new ProtectionSpaces();
      const many = () => Promise.all(Array.from({ length: 30 }, () => send(client, url, { spaces })));
      expect(await many()).toEqual(Array.from({ length: 30 }, () => ACCEPTED));
      expect(await many()).toEqual(Array.from({ length: 30 }, () => AT_ONCE));
      expect(new Set(server.received).size).toBe(61);
    }));

  it('sends credentials at once only where the server said [CU-02]', () =>
    withDigestServer({ domain: '/a /c/ http://other.example/' }, async (_, client, { url }) => {
      const spaces = new ProtectionSpaces();
      expect(await send(client, url, { spaces }, { path: '/a/b' })).toEqual(ACCEPTED);
      expect(await send(client, url, { spaces }, { path: '/a' })).toEqual(AT_ONCE);
      expect(await send(client, url, { spaces }, { path: '/c/d?e' })).toEqual(AT_ONCE);
      expect(await send(client, url, { spaces }, { path: '/b' })).toEqual(ACCEPTED);
    }));
});

describe('curl', () => {
  it.each([
    ['without a name', {}],
    ['MD5', { algorithms: ['MD5'] }],
    ['MD5-sess', { algorithms: ['MD5-sess'] }],
    ['SHA-256', { algorithms: ['SHA-256'] }],
    ['SHA-256-sess', { algorithms: ['SHA-256-sess'] }],
    ['no qop', { qop: '' }],
    ['a hashed name', { algorithms: ['SHA-256'], userhash: true }],
  ])('is accepted by the same server, and computes what we compute: %s [CU-02]', (_, options) => {
    const server = new DigestServer(options);
    return withNodeServer(server.listener, async ({ url }) => {
      const user = `${MUFASA.username}:${MUFASA.password}`;
      const { stdout } = await promisify(execFile)('curl', ['-sS', '--digest', '-u', user, `${url}/a?b=c`]);
      expect(stdout).toBe('welcome');
      const [first, theirs = ''] = server.received;
      expect([first, server.received.length]).toEqual([undefined, 2]);
      const cnonce = /cnonce="([^"]*)"/.exec(theirs)?.[1] ?? '';
      const [challenge] = parseChallenges(server.challenges);
      const random = () => Buffer.from(cnonce, 'base64');
      const session = challenge && DigestSession.from(challenge, MUFASA, undefined, random);
      const ours = session?.authorize('GET', '/a?b=c', undefined).field ?? '';
      expect(parametersOf(ours)).toEqual(parametersOf(theirs));
    });
  });
});

/** The parameters of credentials, in the order of their names. */
function parametersOf(field: string): string[] {
  const [credentials] = parseChallenges([field]);
  return Array.from(credentials?.parameters ?? [], ([name, value]) => `${name}=${value}`).sort();
}
