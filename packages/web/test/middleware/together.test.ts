import { describe, expect, it } from 'vitest';
import {
  addSlash,
  basicAuth,
  cors,
  type Middleware,
  RequestHandler,
  rateLimit,
  removeSlash,
  requestId,
  securityHeaders,
} from '../../src/index.ts';
import { ask, bodyOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

class Hello extends RequestHandler {
  override get(): void {
    this.write(`hello ${this.state.user}`);
  }
}

/** Base64 of `ada:x`. */
const AUTHORIZATION = 'Authorization: Basic YWRhOng=';

describe('the ready-made middleware', () => {
  it('creates no promise if the handler and its options do not wait', async () => {
    const results: unknown[] = [];
    const watch: Middleware = (_, next) => {
      results.push(next());
    };
    const middleware = [
      watch,
      requestId(),
      securityHeaders(),
      cors({ origins: ['https://a.example'] }),
      rateLimit({ limit: 10, headers: true }),
      basicAuth({ realm: 'x', users: { ada: 'x' } }),
    ];
    await withApp(
      [
        ['/slash/', Hello, {}, { middleware: [addSlash] }],
        ['/plain', Hello, {}, { middleware: [removeSlash] }],
      ],
      async ({ port }) => {
        for (const path of ['/slash/', '/plain']) {
          expect(bodyOf(await ask(port, path, 'GET', AUTHORIZATION, 'Origin: https://a.example'))).toBe(
            'hello ada',
          );
        }
        expect(statusOf(await ask(port, '/plain'))).toBe(401);
        expect(results).toEqual([undefined, undefined, undefined]);
      },
      { middleware },
    );
  });

  it('is called by its own name in errors and stacks', () => {
    const made = [
      requestId(),
      securityHeaders(),
      cors({ origins: '*' }),
      rateLimit({ limit: 1 }),
      basicAuth({ realm: 'x', verify: () => true }),
      addSlash,
      removeSlash,
    ];
    expect(made.map(({ name }) => name)).toEqual([
      'requestId',
      'securityHeaders',
      'cors',
      'rateLimit',
      'basicAuth',
      'addSlash',
      'removeSlash',
    ]);
  });
});
