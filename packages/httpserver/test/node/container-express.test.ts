import express from 'express';
import { describe, expect, it } from 'vitest';
import { NodeContainer } from '../../src/node/index.ts';
import { withServer } from '../fixtures/running-server.ts';

const JSON_POST = {
  method: 'POST',
  body: JSON.stringify({ name: 'Ada' }),
  headers: { 'content-type': 'application/json' },
};

describe('an Express application in a NodeContainer', () => {
  it('responds as on node:http', () => {
    const app = express();
    app.get('/', (_request, response) => void response.send('Hello World!'));
    return withServer(new NodeContainer(app), async ({ port }) => {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      expect(response.status).toBe(200);
      expect(await response.text()).toBe('Hello World!');
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(response.headers.get('etag')).toMatch(/^W\//);
    });
  });

  it('parses a JSON body', () => {
    const app = express();
    app.use(express.json());
    app.post('/people', (request, response) => void response.status(201).json({ got: request.body }));
    return withServer(new NodeContainer(app), async ({ port }) => {
      const response = await fetch(`http://127.0.0.1:${port}/people`, JSON_POST);
      expect(response.status).toBe(201);
      expect(await response.json()).toEqual({ got: { name: 'Ada' } });
    });
  });
});
