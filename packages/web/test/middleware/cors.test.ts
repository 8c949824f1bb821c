import { describe, expect, it } from 'vitest';
import { type CorsOptions, cors, HTTPError, RequestHandler, type Routes } from '../../src/index.ts';
import { ask, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const SITE = 'https://app.example.com';
let handled = 0;

class Hello extends RequestHandler {
  override get(): void {
    handled += 1;
    this.write('hello');
  }

  override options(): void {
    handled += 1;
    this.write('options');
  }
}

class Broken extends RequestHandler {
  override get(): void {
    throw new Error('broken');
  }

  override post(): void {
    throw new HTTPError(403);
  }
}

class Varies extends RequestHandler {
  override get(): void {
    this.setHeader('Vary', this.getQueryArgument('by'));
  }
}

const routes: Routes = [
  ['/', Hello],
  ['/broken', Broken],
  ['/varies', Varies],
];

/** Headers of CORS in a response, without the prefix that all have. */
function answerOf(response: string): Record<string, string> {
  const fields = response.split('\r\n\r\n', 1)[0]?.matchAll(/\r\nAccess-Control-([\w-]+): (.*)/g) ?? [];
  return Object.fromEntries(Array.from(fields, ([, name, value]) => [name, value]));
}

const from = (origin: string): string => `Origin: ${origin}`;
const preflight = (port: number, origin: string, path = '/') =>
  ask(port, path, 'OPTIONS', from(origin), 'Access-Control-Request-Method: PUT');

async function withCors(options: CorsOptions, test: (port: number) => Promise<void>): Promise<void> {
  await withApp(routes, ({ port }) => test(port), { middleware: [cors(options)] });
}

describe('cors', () => {
  it('allows listed origins, and names in Vary what the response depends on', async () => {
    await withCors({ origins: [SITE], exposedHeaders: ['ETag', 'X-Total'] }, async (port) => {
      const allowed = await ask(port, '/', 'GET', from(SITE));
      expect(answerOf(allowed)).toEqual({ 'Allow-Origin': SITE, 'Expose-Headers': 'ETag, X-Total' });
      for (const origin of [undefined, 'https://app.example.com:8443', 'http://app.example.com', 'null']) {
        const other = await ask(port, '/', 'GET', ...(origin === undefined ? [] : [from(origin)]));
        expect([statusOf(other), answerOf(other), headerOf(other, 'Vary')]).toEqual([200, {}, 'Origin']);
      }
      expect(headerOf(allowed, 'Vary')).toBe('Origin');
    });
  });

  it('responds to preflights, and only to those, without the handler', async () => {
    await withCors({ origins: [SITE], maxAgeSeconds: 600, credentials: true }, async (port) => {
      handled = 0;
      const response = await preflight(port, SITE);
      expect([statusOf(response), answerOf(response)]).toEqual([
        204,
        {
          'Allow-Origin': SITE,
          'Allow-Credentials': 'true',
          'Allow-Methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
          'Allow-Headers': 'Content-Type',
          'Max-Age': '600',
        },
      ]);
      expect(headerOf(response, 'Vary')).toBe('Origin');
      const refused = await preflight(port, 'https://evil.example');
      expect([statusOf(refused), answerOf(refused)]).toEqual([204, {}]);
      expect(statusOf(await preflight(port, SITE, '/nowhere'))).toBe(204);
      expect(handled).toBe(0);
      expect(statusOf(await ask(port, '/', 'OPTIONS', from(SITE)))).toBe(200);
      expect(statusOf(await ask(port, '/', 'OPTIONS', 'Access-Control-Request-Method: PUT'))).toBe(200);
      expect(handled).toBe(2);
    });
  });

  it('allows every origin with *, which needs no Vary', async () => {
    await withCors({ origins: '*', methods: ['*'], allowedHeaders: ['*', 'Authorization'] }, async (port) => {
      for (const fields of [[], [from(SITE)]]) {
        const response = await ask(port, '/', 'GET', ...fields);
        expect([answerOf(response), headerOf(response, 'Vary')]).toEqual([
          { 'Allow-Origin': '*' },
          undefined,
        ]);
      }
      expect(answerOf(await preflight(port, SITE))).toEqual({
        'Allow-Origin': '*',
        'Allow-Methods': 'GET, HEAD, POST, *',
        'Allow-Headers': '*, Authorization',
      });
    });
  });

  it('sets its headers on error pages too, and once', async () => {
    await withCors({ origins: [SITE] }, async (port) => {
      for (const [path, method, status] of [
        ['/broken', 'GET', 500],
        ['/broken', 'POST', 403],
        ['/broken', 'PUT', 405],
        ['/nowhere', 'GET', 404],
      ] as const) {
        const response = await ask(port, path, method, from(SITE));
        expect(statusOf(response)).toBe(status);
        expect(response.match(/Access-Control-Allow-Origin/g)).toHaveLength(1);
        expect(headerOf(response, 'Vary')).toBe('Origin');
      }
    });
  });

  it('adds Origin to a Vary of the handler, unless it is there', async () => {
    await withCors({ origins: [SITE] }, async (port) => {
      for (const [by, fields] of [
        ['Accept', ['Vary: Accept', 'Vary: Origin']],
        ['Accept,origin', ['Vary: Accept,origin']],
        ['*', ['Vary: *']],
      ] as const) {
        const response = await ask(port, `/varies?by=${by}`, 'GET', from(SITE));
        expect(response.match(/Vary: .*(?=\r)/g)).toEqual(fields);
      }
    });
  });

  it('matches a regular expression against the whole origin', async () => {
    await withCors({ origins: /https:\/\/\w+\.example\.com|https:\/\/a\.test/g }, async (port) => {
      const allowed: string[] = [];
      for (const origin of [
        SITE,
        'https://a.test',
        'https://a.test.evil.example',
        'https://evil.example/https://a.test',
        'https://app.example.com.evil.example',
        'https://a.test, https://a.test',
        SITE,
      ]) {
        const found = answerOf(await ask(port, '/', 'GET', from(origin)))['Allow-Origin'];
        if (found !== undefined) allowed.push(found);
      }
      expect(allowed).toEqual([SITE, 'https://a.test', SITE]);
    });
  });

  it('asks a function, which must be synchronous', async () => {
    const asked: string[] = [];
    const origins = (origin: string, { request }: { request: { path: string } }): boolean => {
      asked.push(`${request.path} ${origin}`);
      return origin === SITE;
    };
    await withCors({ origins, credentials: true }, async (port) => {
      expect(answerOf(await ask(port, '/', 'GET', from(SITE)))['Allow-Origin']).toBe(SITE);
      for (const origin of ['https://b.example', 'null', 'x', `https://${'a'.repeat(600)}`]) {
        expect(answerOf(await ask(port, '/', 'GET', from(origin)))).toEqual({});
      }
      // With credentials, null is not even asked about: any page can send it.
      expect(asked).toEqual([`/ ${SITE}`, '/ https://b.example']);
    });
    await withCors({ origins: (async () => false) as never }, async (port) => {
      const response = await ask(port, '/', 'GET', from(SITE));
      expect([statusOf(response), answerOf(response)]).toEqual([500, {}]);
    });
  });

  it('of a route decides over that of the application', async () => {
    const other = 'https://b.example';
    const inner: Routes = [['/', Hello, {}, { middleware: [cors({ origins: [other] })] }]];
    await withApp(
      inner,
      async ({ port }) => {
        expect(answerOf(await ask(port, '/', 'GET', from(SITE)))).toEqual({});
        expect(answerOf(await ask(port, '/', 'GET', from(other)))).toEqual({ 'Allow-Origin': other });
      },
      { middleware: [cors({ origins: [SITE, other], credentials: true })] },
    );
  });

  it('refuses invalid options when it is made', () => {
    const wrong: [unknown, string][] = [
      [{}, "origins must be '*', a list"],
      [{ origins: [] }, "origins must be '*', a list"],
      [{ origins: '*', credentials: true }, "must not be '*' together with credentials"],
      [{ origins: ['*'] }, 'an origin such as'],
      [{ origins: ['https://a.example/'] }, 'without a path'],
      [{ origins: ['https://A.example'] }, 'write "https://a.example"'],
      [{ origins: ['https://a.example:443'] }, 'write "https://a.example"'],
      [{ origins: ['null'], credentials: true }, 'an origin such as'],
      [{ origins: '*', methods: 'GET' }, 'methods must be an array of names'],
      [{ origins: '*', allowedHeaders: ['A\r\nB'] }, 'allowedHeaders must be an array of names'],
      [{ origins: [SITE], credentials: true, exposedHeaders: ['*'] }, 'list the names'],
      [{ origins: '*', maxAgeSeconds: 1.5 }, 'maxAgeSeconds'],
      [{ origins: '*', credentials: 'yes' }, 'credentials: true or false'],
      [{ origin: '*' }, 'unknown option "origin": did you mean "origins"?'],
      [null, 'an object of options'],
    ];
    for (const [options, message] of wrong) {
      expect(() => cors(options as CorsOptions), message).toThrow(message);
    }
    expect(() => cors({ origins: ['null', 'chrome-extension://abcdef', 'http://[::1]:8080'] })).not.toThrow();
  });
});
