import { symlink } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RouteSpec, type StaticFile, StaticFileHandler } from '../../src/index.ts';
import { ask, bodyOf, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';
import { pattern, StaticFolder } from '../fixtures/static-folder.ts';

let folder: StaticFolder;
let settings: { readonly staticPath: string };
let routes: RouteSpec[] = [];

beforeAll(async () => {
  folder = await StaticFolder.create({
    'css/app.css': 'body {}',
    'a b+ü?.txt': 'odd',
    'medium.bin': pattern(200_000),
    '.hidden': 'x',
    '.git/config': 'x',
  });
  settings = { staticPath: folder.path };
  routes = [['/static/*path', StaticFileHandler, { path: folder.path }]];
});

afterAll(() => folder.remove());

describe('StaticFileHandler.makeStaticUrl', () => {
  it('has the version of the file once it is known, which is also its ETag [ST-07]', () =>
    withApp(routes, async ({ port }) => {
      expect(await StaticFileHandler.loadVersions(settings)).toBe(3);
      const url = StaticFileHandler.makeStaticUrl(settings, 'css/app.css');
      expect(url).toMatch(/^\/static\/css\/app\.css\?v=[0-9a-f]{32}$/);
      const answer = await ask(port, url);
      expect(headerOf(answer, 'ETag')).toBe(`"${url.split('=')[1]}"`);
      expect(headerOf(answer, 'Cache-Control')).toBe('public, max-age=315360000, immutable');
      expect(StaticFileHandler.makeStaticUrl(settings, 'medium.bin')).toMatch(/\?v=[0-9a-f]{32}$/);
    }));

  it('escapes names', () =>
    withApp(routes, async ({ port }) => {
      await StaticFileHandler.loadVersions(settings);
      const url = StaticFileHandler.makeStaticUrl(settings, 'a b+ü?.txt');
      expect(url).toMatch(/^\/static\/a%20b%2B%C3%BC%3F\.txt\?v=/);
      expect(statusOf(await ask(port, url))).toBe(200);
    }));

  it('has no version before the first look-up, for a missing file, and where none is wanted', async () => {
    await folder.write('late.css', 'p {}');
    const url = () => StaticFileHandler.makeStaticUrl(settings, 'late.css');
    expect(url()).toBe('/static/late.css');
    // The first call has begun to look it up.
    while (!url().includes('?v=')) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(StaticFileHandler.makeStaticUrl(settings, 'late.css', { includeVersion: false })).toBe(
      '/static/late.css',
    );
    expect(StaticFileHandler.makeStaticUrl(settings, 'missing.css')).toBe('/static/missing.css');
    expect(await StaticFileHandler.getVersion(settings, 'missing.css')).toBeUndefined();
    expect(await StaticFileHandler.getVersion(settings, 'css')).toBeUndefined();
  });

  it('follows a change of the file', async () => {
    await folder.write('changing.css', 'one');
    const first = await StaticFileHandler.getVersion(settings, 'changing.css');
    expect(StaticFileHandler.makeStaticUrl(settings, 'changing.css')).toBe(`/static/changing.css?v=${first}`);
    await folder.write('changing.css', 'two');
    const second = await StaticFileHandler.getVersion(settings, 'changing.css');
    expect(second).not.toBe(first);
    expect(StaticFileHandler.makeStaticUrl(settings, 'changing.css')).toBe(
      `/static/changing.css?v=${second}`,
    );
  });

  it('starts with the prefix of the settings', () => {
    const cdn = { ...settings, staticUrlPrefix: 'https://cdn.example/s/' };
    const url = StaticFileHandler.makeStaticUrl(cdn, 'x.css');
    expect(url).toBe('https://cdn.example/s/x.css');
  });

  it('asks the subclass for the version [ST-07]', async () => {
    class Released extends StaticFileHandler {
      static override getContentVersion(file: StaticFile): string {
        return `r7 ${file.size}`;
      }
    }
    await Released.loadVersions(settings);
    expect(Released.makeStaticUrl(settings, 'css/app.css')).toBe('/static/css/app.css?v=r7%207');
    expect(await Released.getVersion(settings, 'css/app.css')).toBe('r7 7');
    await withApp([['/static/*path', Released, { path: folder.path }]], async ({ port }) => {
      expect(headerOf(await ask(port, '/static/css/app.css'), 'ETag')).toBe('"r7 7"');
    });
  });

  it.each(['../x', '/etc/passwd', 'a\\b', '', 'css/', 'a\0b', 'a//b', 7, undefined])(
    'refuses %j, which is not the path of a file below the folder',
    (file) => {
      expect(() => StaticFileHandler.makeStaticUrl(settings, file as string)).toThrow(
        expect.objectContaining({
          code: 'ERR_WEB_USAGE',
          message: expect.stringMatching(
            /^makeStaticUrl: path must be the path of a file below the folder.*, got /,
          ),
        }),
      );
    },
  );

  it('refuses settings without a folder', () => {
    expect(() => StaticFileHandler.makeStaticUrl({ staticPath: '' }, 'x')).toThrow(
      /staticPath must be the folder/,
    );
  });

  it('rejects loading a folder that does not exist', async () => {
    const missing = { staticPath: folder.file('nowhere') };
    await expect(StaticFileHandler.loadVersions(missing)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('the cache time of a versioned URL', () => {
  const cacheControl = async (port: number, query: string) =>
    headerOf(await ask(port, `/static/css/app.css${query}`), 'Cache-Control');
  const FOREVER = 'public, max-age=315360000, immutable';

  it('is not granted under the hash of other content, as it is requested while a new version is installed [ST-03]', () =>
    withApp(routes, async ({ port }) => {
      const version = await StaticFileHandler.getVersion(settings, 'css/app.css');
      expect(await cacheControl(port, `?v=${version}`)).toBe(FOREVER);
      expect(await cacheControl(port, `?v=${'0'.repeat(32)}`)).toBe('no-cache');
      expect(await cacheControl(port, '?v=2.0')).toBe(FOREVER);
      expect(await cacheControl(port, '?w=1')).toBeUndefined();
      expect(await cacheControl(port, '')).toBeUndefined();
    }));
});

describe('the methods of StaticFileHandler that a subclass overrides [ST-07]', () => {
  it('decide about cache time and type, by name, date and type', () => {
    class Hourly extends StaticFileHandler {
      override getContentType(name: string): string {
        return name.endsWith('.css') ? 'text/x-own' : super.getContentType(name);
      }
      override getCacheTime(name: string, modified: Date, contentType: string): number {
        expect([name, modified instanceof Date, contentType]).toEqual(['css/app.css', true, 'text/x-own']);
        return 3600;
      }
    }
    return withApp([['/*path', Hourly, { path: folder.path }]], async ({ port }) => {
      const answer = await ask(port, '/css/app.css');
      expect(headerOf(answer, 'Content-Type')).toBe('text/x-own');
      expect(headerOf(answer, 'Cache-Control')).toBe('public, max-age=3600');
      const hours = (Date.parse(headerOf(answer, 'Expires') as string) - Date.now()) / 3_600_000;
      expect(Math.round(hours)).toBe(1);
    });
  });

  it('change the path before it is checked', () => {
    class Themed extends StaticFileHandler {
      override parseUrlPath(urlPath: string): string {
        return urlPath.startsWith('up') ? '../secret' : `css/${urlPath}`;
      }
    }
    return withApp([['/*path', Themed, { path: folder.path }]], async ({ port }) => {
      expect(statusOf(await ask(port, '/app.css'))).toBe(200);
      expect(statusOf(await ask(port, '/up'))).toBe(403);
    });
  });

  it('refuse files by their path, after links were followed', async () => {
    await symlink('css/app.css', folder.file('alias.css'));
    const { HTTPError } = await import('../../src/index.ts');
    class Guarded extends StaticFileHandler {
      override async validateAbsolutePath(root: string, absolutePath: string): Promise<void> {
        if (absolutePath.startsWith(`${root}/css/`)) throw new HTTPError(401);
      }
    }
    await withApp([['/*path', Guarded, { path: folder.path }]], async ({ port }) => {
      expect(statusOf(await ask(port, '/alias.css'))).toBe(401);
      expect(statusOf(await ask(port, '/medium.bin'))).toBe(200);
    });
  });

  it('may respond otherwise', async () => {
    class Moved extends StaticFileHandler {
      override validateAbsolutePath(_root: string, absolutePath: string): void {
        if (absolutePath.endsWith('.bin')) this.redirect('/elsewhere');
      }
      override setExtraHeaders(path: string): void {
        if (path === 'css/app.css') this.finish('own');
      }
    }
    await withApp([['/*path', Moved, { path: folder.path }]], async ({ port, log }) => {
      expect(statusOf(await ask(port, '/medium.bin'))).toBe(302);
      expect(bodyOf(await ask(port, '/css/app.css'))).toBe('own');
      expect(log.records).toEqual([]);
    });
  });

  it('serve a file under another name', async () => {
    class Fingerprinted extends StaticFileHandler {
      static override getAbsolutePath(root: string, path: string): string {
        if (path === 'up') return `${root}/../secret`;
        if (path === 'hidden') return `${root}/.hidden`;
        return StaticFileHandler.getAbsolutePath(root, path.replace(/-[0-9a-f]{4}(?=\.\w+$)/, ''));
      }
    }
    const init = { path: folder.path, defaultFilename: 'app.css' };
    await withApp([['/*path', Fingerprinted, init]], async ({ port }) => {
      expect(bodyOf(await ask(port, '/css/app-1f0e.css'))).toBe('body {}');
      expect(headerOf(await ask(port, '/css'), 'Location')).toBe('/css/');
      expect(bodyOf(await ask(port, '/css/'))).toBe('body {}');
      expect(statusOf(await ask(port, '/up'))).toBe(403);
      expect(statusOf(await ask(port, '/hidden'))).toBe(403);
      expect(statusOf(await ask(port, '/../x'))).toBe(403);
    });
    const version = await Fingerprinted.getVersion(settings, 'css/app-1f0e.css');
    expect(Fingerprinted.makeStaticUrl(settings, 'css/app-1f0e.css')).toBe(
      `/static/css/app-1f0e.css?v=${version}`,
    );
    expect(await Fingerprinted.getVersion(settings, 'up')).toBeUndefined();
    expect(Fingerprinted.makeStaticUrl(settings, 'up')).toBe('/static/up');
  });

  it('must return versions that a tag may have', () => {
    class Quoted extends StaticFileHandler {
      static override getContentVersion(): string {
        return '"1"';
      }
    }
    return withApp([['/*path', Quoted, { path: folder.path }]], async ({ port, log }) => {
      expect(statusOf(await ask(port, '/css/app.css'))).toBe(500);
      expect(log.records).toMatchObject([
        {
          level: 'error',
          error: { code: 'ERR_WEB_USAGE', message: expect.stringContaining('getContentVersion') },
        },
      ]);
    });
  });

  it('may remove the ETag', () => {
    class Untagged extends StaticFileHandler {
      override setExtraHeaders(): void {
        this.clearHeader('ETag');
      }
    }
    return withApp([['/*path', Untagged, { path: folder.path }]], async ({ port }) => {
      expect(headerOf(await ask(port, '/css/app.css'), 'ETag')).toBeUndefined();
    });
  });
});

describe('the options of StaticFileHandler', () => {
  it('name one file for a route without a parameter', async () => {
    const routes: RouteSpec[] = [
      ['/style', StaticFileHandler, { path: folder.path, file: 'css/app.css' }],
      ['/gone', StaticFileHandler, { path: folder.path, file: 'gone.css' }],
    ];
    await withApp(routes, async ({ port }) => {
      const answer = await ask(port, '/style');
      expect([bodyOf(answer), headerOf(answer, 'Content-Type')]).toEqual([
        'body {}',
        'text/css; charset=UTF-8',
      ]);
      expect(statusOf(await ask(port, '/gone'))).toBe(404);
    });
  });

  it.each([
    [{ cacheBytes: -1 }, 'cacheBytes must be a whole number of 0 or more, got -1'],
    [{ cacheBytes: 1.5 }, 'cacheBytes must be a whole number of 0 or more, got 1.5'],
    [{ precompressed: ['deflate'] }, "precompressed must be a list of 'br', 'zstd' and 'gzip', got "],
    [{ precompressed: 'br' }, "precompressed must be a list of 'br', 'zstd' and 'gzip', got "],
    [{ dotfiles: 1 }, 'dotfiles must be true or false, got 1'],
    [{ followSymlinks: 'yes' }, 'followSymlinks must be true or false, got '],
    [{ defaultFilename: '' }, "defaultFilename must be the name of a file, such as 'index.html', got "],
    [{ defaultFilename: 'a/b' }, "defaultFilename must be the name of a file, such as 'index.html', got "],
    [{ file: '../x' }, "file must be the path of a file below the folder, such as 'favicon.ico', got "],
    [{ maxAge: 1 }, 'unknown option "maxAge"'],
  ])('refuse %j when the application is created', (wrong, problem) => {
    const route = ['/*path', StaticFileHandler, { path: folder.path, ...wrong }] as RouteSpec;
    return expect(withApp([route], async () => {})).rejects.toMatchObject({
      code: 'ERR_WEB_ROUTE',
      message: expect.stringContaining(problem),
    });
  });
});
