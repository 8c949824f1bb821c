import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { remoteIpOf } from '@landspout/http1/server';
import { describe, expect, it } from 'vitest';
import { HTTPServer, type HTTPServerOptions, type ServerRequest } from '../../src/index.ts';
import { makeIdentity } from '../fixtures/identity.ts';
import { converse, RawClient } from '../fixtures/raw-client.ts';
import { withServer } from '../fixtures/running-server.ts';

const LOCAL = { trustedProxies: ['127.0.0.0/8', '::1'] } satisfies HTTPServerOptions;

/** Answers with who the request is from. Ports of our own clients differ from run to run. */
const whoami = (request: ServerRequest): void => {
  const { remoteAddress, protocol } = request.connection;
  const port = 'port' in remoteAddress && remoteAddress.port < 100 ? `:${remoteAddress.port}` : '';
  request.respond(200, `<${protocol} ${remoteIpOf(remoteAddress)}${port}>`);
};

const get = (...fields: string[]) =>
  `GET / HTTP/1.1\r\n${['Host: a', ...fields].map((field) => `${field}\r\n`).join('')}\r\n`;
const answers = (received: string) => received.match(/<[^>]*>/g) ?? [];

describe('HTTPServer, behind a proxy', () => {
  it('believes no header by default [HS-03] [ATT-57]', () =>
    withServer(whoami, async ({ port }) => {
      const spoofed = [
        'X-Forwarded-For: 203.0.113.7',
        'X-Real-Ip: 203.0.113.7',
        'Forwarded: for=203.0.113.7',
      ];
      const received = await converse(port, get(...spoofed, 'X-Forwarded-Proto: https', 'Connection: close'));
      expect(answers(received)).toEqual(['<http 127.0.0.1>']);
    }));

  it('believes none of a peer that is not listed [HS-03] [ATT-57]', () =>
    withServer(
      whoami,
      async ({ port }) => {
        const received = await converse(
          port,
          get('X-Forwarded-For: 203.0.113.7', 'X-Forwarded-Proto: https', 'Connection: close'),
        );
        expect(answers(received)).toEqual(['<http 127.0.0.1>']);
      },
      { trustedProxies: ['10.0.0.0/8', 'unix'] },
    ));

  it.each([
    ['x-forwarded', ['X-Forwarded-For: 198.51.100.1, 203.0.113.7:80', 'X-Forwarded-Proto: https']],
    ['x-real-ip', ['X-Real-Ip: 203.0.113.7:80', 'X-Scheme: https', 'X-Forwarded-For: 198.51.100.1']],
    ['forwarded', ['Forwarded: for=198.51.100.1', 'Forwarded: for="203.0.113.7:80";proto=https']],
  ] as const)(
    'tells the client and its protocol by %s headers of a listed proxy [HS-03]',
    (forwardedHeaders, fields) =>
      withServer(
        whoami,
        async ({ port }) => {
          const received = await converse(port, get(...fields, 'Connection: close'));
          expect(answers(received)).toEqual(['<https 203.0.113.7:80>']);
        },
        { ...LOCAL, forwardedHeaders },
      ),
  );

  it.each([
    ['one after the other', false],
    ['pipelined', true],
  ])(
    'forgets the client of a request at the next one of the connection, %s [HS-03] [ATT-57]',
    (_how, pipelined) =>
      withServer(
        whoami,
        async ({ port }) => {
          const requests = [
            get('X-Forwarded-For: 203.0.113.7', 'X-Forwarded-Proto: https'),
            get(),
            get('X-Forwarded-For: junk', 'X-Forwarded-Proto: gopher'),
            get('X-Forwarded-For: 2001:db8::7'),
            get('Connection: close'),
          ];
          const client = await RawClient.connect({ port });
          if (pipelined) client.send(requests.join(''));
          else {
            for (const [index, request] of requests.entries()) {
              client.send(request);
              await client.until((received) => answers(received).length === index + 1);
            }
          }
          expect(answers(await client.untilEnd())).toEqual([
            '<https 203.0.113.7:0>',
            '<http 127.0.0.1>',
            '<http 127.0.0.1>',
            '<http 2001:db8::7:0>',
            '<http 127.0.0.1>',
          ]);
          client.close();
        },
        LOCAL,
      ),
  );

  it('reads headers behind the PROXY protocol by the address that it tells [HS-03]', () =>
    withServer(
      whoami,
      async ({ port }) => {
        const fields = get('X-Forwarded-For: 203.0.113.7', 'Connection: close');
        const listed = await converse(port, `PROXY TCP4 10.0.0.1 10.0.0.9 4000 80\r\n${fields}`);
        const stranger = await converse(port, `PROXY TCP4 198.51.100.1 10.0.0.9 4000 80\r\n${fields}`);
        expect([...answers(listed), ...answers(stranger)]).toEqual([
          '<http 203.0.113.7:0>',
          '<http 198.51.100.1>',
        ]);
      },
      { trustedProxies: ['10.0.0.1'], proxyProtocol: { from: ['127.0.0.1'] } },
    ));

  it.each([
    ['0.0.0.0 of a Unix socket', {}, '<http 0.0.0.0>'],
    [
      '0.0.0.0 of a Unix socket that is not listed',
      { trustedProxies: ['0.0.0.0/0', '::/0'] },
      '<http 0.0.0.0>',
    ],
    ['the client behind a Unix socket that is listed', { trustedProxies: ['unix'] }, '<https 203.0.113.7:0>'],
    ['the protocol that an option names', { protocol: 'https' }, '<https 0.0.0.0>'],
  ] satisfies [string, HTTPServerOptions, string][])(
    'tells %s [HS-03] [HS-04]',
    async (_what, options, expected) => {
      const folder = mkdtempSync(join(tmpdir(), 'landspout-'));
      const path = join(folder, 'socket');
      const server = new HTTPServer(whoami, options);
      try {
        await server.listen({ path });
        const client = await RawClient.connect(
          { path },
          get('X-Forwarded-For: 203.0.113.7', 'X-Forwarded-Proto: https', 'Connection: close'),
        );
        expect(answers(await client.untilEnd())).toEqual([expected]);
        client.close();
      } finally {
        await server.closeAll();
        rmSync(folder, { recursive: true });
      }
    },
  );

  it('tells https of TLS, unless an option or a trusted proxy says otherwise [HS-03] [HS-04]', async () => {
    const tls = makeIdentity();
    const ask = (port: number, headers: Record<string, string>) =>
      new Promise<string>((resolve, reject) => {
        const request = httpsRequest(
          { port, host: '127.0.0.1', rejectUnauthorized: false, agent: false, headers },
          (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (chunk: string) => {
              text += chunk;
            });
            response.on('end', () => resolve(text));
          },
        );
        request.on('error', reject).end();
      });
    await withServer(
      whoami,
      async ({ port }) => {
        expect(await ask(port, {})).toBe('<https 127.0.0.1>');
        expect(await ask(port, { 'X-Forwarded-Proto': 'http' })).toBe('<http 127.0.0.1>');
        expect(await ask(port, { 'X-Forwarded-For': '203.0.113.7' })).toBe('<https 203.0.113.7:0>');
      },
      { tls, ...LOCAL },
    );
    await withServer(
      whoami,
      async ({ port }) => expect(await ask(port, { 'X-Forwarded-Proto': 'https' })).toBe('<http 127.0.0.1>'),
      { tls, protocol: 'http' },
    );
  });

  it.each([
    { trustedProxies: [] },
    { trustedProxies: ['proxy.example'] },
    { forwardedHeaders: 'forwarded' },
    { ...LOCAL, forwardedHeaders: 'any' },
  ])('refuses %j when it is made', (options) => {
    expect(() => new HTTPServer(whoami, options as HTTPServerOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_USAGE' }),
    );
  });
});
