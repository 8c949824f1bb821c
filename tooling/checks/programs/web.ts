// web with what is below it: routes with typed parameters, a file, error pages, and handlers of others.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FetchContainer } from '@landspout/httpserver/fetch';
import { NodeContainer } from '@landspout/httpserver/node';
import {
  Application,
  HTTPError,
  IOLoop,
  Locales,
  mount,
  RequestHandler,
  route,
  StaticFileHandler,
} from '@landspout/web';
import { parsePo } from '@landspout/web/gettext';
import { nodeMiddleware, nodeRequestOf } from '@landspout/web/node';

class UserHandler extends RequestHandler<'/user/:id'> {
  override get(): void {
    const id: string = this.pathParams.id;
    // @ts-expect-error: the pattern names no such parameter.
    assert.equal(this.pathParams.name, undefined);
    if (id === 'nobody') throw new HTTPError(410);
    this.write({ id, times: this.getQueryArgument('times', '1') });
  }

  override async post(): Promise<void> {
    await Promise.resolve();
    this.setStatus(201);
    this.finish(this.getBodyArgument('name'));
  }
}

class Greeting extends RequestHandler {
  override get(): void {
    this.write(this.locale.translate('Hello, %(name)s', { name: 'you' }));
    // @ts-expect-error: the plural has no count.
    assert.throws(() => this.locale.translate('one', 'many'));
  }
}

class Named extends RequestHandler {
  override get(): void {
    this.write(nodeRequestOf<{ name?: string }>(this).name ?? '');
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'landspout-web-'));
writeFileSync(path.join(folder, 'hello.txt'), 'hello from a file');
const locales = new Locales({ de: parsePo('msgid "Hello, %(name)s"\nmsgstr "Hallo, %(name)s"\n') });
const app = new Application(
  [
    route('/user/:id', UserHandler, {}, 'user'),
    ['/greeting', Greeting],
    ['/files/*path', StaticFileHandler, { path: folder }],
    [
      '/named',
      Named,
      {},
      {
        middleware: [
          nodeMiddleware((request, _response, next) => {
            Object.assign(request, { name: 'of middleware' });
            next();
          }),
        ],
      },
    ],
    mount('/fetch', new FetchContainer(({ url }) => new Response(new URL(url).pathname))),
    mount('/node', new NodeContainer((request, response) => response.end(request.url))),
  ],
  { locales },
);
const server = await app.listen({ host: '127.0.0.1' });
try {
  assert.deepEqual(await text(`${app.reverseUrl('user', 'a b')}?times=2`), [200, '{"id":"a b","times":"2"}']);
  const form = { method: 'POST', body: new URLSearchParams({ name: 'you' }) };
  assert.deepEqual(await text('/user/7', form), [201, 'you']);
  assert.deepEqual(await text('/files/hello.txt'), [200, 'hello from a file']);
  assert.deepEqual(await text('/greeting', { headers: { 'Accept-Language': 'de' } }), [200, 'Hallo, you']);
  assert.deepEqual(await text('/named'), [200, 'of middleware']);
  assert.deepEqual(await text('/fetch/a'), [200, '/a']);
  assert.deepEqual(await text('/node/a'), [200, '/a']);
  assert.equal((await text('/user/nobody'))[0], 410);
  assert.equal((await text('/user/7', { method: 'DELETE' }))[0], 405);
  for (const missing of ['/nothing', '/files/nothing', '/files/%2e%2e/hello.txt']) {
    assert.equal((await text(missing))[0], 404, missing);
  }
} finally {
  await server.closeAll();
  rmSync(folder, { recursive: true });
}
console.log(`${IOLoop.current().backend} backend`);

async function text(target: string, init: RequestInit = {}): Promise<[number, string]> {
  const response = await fetch(server.url + target, {
    ...init,
    headers: { Connection: 'close', ...init.headers },
  });
  return [response.status, await response.text()];
}
