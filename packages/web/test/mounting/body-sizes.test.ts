import { FetchContainer } from '@landspout/httpserver/fetch';
import { NodeContainer } from '@landspout/httpserver/node';
import express from 'express';
import { describe, expect, it } from 'vitest';
import { mount } from '../../src/index.ts';
import { withApp } from '../fixtures/running-application.ts';

const ofExpress = express();
ofExpress.use(express.raw({ type: () => true, limit: '1mb' }));
ofExpress.post('/', (request, response) => {
  response.send(String((request.body as Buffer).length));
});

const routes = [
  mount('/fetch', new FetchContainer(async (request) => new Response(String((await request.text()).length)))),
  mount('/node', new NodeContainer(ofExpress)),
];

// Both containers receive a body of at most 64 KiB before they call their handler.
describe.each([65_535, 65_536, 65_537])('a body of %i bytes', (size) => {
  it.each(['/fetch', '/node'])('is read by the handler that is mounted at %s', (path) =>
    withApp(routes, async ({ url }) => {
      const response = await fetch(url + path, { method: 'POST', body: Buffer.alloc(size, 'x') });
      expect(await response.text()).toBe(String(size));
    }),
  );
});
