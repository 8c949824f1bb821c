import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Application,
  type ApplicationSettings,
  host,
  RequestHandler,
  StaticFileHandler,
  type StaticUrlOptions,
} from '../../src/index.ts';
import { ask, bodyOf, converse, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';
import { StaticFolder } from '../fixtures/static-folder.ts';

let folder: StaticFolder;
let settings: ApplicationSettings = {};

beforeAll(async () => {
  folder = await StaticFolder.create({
    'css/app.css': 'body {}',
    'index.html': 'index',
    'favicon.ico': 'icon',
    'robots.txt': 'User-agent: *',
  });
  settings = { staticPath: folder.path };
});

afterAll(() => folder.remove());

/** Responds with the URL of a static file, made with the options of its query. */
class UrlHandler extends RequestHandler {
  override get(): void {
    const options = this.getQueryArgument('options', '{}');
    this.write(this.staticUrl(this.getQueryArgument('path'), JSON.parse(options) as StaticUrlOptions));
  }
}

class OtherHandler extends RequestHandler {
  override get(): void {
    this.write('other');
  }
}

const urlOf = async (port: number, path: string, options: object = {}, hostName = 'example.com') => {
  const query = `path=${encodeURIComponent(path)}&options=${encodeURIComponent(JSON.stringify(options))}`;
  const fields = [`Host: ${hostName}`, 'Connection: close', '', ''];
  return bodyOf(await converse(port, [`GET /url?${query} HTTP/1.1`, ...fields].join('\r\n')));
};

describe('the setting staticPath', () => {
  it('serves a folder at /static/, and two of its files at the root, before all other routes [APP-06]', () =>
    withApp(
      [['/*path', OtherHandler]],
      async ({ port }) => {
        const answer = await ask(port, '/static/css/app.css');
        expect([bodyOf(answer), headerOf(answer, 'Content-Type')]).toEqual([
          'body {}',
          'text/css; charset=UTF-8',
        ]);
        expect(bodyOf(await ask(port, '/favicon.ico'))).toBe('icon');
        expect(bodyOf(await ask(port, '/robots.txt'))).toBe('User-agent: *');
        expect(statusOf(await ask(port, '/static/missing'))).toBe(404);
        expect(statusOf(await ask(port, '/static/%2e%2e/x'))).toBe(403);
        expect(bodyOf(await ask(port, '/css/app.css'))).toBe('other');
      },
      settings,
    ));

  it('leaves /favicon.ico and /robots.txt to the routes of the application [APP-06]', () =>
    withApp(
      [
        ['/robots.txt', OtherHandler],
        ['/:page', OtherHandler],
      ],
      async ({ port }) => {
        expect(bodyOf(await ask(port, '/robots.txt'))).toBe('other');
        expect(bodyOf(await ask(port, '/favicon.ico'))).toBe('icon');
      },
      settings,
    ));

  it('leaves them to the routes of one host as well [APP-06]', () =>
    withApp(
      [[host('example.com'), [['/robots.txt', OtherHandler]]]],
      async ({ port }) => expect(bodyOf(await ask(port, '/robots.txt'))).toBe('other'),
      settings,
    ));

  it('is served by another class, with arguments and below another prefix [APP-06]', () => {
    class Branded extends StaticFileHandler {
      override setExtraHeaders(path: string): void {
        this.setHeader('X-Served', path);
      }
    }
    const own = {
      ...settings,
      staticUrlPrefix: '/assets/v1/',
      staticHandlerClass: Branded,
      staticHandlerArgs: { defaultFilename: 'index.html' },
    };
    return withApp(
      [['/url', UrlHandler]],
      async ({ port }) => {
        const answer = await ask(port, '/assets/v1/');
        expect([bodyOf(answer), headerOf(answer, 'X-Served')]).toEqual(['index', 'index.html']);
        expect(headerOf(await ask(port, '/favicon.ico'), 'X-Served')).toBe('favicon.ico');
        expect(statusOf(await ask(port, '/static/css/app.css'))).toBe(404);
        expect(await urlOf(port, 'a b.css')).toBe('/assets/v1/a%20b.css');
      },
      own,
    );
  });

  it.each<[ApplicationSettings, string]>([
    [{ staticPath: '/nowhere/at/all' }, 'the folder "/nowhere/at/all" does not exist'],
    [{ staticPath: '' }, 'staticPath must be the folder of the static files, got ""'],
    [{ staticPath: '.', staticUrlPrefix: '/static' }, "staticUrlPrefix must be a path such as '/static/'"],
    [{ staticPath: '.', staticUrlPrefix: '/' }, "staticUrlPrefix must be a path such as '/static/'"],
    [{ staticPath: '.', staticUrlPrefix: '/:x/' }, "staticUrlPrefix must be a path such as '/static/'"],
    [{ staticPath: '.', staticHandlerArgs: { maxAge: 1 } }, 'unknown option "maxAge"'],
    [{ staticPath: '.', staticHandlerArgs: 7 as never }, 'staticHandlerArgs must be an object, got 7'],
    [
      { staticPath: '.', staticHandlerClass: OtherHandler as never },
      'staticHandlerClass must be a class that extends StaticFileHandler, got ',
    ],
    [{ staticUrlPrefix: '/x/' }, 'staticUrlPrefix has no effect without staticPath'],
    [{ staticpath: '.' } as ApplicationSettings, 'unknown setting "staticpath"'],
  ])('refuses %j [APP-06]', (wrong, problem) => {
    expect(() => new Application([], wrong)).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^ERR_WEB_(USAGE|ROUTE)$/),
        message: expect.stringContaining(problem),
      }),
    );
  });
});

