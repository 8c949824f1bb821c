import { describe, expect, it } from 'vitest';
import { HTTPError, RequestHandler } from '../../src/index.ts';
import { ask, bodyOf, converse, headerOf, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

/** Sends a form to `/x` with a broken escape in any of three places. */
function post(port: number, method: string, path: string, form: string): Promise<string> {
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: a',
    'Connection: close',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${form.length}`,
  ];
  return converse(port, `${head.join('\r\n')}\r\n\r\n${form}`);
}

describe('the order of a request', () => {
  it('is method, path, form, XSRF, prepare and verb: the first that fails decides [RH-01]', async () => {
    const calls: string[] = [];
    class Ordered extends RequestHandler<'/:name'> {
      static override readonly supportedMethods = ['GET', 'POST', 'PUT'];
      override initialize(): void {
        calls.push('initialize');
      }
      override checkXsrfCookie(): void {
        calls.push('checkXsrfCookie');
        void super.checkXsrfCookie();
      }
      override prepare(): void {
        calls.push('prepare');
        throw new HTTPError(418);
      }
      override post(): void {
        calls.push('post');
      }
    }
    await withApp(
      [['/:name', Ordered]],
      async ({ port }) => {
        const outcome = async (method: string, path: string, form: string) => {
          calls.length = 0;
          return [statusOf(await post(port, method, path, form)), ...calls];
        };
        expect(await outcome('DELETE', '/%', 'a=%')).toEqual([405, 'initialize']);
        expect(await outcome('POST', '/%', 'a=1')).toEqual([400, 'initialize']);
        expect(await outcome('POST', '/x', 'a=%')).toEqual([400, 'initialize']);
        expect(await outcome('POST', '/x', 'a=1')).toEqual([403, 'initialize', 'checkXsrfCookie']);
        expect(await outcome('GET', '/x', 'a=1')).toEqual([418, 'initialize', 'prepare']);
      },
      { xsrfCookies: true },
    );
  });
});

describe('a method of RequestHandler that a subclass overrides', () => {
  it('exempts it from the XSRF check [RH-03]', () => {
    class Api extends RequestHandler {
      override checkXsrfCookie(): void {}
      override post(): void {
        this.write('taken');
      }
    }
    return withApp(
      [['/', Api]],
      async ({ port }) => expect(bodyOf(await post(port, 'POST', '/', 'a=1'))).toBe('taken'),
      {
        xsrfCookies: true,
      },
    );
  });

  it('logs its errors otherwise, and not at all [RH-03]', () => {
    const logged: unknown[] = [];
    class Own extends RequestHandler {
      override logException(error: unknown): void {
        logged.push((error as Error).message);
      }
      override get(): void {
        throw new Error('a bug');
      }
    }
    return withApp([['/', Own]], async ({ port, log }) => {
      expect(statusOf(await ask(port, '/'))).toBe(500);
      expect([logged, log.records]).toEqual([['a bug'], []]);
    });
  });

  it('sets default headers, which an error page and clear begin with again [RH-03] [OUT-09]', () => {
    class Own extends RequestHandler {
      override setDefaultHeaders(): void {
        this.setHeader('X-Default', 'yes');
        this.setHeader('Server', 'own');
      }
      override get(): void {
        this.setHeader('X-Default', 'changed');
        this.setHeader('X-More', '1');
        if (this.request.query === 'clear') this.clear();
        else throw new HTTPError(404);
      }
    }
    return withApp([['/', Own]], async ({ port }) => {
      for (const target of ['/', '/?clear']) {
        const answer = await ask(port, target);
        expect(['X-Default', 'Server', 'X-More'].map((name) => headerOf(answer, name))).toEqual([
          'yes',
          'own',
          undefined,
        ]);
      }
    });
  });

  it('refuses an option of an argument that is no boolean [IN-01]', () => {
    class Asks extends RequestHandler {
      override get(): void {
        this.getArguments('a', { strip: 'no' as never });
      }
      override post(): void {
        this.getArgument('a', '', { strip: 0 as never });
      }
    }
    return withApp([['/', Asks]], async ({ port, log }) => {
      for (const method of ['GET', 'POST']) {
        expect(statusOf(await ask(port, '/?a=1', method))).toBe(500);
        expect(log.records.pop()?.error).toMatchObject({
          code: 'ERR_WEB_USAGE',
          message: expect.stringContaining('strip: true or false'),
        });
      }
    });
  });

  it('has no headers of a body with a 204 and 304, whatever was set [OUT-05]', () => {
    class Empty extends RequestHandler {
      override get(): void {
        this.setStatus(Number(this.getArgument('s')));
        this.setHeader('Content-Type', 'text/plain');
        this.setHeader('Content-Language', 'de');
        this.setHeader('Content-Encoding', 'gzip');
        this.setHeader('X-Kept', '1');
      }
    }
    return withApp([['/', Empty]], async ({ port }) => {
      for (const status of [204, 304]) {
        const answer = await ask(port, `/?s=${status}`);
        expect([statusOf(answer), headerOf(answer, 'X-Kept')]).toEqual([status, '1']);
        expect(answer).not.toMatch(/Content-(?:Type|Language|Encoding|Length)|Transfer-Encoding/);
      }
    });
  });
});
