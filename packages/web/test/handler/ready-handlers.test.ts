import { describe, expect, it } from 'vitest';
import { ErrorHandler, RedirectHandler } from '../../src/index.ts';
import { ask, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

describe('ErrorHandler', () => {
  it('refuses every method with its status [HD-01]', () =>
    withApp([['/gone', ErrorHandler, { status: 410 }]], async ({ port }) => {
      for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS'])
        expect(statusOf(await ask(port, '/gone', method))).toBe(410);
    }));
});

describe('RedirectHandler', () => {
  it('redirects with what the pattern took, and the query [HD-01]', () =>
    withApp(
      [
        ['/old/:name', RedirectHandler, { url: '/new/{name}?a=1#top' }],
        [/\/n\/(\d+)\/(.*)/, RedirectHandler, { url: '/{1}/{0}', permanent: false }],
      ],
      async ({ port }) => {
        const named = await ask(port, '/old/a%2Fb%20c?b=2');
        expect([statusOf(named), headerOf(named, 'Location')]).toEqual([301, '/new/a/b%20c?a=1&b=2#top']);
        const numbered = await ask(port, '/n/7/x/y');
        expect([statusOf(numbered), headerOf(numbered, 'Location')]).toEqual([302, '/x/y/7']);
      },
    ));

  it('escapes what the peer sent again [ATT-35]', () =>
    withApp([['/old/:name', RedirectHandler, { url: '/new/{name}' }]], async ({ port }) => {
      expect(headerOf(await ask(port, '/old/a%0D%0AX:%201'), 'Location')).toBe('/new/a%0D%0AX%3A%201');
    }));

  it('percent-encodes what its URL and the query of the client must not have (RFC 3986) [HD-01]', () =>
    withApp([['/old/:name', RedirectHandler, { url: '/new page/{name}#ü' }]], async ({ port }) => {
      const response = await ask(port, '/old/x?q="<a>"&r[]=%20%zz|');
      expect(headerOf(response, 'Location')).toBe('/new%20page/x?q=%22%3Ca%3E%22&r%5B%5D=%20%25zz%7C#%C3%BC');
    }));
  it.each([
    ['/rest//evil.example/x', '/evil.example/x'],
    ['/rest///evil.example', '/evil.example'],
    ['/rest/%2Fevil.example', '/evil.example'],
    ['/rest/%5Cevil.example', '/%5Cevil.example'],
    ['/host/evil.example%2F', 'https://evil.example%2F.example.com/'],
    ['/bare/https://evil.example/', 'https%3A//evil.example/'],
    ['/bare///evil.example/', '/evil.example/'],
  ])('lets only the template name the host, not %s [ATT-35]', (path, location) =>
    withApp(
      [
        [/\/rest\/(.*)/, RedirectHandler, { url: '/{0}' }],
        [/\/bare\/(.*)/, RedirectHandler, { url: '{0}' }],
        ['/host/:name', RedirectHandler, { url: 'https://{name}.example.com/' }],
      ],
      async ({ port }) => {
        expect(headerOf(await ask(port, path), 'Location')).toBe(location);
      },
    ),
  );
});
