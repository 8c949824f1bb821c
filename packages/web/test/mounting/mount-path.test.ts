import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FetchContainer, toFetchHandler } from '@landspout/httpserver/fetch';
import { toNodeHandler } from '@landspout/httpserver/node';
import express from 'express';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Application,
  addSlash,
  authenticated,
  HTTPServer,
  mount,
  RequestHandler,
  removeSlash,
  StaticFileHandler,
} from '../../src/index.ts';
import { TestClient } from '../../src/testing/index.ts';
import { StaticFolder } from '../fixtures/static-folder.ts';

class Links extends RequestHandler {
  override get(): void {
    this.write({
      reversed: this.reverseUrl('links'),
      asset: this.staticUrl('a.txt', { includeVersion: false }),
      absolute: this.staticUrl('a.txt', { includeVersion: false, absolute: true }),
      full: this.request.fullUrl(),
    });
  }
}

class Slashed extends RequestHandler {
  override get = addSlash(function (this: RequestHandler) {});
}

class Slashless extends RequestHandler {
  override get(): void {}
}

class Private extends RequestHandler {
  override get = authenticated(function (this: RequestHandler) {});
}

let folder: StaticFolder;

beforeAll(async () => {
  folder = await StaticFolder.create({ 'a.txt': 'a', 'below/index.html': 'index' });
});

afterAll(() => folder.remove());

function application(): Application {
  return new Application(
    [
      ['/links', Links, undefined, 'links'],
      ['/slashed', Slashed],
      ['/slashless/', Slashless, undefined, { middleware: [removeSlash] }],
      ['/private', Private],
      ['/files/*path', StaticFileHandler, { path: folder.path, defaultFilename: 'index.html' }],
      ['/inner', new Application([['/links', Links, undefined, 'links']], { staticPath: folder.path })],
    ],
    { staticPath: folder.path, loginUrl: 'https://login.example/' },
  );
}

type Test = (url: string) => Promise<void>;

async function inExpress(test: Test): Promise<void> {
  const app = express().use('/live', toNodeHandler(application()));
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await test(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function inHono(test: Test): Promise<void> {
  const app = new Hono().mount('/live', toFetchHandler(application(), { mountPath: '/live' }));
  await serving(new HTTPServer(new FetchContainer(app.fetch as never)), test);
}

const byMount = (test: Test): Promise<void> =>
  serving(new HTTPServer(new Application([mount('/live', application())])), test);

const nested = (test: Test): Promise<void> =>
  serving(new HTTPServer(new Application([['/live', application()]])), test);

async function serving(server: HTTPServer, test: Test): Promise<void> {
  await server.listen({ port: 0, host: '127.0.0.1' });
  try {
    await test(server.url as string);
  } finally {
    await server.closeAll();
  }
}

describe.each([
  ['in Express', inExpress],
  ['in Hono', inHono],
  ['by mount', byMount],
  ['in the list of routes', nested],
] as const)('an Application that is mounted %s', (_name, mounted) => {
  it('makes links that include the path at which it is mounted', () =>
    mounted(async (url) => {
      const linksAt = async (path: string): Promise<unknown> => (await fetch(url + path)).json();
      const asset = '/live/static/a.txt';
      const links = { reversed: '/live/links', asset, absolute: url + asset };
      expect(await linksAt('/live/links?a=b')).toEqual({ ...links, full: `${url}/live/links?a=b` });
    }));

  it('makes links of an application in its routes', () =>
    mounted(async (url) => {
      const asset = '/live/inner/static/a.txt';
      expect(await (await fetch(`${url}/live/inner/links`)).json()).toEqual({
        reversed: '/live/inner/links',
        asset,
        absolute: url + asset,
        full: `${url}/live/inner/links`,
      });
    }));

  it.each([
    ['/live/slashed?a=b', '/live/slashed/?a=b'],
    ['/live/slashless/', '/live/slashless'],
    ['/live/files/below?a', '/live/files/below/?a'],
    ['/live/inner?a', '/live/inner/?a'],
  ])('redirects to paths below it: %s to %s', (from, to) =>
    mounted(async (url) => {
      const response = await fetch(url + from, { redirect: 'manual' });
      expect([response.status, response.headers.get('Location')]).toEqual([301, to]);
    }),
  );

  it('names the page to return to after a login', () =>
    mounted(async (url) => {
      const response = await fetch(`${url}/live/private?a`, { redirect: 'manual' });
      const login = new URL(response.headers.get('Location') as string);
      expect(login.searchParams.get('next')).toBe(`${url}/live/private?a`);
    }));
});

describe('a mountPath', () => {
  it('that a client chose does not lead to another host', async () => {
    const handler = application();
    const below = {
      startRequest: (exchange: Parameters<Application['startRequest']>[0]) => {
        const message = handler.startRequest(exchange);
        const { headersReceived } = message;
        message.headersReceived = (head) =>
          headersReceived.call(message, { ...head, headers: head.headers, mountPath: '//evil.example' });
        return message;
      },
    };
    await using client = new TestClient(new Application([mount('/', below)]));
    const links = JSON.parse((await client.request('/links')).text());
    expect(links).toMatchObject({ reversed: '/evil.example/links', asset: '/evil.example/static/a.txt' });
  });
});
