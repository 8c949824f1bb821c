import { describe, expect, it } from 'vitest';
import { addSlash, RequestHandler, type Routes, removeSlash } from '../../src/index.ts';
import { ask, bodyOf, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

class Folder extends RequestHandler {
  static override readonly middleware = [addSlash];

  override get(): void {
    this.write('folder');
  }

  override post(): void {
    this.write('posted');
  }
}

class Page extends RequestHandler {
  override get(): void {
    this.write('page');
  }

  override post(): void {
    this.write('posted');
  }
}

const routes: Routes = [
  [/\/folder\/?/, Folder],
  [/\/+evil\/?/, Folder],
  [/\/.*/, Page, {}, { middleware: [removeSlash] }],
];

async function outcomes(...requests: readonly [method: string, target: string][]) {
  const found: [number, string | undefined][] = [];
  await withApp(routes, async ({ port }) => {
    for (const [method, target] of requests) {
      const response = await ask(port, target, method);
      found.push([statusOf(response), headerOf(response, 'Location')]);
    }
  });
  return found;
}

describe('addSlash', () => {
  it('redirects GET and HEAD to the path with a slash, with the query; other methods are a 404 [HD-01]', async () => {
    expect(
      await outcomes(
        ['GET', '/folder'],
        ['HEAD', '/folder?a=1&b=/'],
        ['GET', '/folder?'],
        ['POST', '/folder'],
        ['GET', '/folder/'],
        ['POST', '/folder/'],
      ),
    ).toEqual([
      [301, '/folder/'],
      [301, '/folder/?a=1&b=/'],
      [301, '/folder/'],
      [404, undefined],
      [200, undefined],
      [200, undefined],
    ]);
  });

  it('redirects to no other host', async () => {
    expect(await outcomes(['GET', '//evil'], ['GET', '////evil'], ['GET', 'http://other/folder'])).toEqual([
      [301, '/evil/'],
      [301, '/evil/'],
      [301, '/folder/'],
    ]);
  });
});

describe('removeSlash', () => {
  it('redirects GET and HEAD to the path without slashes, with the query; other methods are a 404 [HD-01]', async () => {
    expect(
      await outcomes(
        ['GET', '/page/'],
        ['HEAD', '/a/b///?q=/'],
        ['POST', '/page/'],
        ['GET', '/page'],
        ['POST', '/page'],
      ),
    ).toEqual([
      [301, '/page'],
      [301, '/a/b?q=/'],
      [404, undefined],
      [200, undefined],
      [200, undefined],
    ]);
  });

  it('keeps the path / [HD-01]', async () => {
    expect(await outcomes(['GET', '/'], ['POST', '/'], ['GET', '//'], ['GET', '/?a'])).toEqual(
      Array.from({ length: 4 }, () => [200, undefined]),
    );
  });

  it('redirects to no other host', async () => {
    expect(
      await outcomes(['GET', '//evil.example/'], ['GET', '///evil.example//'], ['GET', '/%5Cevil/']),
    ).toEqual([
      [301, '/evil.example'],
      [301, '/evil.example'],
      [301, '/%5Cevil'],
    ]);
  });

  it('takes linear time for many slashes', async () => {
    const slashes = '/'.repeat(7_000);
    expect(await outcomes(['GET', `/a${slashes}b`], ['GET', `/a${slashes}`])).toEqual([
      [200, undefined],
      [301, '/a'],
    ]);
    await withApp(routes, async ({ port }) => expect(bodyOf(await ask(port, '/page'))).toBe('page'));
  });
});