describe('staticUrl of a handler', () => {
  it('has the version of the file, unless it is not wanted [APP-06] [ST-07]', () =>
    withApp(
      [['/url', UrlHandler]],
      async ({ port }) => {
        await StaticFileHandler.loadVersions({ staticPath: folder.path });
        const url = await urlOf(port, 'css/app.css');
        expect(url).toMatch(/^\/static\/css\/app\.css\?v=[0-9a-f]{32}$/);
        expect(headerOf(await ask(port, url), 'Cache-Control')).toContain('immutable');
        expect(await urlOf(port, 'css/app.css', { includeVersion: false })).toBe('/static/css/app.css');
      },
      settings,
    ));

  it('has the path below which the application is mounted [APP-06] [RT-02]', () => {
    const inner = new Application([['/url', UrlHandler]], settings);
    return withApp([['/shop', inner]], async ({ port }) => {
      const get = async (options: object) =>
        bodyOf(
          await ask(port, `/shop/url?path=x.css&options=${encodeURIComponent(JSON.stringify(options))}`),
        );
      expect(await get({})).toBe('/shop/static/x.css');
      expect(await get({ absolute: true })).toBe('http://example.com/shop/static/x.css');
      expect(bodyOf(await ask(port, '/shop/static/css/app.css'))).toBe('body {}');
      expect(statusOf(await ask(port, '/static/css/app.css'))).toBe(404);
    });
  });

  it('is absolute on request, at the host of the request [APP-06]', () =>
    withApp(
      [['/url', UrlHandler]],
      async ({ port }) => {
        const url = await urlOf(port, 'x.css', { absolute: true }, 'a.example:81');
        expect(url).toBe('http://a.example:81/static/x.css');
      },
      settings,
    ));

  it('is absolute at the public origin of the request, otherwise at the first one [APP-06]', () =>
    withApp(
      [['/url', UrlHandler]],
      async ({ port }) => {
        const at = (name: string) => urlOf(port, 'x.css', { absolute: true }, name);
        expect(await at('b.example')).toBe('https://b.example/static/x.css');
        expect(await at('10.0.0.1:8000')).toBe('https://a.example/static/x.css');
      },
      { ...settings, publicOrigin: ['https://a.example', 'https://b.example'] },
    ));

  it('is at the CDN of the prefix, which gets the file from the application [APP-06]', () =>
    withApp(
      [['/url', UrlHandler]],
      async ({ port }) => {
        expect(await urlOf(port, 'x.css', { absolute: true })).toBe('https://cdn.example/s/x.css');
        expect(bodyOf(await ask(port, '/s/css/app.css'))).toBe('body {}');
      },
      { ...settings, staticUrlPrefix: 'https://cdn.example/s/' },
    ));

  it('is refused for an invalid path or option, and without staticPath [APP-06]', async () => {
    const failure = async (given: ApplicationSettings, path: string, options: object) => {
      const errors: unknown[] = [];
      await withApp(
        [['/url', UrlHandler]],
        async ({ port, log }) => {
          await urlOf(port, path, options);
          errors.push(...log.records.map(({ error }) => error));
        },
        given,
      );
      return errors;
    };
    const usage = (message: unknown) => [expect.objectContaining({ code: 'ERR_WEB_USAGE', message })];
    expect(await failure(settings, '../x', {})).toEqual(
      usage(expect.stringMatching(/^makeStaticUrl: path must be the path of a file/)),
    );
    expect(await failure(settings, 'x', { version: 1 })).toEqual(
      usage('staticUrl: unknown option "version" (known: absolute, includeVersion)'),
    );
    expect(await failure({}, 'x', {})).toEqual(
      usage('staticUrl: the application needs the setting staticPath'),
    );
  });
});
