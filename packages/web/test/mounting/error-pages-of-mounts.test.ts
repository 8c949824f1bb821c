import { FetchContainer } from '@landspout/httpserver/fetch';
import { NodeContainer } from '@landspout/httpserver/node';
import { describe, expect, it } from 'vitest';
import { mount } from '../../src/index.ts';
import { withApp } from '../fixtures/running-application.ts';

const failure = new Error('a secret detail');
const routes = [
  mount(
    '/node',
    new NodeContainer((request, _response, next) => {
      if (request.url === '/throws') throw failure;
      next(request.url === '/none' ? undefined : Object.assign(new Error('no'), { status: 503 }));
    }),
  ),
  mount('/fetch', new FetchContainer(() => Promise.reject(failure))),
];

describe('a mounted container', () => {
  it.each([
    ['/node/throws', 500],
    ['/node/none', 404],
    ['/node/passes', 503],
    ['/fetch/throws', 500],
  ])('responds to %s with the error page of the application, with status %i', (target, status) =>
    withApp(routes, async ({ url, log }) => {
      const response = await fetch(url + target, { headers: { Accept: 'application/json' } });
      expect(response.headers.get('Content-Type')).toMatch(/^application\/problem\+json/);
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ status });
      const errors = log.records.filter(({ details }) => (details as { error?: unknown }).error === failure);
      expect(errors.some(({ level }) => level === 'error')).toBe(status === 500);
    }),
  );

  it('responds with the header fields of an error', () => {
    const refused = { status: 401, headers: { 'WWW-Authenticate': 'Basic' } };
    const container = new NodeContainer((_request, _response, next) =>
      next(Object.assign(new Error('no'), refused)),
    );
    return withApp([mount('/node', container)], async ({ url }) => {
      const response = await fetch(`${url}/node`);
      expect(response.status).toBe(401);
      expect(response.headers.get('WWW-Authenticate')).toBe('Basic');
    });
  });
});
