// Squid as a proxy that requires digest authentication, and checks the counts of its nonces.

import { Agent, type IncomingMessage, request as nodeRequest } from 'node:http';
import { TCPClient } from '@landspout/iostream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseChallenges } from '../../src/auth/challenges.ts';
import { type ChallengeOutcome, DigestAuthenticator } from '../../src/auth/digest-authenticator.ts';
import { ProtectionSpaces } from '../../src/auth/protection-spaces.ts';
import { openTunnel } from '../../src/proxy/http-tunnel.ts';
import { ProxySettings } from '../../src/proxy/proxy-settings.ts';
import { type ProxyProgram, startSquid } from '../fixtures/proxies.ts';
import { withNodeServer } from '../fixtures/servers.ts';

const credentials = { username: 'user', password: 'se "cret"' };
const wrong = { username: 'user', password: 'hunter2' };

const fieldsOf = (value: string | string[] | undefined): string[] => [value ?? []].flat();

describe('DigestAuthenticator with squid', () => {
  let squid: ProxyProgram;
  beforeAll(async () => {
    squid = await startSquid({ auth: 'digest', credentials });
  });
  afterAll(() => squid[Symbol.asyncDispose]());

  /** Gets a URL through the proxy. @returns the last status, and the outcomes of all challenges. */
  async function get(
    agent: Agent,
    url: string,
    spaces: ProtectionSpaces,
    user = credentials,
  ): Promise<unknown[]> {
    const { port } = squid;
    const origin = `http://127.0.0.1:${port}`;
    const digest = new DigestAuthenticator(
      { origin, credentials: user, method: 'GET', target: url },
      { spaces },
    );
    const outcomes: ChallengeOutcome[] = [];
    for (;;) {
      const field = digest.authorize();
      const headers = field === undefined ? {} : { 'Proxy-Authorization': field };
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        nodeRequest({
          host: '127.0.0.1',
          port,
          path: url,
          agent,
          headers: { Host: new URL(url).host, ...headers },
        })
          .on('response', (message) => message.resume().on('end', () => resolve(message)))
          .on('error', reject)
          .end();
      });
      if (response.statusCode !== 407) {
        digest.accept(fieldsOf(response.headers['proxy-authentication-info']));
        return [response.statusCode, ...outcomes];
      }
      const outcome = digest.challenge(parseChallenges(fieldsOf(response.headers['proxy-authenticate'])));
      outcomes.push(outcome);
      if (outcome !== 'retry') return [407, ...outcomes];
    }
  }

  it('is accepted, then at once, then at the same time [CU-01, CU-02]', () =>
    withNodeServer(
      (_, response) => response.end('hello'),
      async ({ url }) => {
        const agent = new Agent({ keepAlive: true });
        const spaces = new ProtectionSpaces();
        expect(await get(agent, url, spaces)).toEqual([200, 'retry']);
        // More than squid accepts of one nonce, by default 50.
        for (let count = 0; count < 120; count += 1) {
          expect((await get(agent, `${url}/${count}`, spaces))[0]).toBe(200);
        }
        const many = await Promise.all(Array.from({ length: 30 }, () => get(agent, url, spaces)));
        expect(new Set(many.map(([status]) => status))).toEqual(new Set([200]));
        agent.destroy();
      },
    ));

  it('sends a wrong password once [CU-01, CU-02]', () =>
    withNodeServer(
      (_, response) => response.end('hello'),
      async ({ url }) => {
        const agent = new Agent();
        expect(await get(agent, url, new ProtectionSpaces(), wrong)).toEqual([407, 'retry', 'refused']);
        agent.destroy();
      },
    ));

  it('opens a tunnel [CU-01, CU-02]', () =>
    withNodeServer(
      () => {},
      async ({ port }) => {
        const authority = `127.0.0.1:${port}`;
        const origin = `http://127.0.0.1:${squid.port}`;
        const digest = new DigestAuthenticator({ origin, credentials, method: 'CONNECT', target: authority });
        const stream = await openTunnel(
          await new TCPClient().connect({ host: '127.0.0.1', port: squid.port }),
          authority,
          ProxySettings.from(origin),
          {
            authorize: ({ headers }) => {
              const outcome = digest.challenge(parseChallenges(headers.getList('Proxy-Authenticate')));
              return outcome === 'retry' ? digest.authorize() : undefined;
            },
          },
        );
        expect(stream.isClosed).toBe(false);
        stream.close();
      },
    ));
});
