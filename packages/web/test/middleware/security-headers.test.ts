import { describe, expect, it } from 'vitest';
import {
  Application,
  RequestHandler,
  type SecurityHeadersOptions,
  securityHeaders,
} from '../../src/index.ts';
import { ask, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { RecordingLogger, withApp } from '../fixtures/running-application.ts';

class Page extends RequestHandler {
  override get(): void {
    this.write('page');
  }

  override post(): void {
    this.setHeader('Referrer-Policy', 'no-referrer');
    this.setHeader('Content-Security-Policy', "default-src 'none'");
  }
}

const NAMES = [
  'X-Content-Type-Options',
  'X-Frame-Options',
  'Content-Security-Policy',
  'Referrer-Policy',
  'Strict-Transport-Security',
  'Cross-Origin-Opener-Policy',
  'Cross-Origin-Resource-Policy',
];

const shown = (response: string) =>
  Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = headerOf(response, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );

const DEFAULTS = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'SAMEORIGIN',
  'Content-Security-Policy': "frame-ancestors 'self'",
  'Referrer-Policy': 'strict-origin-when-cross-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

async function sent(options: SecurityHeadersOptions, path = '/', method = 'GET') {
  let headers: Record<string, string> = {};
  await withApp(
    [['/', Page]],
    async ({ port }) => {
      headers = shown(await ask(port, path, method));
    },
    { middleware: [securityHeaders(options)] },
  );
  return headers;
}

describe('securityHeaders', () => {
  it('sets safe defaults, also on error pages', async () => {
    expect(await sent({})).toEqual(DEFAULTS);
    expect(await sent({}, '/nowhere')).toEqual(DEFAULTS);
    expect(await sent({}, '/', 'PUT')).toEqual(DEFAULTS);
  });

  it('keeps what the handler has set', async () => {
    expect(await sent({}, '/', 'POST')).toEqual({
      ...DEFAULTS,
      'Referrer-Policy': 'no-referrer',
      'Content-Security-Policy': "default-src 'none'",
    });
  });

  it('sets each header as it is told, or not at all', async () => {
    const off = {
      contentTypeOptions: false,
      frameAncestors: false,
      referrerPolicy: false,
      strictTransportSecurity: false,
      contentSecurityPolicy: false,
      crossOriginOpenerPolicy: false,
      crossOriginResourcePolicy: false,
    } as const;
    expect(await sent(off)).toEqual({});
    expect(
      await sent({
        ...off,
        referrerPolicy: 'origin',
        crossOriginOpenerPolicy: 'same-origin-allow-popups',
        crossOriginResourcePolicy: 'cross-origin',
      }),
    ).toEqual({
      'Referrer-Policy': 'origin',
      'Cross-Origin-Opener-Policy': 'same-origin-allow-popups',
      'Cross-Origin-Resource-Policy': 'cross-origin',
    });
  });

  it('says in both headers who may show a page in a frame', async () => {
    const framesOf = async (options: SecurityHeadersOptions) => {
      const headers = await sent(options);
      return [headers['Content-Security-Policy'], headers['X-Frame-Options']];
    };
    expect(await framesOf({ frameAncestors: 'none' })).toEqual(["frame-ancestors 'none'", 'DENY']);
    expect(await framesOf({ contentSecurityPolicy: "default-src 'self';" })).toEqual([
      "default-src 'self'; frame-ancestors 'self'",
      'SAMEORIGIN',
    ]);
    expect(await framesOf({ frameAncestors: ["'self'", 'https://a.example'] })).toEqual([
      "frame-ancestors 'self' https://a.example",
      undefined,
    ]);
    expect(await framesOf({ contentSecurityPolicy: "img-src *; Frame-Ancestors 'none'" })).toEqual([
      "img-src *; Frame-Ancestors 'none'",
      undefined,
    ]);
    expect(await framesOf({ contentSecurityPolicy: 'img-src *', frameAncestors: false })).toEqual([
      'img-src *',
      undefined,
    ]);
  });

  it('sends Strict-Transport-Security over https only', async () => {
    const middleware = [securityHeaders({ strictTransportSecurity: { includeSubDomains: true } })];
    const app = new Application([['/', Page]], { logger: new RecordingLogger(), middleware });
    await using server = await app.listen({ port: 0, host: '127.0.0.1', trustedProxies: ['127.0.0.1'] });
    const hstsOf = async (...fields: string[]) =>
      headerOf(await ask(server.port, '/', 'GET', ...fields), 'Strict-Transport-Security');
    expect(await hstsOf('X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: https')).toBe(
      'max-age=31536000; includeSubDomains',
    );
    expect(await hstsOf('X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: http')).toBeUndefined();
    expect(statusOf(await ask(server.port, '/'))).toBe(200);
  });

  it('refuses invalid options when it is made', () => {
    const wrong: [unknown, string][] = [
      [{ contentTypeOptions: 'nosniff' }, 'contentTypeOptions: true or false'],
      [{ frameAncestors: 'https://a.example' }, 'frameAncestors must be'],
      [{ frameAncestors: ['a; script-src *'] }, 'frameAncestors must be'],
      [{ frameAncestors: [] }, 'frameAncestors must be'],
      [{ frameAncestors: 'self', contentSecurityPolicy: "frame-ancestors 'self'" }, 'must not be given'],
      [{ contentSecurityPolicy: "default-src 'self'\r\nX: y" }, 'contentSecurityPolicy must be'],
      [{ contentSecurityPolicy: '' }, 'contentSecurityPolicy must be'],
      [{ referrerPolicy: 'never' }, "referrerPolicy: 'no-referrer'"],
      [{ crossOriginOpenerPolicy: true }, 'crossOriginOpenerPolicy'],
      [{ crossOriginResourcePolicy: 'none' }, 'crossOriginResourcePolicy'],
      [{ strictTransportSecurity: true }, 'an object of options'],
      [{ strictTransportSecurity: { maxAge: 1 } }, 'did you mean "maxAgeSeconds"?'],
      [{ strictTransportSecurity: { maxAgeSeconds: -1 } }, 'maxAgeSeconds'],
      [{ strictTransportSecurity: { preload: true } }, 'preload needs includeSubDomains'],
      [{ xFrameOptions: 'DENY' }, 'unknown option "xFrameOptions"'],
    ];
    for (const [options, message] of wrong) {
      expect(() => securityHeaders(options as SecurityHeadersOptions), message).toThrow(message);
    }
    const strictTransportSecurity = { preload: true, includeSubDomains: true };
    expect(() => securityHeaders({ strictTransportSecurity })).not.toThrow();
  });
});
