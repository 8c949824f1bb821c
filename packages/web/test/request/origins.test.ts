import { describe, expect, it } from 'vitest';
import {
  type ApplicationListenOptions,
  type ApplicationSettings,
  authenticated,
  RequestHandler,
  safeNext,
  securityHeaders,
} from '../../src/index.ts';
import { bodyOf, converse, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { type Running, withApp } from '../fixtures/running-application.ts';

class Where extends RequestHandler {
  override get(): void {
    const { request } = this;
    this.setCookie('seen', '1');
    this.writeJson([request.host, request.publicOrigin, request.fullUrl(), request.isSecure]);
  }

  override post(): void {
    this.write('changed');
  }
}

class Private extends RequestHandler {
  override get = authenticated(function (this: RequestHandler) {});
}

class Next extends RequestHandler {
  override get(): void {
    const next = this.getArgument('next', '');
    this.redirect(safeNext(next, this.request.publicOrigin) ?? '/home');
  }
}

const routes = [
  ['/where', Where],
  ['/private', Private],
  ['/next', Next],
] as const;

/** Sends a request with these header lines and no others, and returns the response. */
function ask(port: number, target: string, ...fields: readonly string[]): Promise<string> {
  const [method = '', path = ''] = target.includes(' ') ? target.split(' ') : ['GET', target];
  return converse(port, [`${method} ${path} HTTP/1.1`, ...fields, 'Connection: close', '', ''].join('\r\n'));
}

const PROXIED = { trustedProxies: ['127.0.0.1'], forwardedHost: true } as const;
/** As if we were listed, but we are not. */
const STRANGER = { trustedProxies: ['10.0.0.0/8'], forwardedHost: true } as const;
const FORGED = [
  'X-Forwarded-Host: evil.example',
  'X-Forwarded-Proto: https',
  'Forwarded: for=203.0.113.7;host=evil.example;proto=https',
];

const withRoutes = (
  test: (running: Running) => Promise<void>,
  settings: ApplicationSettings = {},
  options: ApplicationListenOptions = {},
) => withApp(routes, test, settings, options);

describe('absolute URLs', () => {
  const where = async (port: number, ...fields: readonly string[]) =>
    JSON.parse(bodyOf(await ask(port, '/where?q=1', ...fields)));

  it('have the host of the request, with or without an absolute target [HU-07]', () =>
    withRoutes(async ({ port }) => {
      const here = ['a.example:81', 'http://a.example:81', 'http://a.example:81/where?q=1', false];
      expect(await where(port, 'Host: a.example:81', ...FORGED)).toEqual(here);
      const target = 'GET http://a.example:81/where?q=1';
      expect(JSON.parse(bodyOf(await ask(port, target, 'Host: b')))).toEqual(here);
    }));

  it('have the setting publicOrigin, whatever the client sends [HU-07] [ATT-56]', () =>
    withRoutes(
      async ({ port }) => {
        for (const fields of [['Host: a.example'], ['Host: evil.example', ...FORGED]]) {
          const [, ...rest] = await where(port, ...fields);
          expect(rest).toEqual(['https://a.example', 'https://a.example/where?q=1', true]);
        }
      },
      { publicOrigin: 'https://a.example' },
    ));

  it('have the one of several that the client uses', () =>
    withRoutes(
      async ({ port }) => {
        const urls = ['Host: localhost:8888', 'Host: b.example', 'Host: evil.example'].map(
          async (host) => (await where(port, host))[2],
        );
        expect(await Promise.all(urls)).toEqual([
          'http://localhost:8888/where?q=1',
          'https://b.example/where?q=1',
          'https://a.example/where?q=1',
        ]);
      },
      { publicOrigin: ['https://a.example', 'http://localhost:8888', 'https://b.example'] },
    ));

  it('have the forwarded host of a listed proxy, and of no other peer [HS-03] [ATT-57]', async () => {
    for (const settings of [{}, { publicOrigin: 'forwarded' }]) {
      const forwarded = ['X-Forwarded-Host: a.example', 'X-Forwarded-Proto: https'];
      await withRoutes(
        async ({ port }) => {
          const told = ['a.example', 'https://a.example', 'https://a.example/where?q=1', true];
          expect(await where(port, 'Host: inner:8080', ...forwarded)).toEqual(told);
          const own = ['inner:8080', 'http://inner:8080', 'http://inner:8080/where?q=1', false];
          expect(await where(port, 'Host: inner:8080')).toEqual(own);
        },
        settings,
        PROXIED,
      );
      await withRoutes(
        async ({ port }) => {
          const own = ['a.example', 'http://a.example', 'http://a.example/where?q=1', false];
          expect(await where(port, 'Host: a.example', ...FORGED)).toEqual(own);
        },
        settings,
        STRANGER,
      );
    }
  });

  it('lead to the login and back at the public origin [US-01] [ATT-46]', () =>
    withRoutes(
      async ({ port }) => {
        const asked = await ask(port, '/private?x=1', 'Host: evil.example', ...FORGED);
        expect(headerOf(asked, 'Location')).toBe(
          'https://login.example/?next=https%3A%2F%2Fa.example%2Fprivate%3Fx%3D1',
        );
      },
      { publicOrigin: 'https://a.example', loginUrl: 'https://login.example/' },
    ));

  it('are accepted as next only if they are of the public origin [ATT-46]', () =>
    withRoutes(
      async ({ port }) => {
        const next = async (url: string) =>
          headerOf(
            await ask(port, `/next?next=${encodeURIComponent(url)}`, 'Host: evil.example', ...FORGED),
            'Location',
          );
        expect(await next('https://a.example/account?x')).toBe('/account?x');
        expect(await next('https://A.EXAMPLE:443')).toBe('/');
        for (const url of [
          'https://evil.example/',
          'http://a.example/',
          'https://a.example.evil.example/',
          'https://a.example./',
          'https://a.example@evil.example/',
          'https://%61.example/',
          '//a.example/',
        ]) {
          expect([url, await next(url)]).toEqual([url, '/home']);
        }
      },
      { publicOrigin: 'https://a.example' },
    ));
});

describe('cookies and HSTS', () => {
  const sent = async (port: number, ...fields: readonly string[]) => {
    const response = await ask(port, '/where', ...fields);
    return [
      /; secure/i.test(headerOf(response, 'Set-Cookie') ?? ''),
      headerOf(response, 'Strict-Transport-Security') !== undefined,
    ];
  };
  const middleware = [securityHeaders({ strictTransportSecurity: { maxAgeSeconds: 60 } })];

  it('are for https if the public origin is, though a proxy terminates TLS [CK-01]', async () => {
    await withRoutes(
      async ({ port }) => {
        expect(await sent(port, 'Host: a.example')).toEqual([true, true]);
        expect(await sent(port, 'Host: localhost:8888')).toEqual([false, false]);
      },
      { middleware, publicOrigin: ['https://a.example', 'http://localhost:8888'] },
    );
    await withRoutes(
      async ({ port }) => expect(await sent(port, 'Host: a.example')).toEqual([false, false]),
      {
        middleware,
      },
    );
    await withRoutes(
      async ({ port }) => {
        expect(await sent(port, 'Host: a.example', 'X-Forwarded-Proto: https')).toEqual([true, true]);
        expect(await sent(port, 'Host: a.example')).toEqual([false, false]);
      },
      { middleware, publicOrigin: 'forwarded' },
      PROXIED,
    );
  });
});

describe('the XSRF check', () => {
  const TOKEN = '2|b20e6bd9|b5d0a9b0f63b54e4ce1eb3c0a5c9fd4a|1356999900';
  const post = async (port: number, origin: string, ...fields: readonly string[]) =>
    statusOf(
      await ask(
        port,
        'POST /where',
        `Origin: ${origin}`,
        `Cookie: _xsrf=${TOKEN}`,
        `X-XSRFToken: ${TOKEN}`,
        'Content-Length: 0',
        ...fields,
      ),
    );

  it('accepts the public origins only, whatever Host and forged headers say [XS-01] [ATT-57]', () =>
    withRoutes(
      async ({ port, log }) => {
        expect(await post(port, 'https://a.example', 'Host: inner')).toBe(200);
        expect(await post(port, 'https://b.example:8443', 'Host: inner')).toBe(200);
        for (const origin of ['http://inner', 'http://a.example', 'https://evil.example', 'null']) {
          expect([origin, await post(port, origin, 'Host: inner')]).toEqual([origin, 403]);
        }
        expect(await post(port, 'https://evil.example', 'Host: evil.example', ...FORGED)).toBe(403);
        expect(log.records[0]?.message).toContain('see the setting publicOrigin');
      },
      { xsrfCookies: true, publicOrigin: ['https://a.example', 'https://b.example:8443'] },
      PROXIED,
    ));

  it('accepts the forwarded scheme and host of a listed proxy [XS-01] [HS-03]', () =>
    withRoutes(
      async ({ port }) => {
        const forwarded = ['Host: inner', 'X-Forwarded-Host: a.example', 'X-Forwarded-Proto: https'];
        expect(await post(port, 'https://a.example', ...forwarded)).toBe(200);
        for (const origin of ['http://a.example', 'http://inner', 'https://evil.example']) {
          expect([origin, await post(port, origin, ...forwarded)]).toEqual([origin, 403]);
        }
        expect(await post(port, 'http://inner', 'Host: inner')).toBe(200);
      },
      { xsrfCookies: true, publicOrigin: 'forwarded' },
      PROXIED,
    ));

  it('does not accept what another peer forwards [XS-01] [ATT-57]', async () => {
    for (const settings of [{}, { publicOrigin: 'forwarded' }]) {
      await withRoutes(
        async ({ port }) => {
          expect(await post(port, 'https://evil.example', 'Host: a.example', ...FORGED)).toBe(403);
          expect(await post(port, 'http://a.example', 'Host: a.example', ...FORGED)).toBe(200);
        },
        { xsrfCookies: true, ...settings },
        STRANGER,
      );
    }
  });
});

describe('the setting hosts, behind a proxy', () => {
  const hosts = ['a.example'];
  const status = async (port: number, ...fields: readonly string[]) =>
    statusOf(await ask(port, '/where', ...fields));

  it('is compared with the forwarded host of a listed proxy [ATT-56] [HS-03]', () =>
    withRoutes(
      async ({ port }) => {
        expect(await status(port, 'Host: inner:8080', 'X-Forwarded-Host: a.example')).toBe(200);
        expect(await status(port, 'Host: a.example', 'X-Forwarded-Host: evil.example')).toBe(421);
        expect(await status(port, 'Host: a.example', 'X-Forwarded-Host: a.example, evil.example')).toBe(421);
      },
      { hosts },
      PROXIED,
    ));

  it('is compared with Host if another peer forwards one, or an absolute target has one [ATT-56] [ATT-57]', () =>
    withRoutes(
      async ({ port }) => {
        const forged = ['X-Forwarded-Host: a.example', 'Forwarded: for=203.0.113.7;host=a.example'];
        expect(await status(port, 'Host: evil.example', ...forged)).toBe(421);
        expect(await status(port, 'Host: a.example', ...FORGED)).toBe(200);
        expect(await status(port, 'Host: a.example.')).toBe(421);
        const target = await ask(port, 'GET http://evil.example/where', 'Host: a.example');
        expect(statusOf(target)).toBe(421);
      },
      { hosts },
      STRANGER,
    ));
});
