import { FetchContainer } from '@landspout/httpserver/fetch';
import { NodeContainer } from '@landspout/httpserver/node';
import express from 'express';
import { describe, expect, it } from 'vitest';
import { host, mount } from '../../src/index.ts';
import { nodeMiddleware } from '../../src/node/index.ts';
import { ask, bodyOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

const ofExpress = express();
ofExpress.use((request, response) => {
  const { url, originalUrl, headers } = request;
  response.json({ url, originalUrl, host: headers.host });
});
const ofFetch = new FetchContainer((request) =>
  Response.json({ url: request.url, host: request.headers.get('Host') }),
);

// The Host that the client sends is example.com.
describe('a target in absolute form, of a mounted handler', () => {
  it.each([
    ['http://target.example/legacy/n?a', { url: '/n?a', originalUrl: '/legacy/n?a' }],
    ['http://target.example/legacy/', { url: '/', originalUrl: '/legacy/' }],
    ['http://target.example/api/n?a', { url: 'http://target.example/n?a' }],
  ])('has the host by which the route was found: %s', (target, expected) =>
    withApp(
      [[host('target.example'), [mount('/legacy', new NodeContainer(ofExpress)), mount('/api', ofFetch)]]],
      async ({ port }) => {
        expect(JSON.parse(bodyOf(await ask(port, target)))).toEqual({ ...expected, host: 'target.example' });
      },
    ),
  );

  it('has that host for nodeMiddleware too', () => {
    const middleware = nodeMiddleware((request, response) => {
      response.end(`${request.url} of ${request.headers.host}`);
    });
    return withApp(
      [mount('/api', ofFetch)],
      async ({ port }) => {
        expect(bodyOf(await ask(port, 'http://target.example/api/n'))).toBe('/api/n of target.example');
      },
      { middleware: [middleware] },
    );
  });
});
