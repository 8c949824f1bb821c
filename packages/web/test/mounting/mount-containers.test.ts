import { FetchContainer } from '@landspout/httpserver/fetch';
import { NodeContainer } from '@landspout/httpserver/node';
import express from 'express';
import helmet from 'helmet';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { Application, mount, RequestHandler } from '../../src/index.ts';
import { nodeMiddleware } from '../../src/node/index.ts';
import { TestClient } from '../../src/testing/index.ts';
import { withApp } from '../fixtures/running-application.ts';

class Home extends RequestHandler {
  override get(): void {
    this.write('home');
  }
}

const hono = new Hono()
  .get('/users/:id', (context) => context.json({ id: context.req.param('id'), url: context.req.url }))
  .post('/echo', async (context) => context.text((await context.req.text()).toUpperCase()))
  .get('/', (context) => context.text('hono'));

const legacy = express();
legacy.use(express.json());
legacy.get('/', (_request, response) => {
  response.send('express');
});
legacy.get('/where', (request, response) => {
  response.json({ url: request.url, originalUrl: request.originalUrl });
});
legacy.post('/echo', (request, response) => {
  response.status(201).json(request.body);
});

const routes = [
  ['/', Home] as const,
  mount('/api', new FetchContainer(hono.fetch)),
  mount('/legacy', new NodeContainer(legacy)),
];

describe.each([
  ['alone', []],
  ['behind nodeMiddleware', [nodeMiddleware(helmet() as Parameters<typeof nodeMiddleware>[0])]],
])('Hono and Express in one application, %s', (_, middleware) => {
  it('respond below their prefixes, over sockets', () =>
    withApp(
      routes,
      async ({ url, log }) => {
        const texts = ['/', '/api', '/legacy', '/api/users/7'].map(async (target) =>
          (await fetch(url + target)).text(),
        );
        const [home, api, old, user] = await Promise.all(texts);
        expect([home, api, old]).toEqual(['home', 'hono', 'express']);
        expect(JSON.parse(user as string)).toMatchObject({ id: '7' });
        const echo = await fetch(`${url}/api/echo`, { method: 'POST', body: 'text' });
        expect(await echo.text()).toBe('TEXT');
        const headers = { 'Content-Type': 'application/json' };
        const posted = await fetch(`${url}/legacy/echo`, { method: 'POST', body: '{"a":[1]}', headers });
        expect([posted.status, await posted.json()]).toEqual([201, { a: [1] }]);
        const missing = ['/api/none', '/legacy/none'].map(
          async (target) => (await fetch(url + target)).status,
        );
        expect(await Promise.all(missing)).toEqual([404, 404]);
        expect(log.records).toEqual([]);
      },
      { middleware },
    ));

  it('respond to TestClient', async () => {
    await using client = new TestClient(new Application(routes, { middleware }));
    expect((await client.request('/api/users/8')).json()).toMatchObject({ id: '8' });
    expect((await client.request('/legacy/where?a=b')).json()).toEqual({
      url: '/where?a=b',
      originalUrl: '/legacy/where?a=b',
    });
  });
});
