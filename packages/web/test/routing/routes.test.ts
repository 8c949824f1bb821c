import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import {
  Application,
  type ApplicationSettings,
  type HandlerClass,
  RequestHandler,
  type Routes,
  route,
} from '../../src/index.ts';
import { ask, bodyOf, RawClient, statusOf } from '../fixtures/raw-client.ts';
import { signalled, withApp } from '../fixtures/running-application.ts';

const userPath = '/user/:id';

class User extends RequestHandler<typeof userPath> {
  override get({ id }: { id: string }): void {
    this.write(`${id} ${this.pathParams.id} ${this.reverseUrl(userPath, { id: 'a/b' })}`);
  }
}

class Story extends RequestHandler {
  override get(...groups: (string | undefined)[]): void {
    this.write({
      groups: groups.map((group) => group ?? null),
      args: this.pathArgs.map((arg) => arg ?? null),
    });
  }
}

class Takes extends RequestHandler {
  override post(): void {
    this.write(`${this.request.body.length}`);
  }
}

describe('a verb', () => {
  it('gets named parameters as one object, decoded [IN-03]', () =>
    withApp([[userPath, User]], async ({ port }) => {
      expect(bodyOf(await ask(port, '/user/%C3%A4+b'))).toBe(
        Buffer.from('ä+b ä+b /user/a%2Fb').toString('latin1'),
      );
      for (const path of ['/user/%ff', '/user/%', '/user/%zz'])
        expect(statusOf(await ask(port, path))).toBe(400);
    }));

  it('gets groups without a name in order, undefined for one that matched nothing [IN-03]', () =>
    withApp([[/\/story\/(\d+)(?:\/(\d+))?/, Story]], async ({ port }) => {
      expect(JSON.parse(bodyOf(await ask(port, '/story/7')))).toEqual({
        groups: ['7', null],
        args: ['7', null],
      });
      expect(JSON.parse(bodyOf(await ask(port, '/story/7/8')))).toMatchObject({ groups: ['7', '8'] });
    }));

  it('gets nothing if the pattern has no parameters', () =>
    withApp([['/story', Story]], async ({ port }) => {
      expect(JSON.parse(bodyOf(await ask(port, '/story')))).toEqual({ groups: [], args: [] });
    }));
});

describe('a handler that is loaded when it is needed', () => {
  it('is loaded once, at its first request, however many come at a time [APP-01]', async () => {
    let loads = 0;
    const load = async () => {
      loads += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return { default: User };
    };
    await withApp([[userPath, load]], async ({ port, app }) => {
      expect(loads).toBe(0);
      expect(app.reverseUrl(userPath, { id: 1 })).toBe('/user/1');
      const answers = await Promise.all([1, 2, 3].map((id) => ask(port, `/user/${id}`)));
      expect(answers.map(statusOf)).toEqual([200, 200, 200]);
      expect(statusOf(await ask(port, '/user/4'))).toBe(200);
      expect(loads).toBe(1);
    });
  });

  it('is a 500 as long as it cannot be loaded, and is tried again', async () => {
    const attempts: (() => Promise<{ default: HandlerClass }>)[] = [
      async () => Promise.reject(new Error('no module')),
      async () => ({}) as { default: HandlerClass },
      async () => ({ default: User }),
    ];
    const load = async () => (attempts.shift() as () => Promise<{ default: HandlerClass }>)();
    await withApp([['/user/:id', load]], async ({ port, log }) => {
      const statuses = [];
      for (let at = 0; at < 3; at += 1) statuses.push(statusOf(await ask(port, '/user/1')));
      expect(statuses).toEqual([500, 500, 200]);
      expect(log.records.map(({ error }) => (error as Error).message)).toEqual([
        'no module',
        expect.stringContaining('the handler is undefined'),
      ]);
    });
  });
});

describe('options of a route', () => {
  it('limit the body, also for all routes below a prefix [SH-07]', () =>
    withApp(
      [
        ['/small', Takes, {}, { maxBodyBytes: 3, name: 'small' }],
        [
          '/group',
          [
            ['/x', Takes],
            ['/y', Takes, {}, { maxBodyBytes: 5 }],
          ],
          { maxBodyBytes: 2 },
        ],
      ],
      async ({ port, app }) => {
        const post = async (path: string, length: number): Promise<number> => {
          const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;
          const client = await RawClient.connect(port, head + 'x'.repeat(length));
          return statusOf(await client.untilEnd());
        };
        expect([await post('/small', 3), await post('/small', 4)]).toEqual([200, 413]);
        expect([await post('/group/x', 2), await post('/group/x', 3)]).toEqual([200, 413]);
        expect([await post('/group/y', 5), await post('/group/y', 6)]).toEqual([200, 413]);
        expect(app.reverseUrl('small')).toBe('/small');
      },
    ));

  it('limit the time of a handler: 503, and its signal is aborted', async () => {
    const clock = new VirtualClock();
    const entered = signalled();
    const aborted = signalled<unknown>();
    class Slow extends RequestHandler {
      override async get(): Promise<void> {
        if (this.getArgument('flush', '') !== '') await this.flush();
        entered.resolve();
        await new Promise((_, reject) => {
          this.signal.addEventListener('abort', () => {
            aborted.resolve(this.signal.reason);
            reject(this.signal.reason);
          });
        });
      }
    }
    await withApp(
      [['/', Slow, {}, { handlerTimeoutMs: 1_000 }]],
      async ({ port, log }) => {
        const answer = ask(port, '/');
        await entered.promise;
        await clock.advance(999);
        await clock.advance(1);
        expect(statusOf(await answer)).toBe(503);
        expect(await aborted.promise).toMatchObject({ status: 503 });
        expect(log.records.map(({ level, message }) => [level, message])).toEqual([
          ['warn', expect.stringContaining('the handler did not respond within 1000 ms')],
          ['debug', expect.anything()],
        ]);
      },
      { clock },
    );
  });

  it('that are unknown or invalid are refused by name', () => {
    const make =
      (options: object, group = false) =>
      () =>
        new Application((group ? [['/g', [], options]] : [['/', Takes, {}, options]]) as Routes);
    expect(make({ maxBody: 1 })).toThrow('did you mean "maxBodyBytes"?');
    expect(make({ name: 'x' }, true)).toThrow('unknown option "name"');
    expect(make({ maxBodyBytes: -1 })).toThrow('maxBodyBytes must be a whole number of bytes, got -1');
    expect(make({ bodyTimeoutMs: '1s' })).toThrow('bodyTimeoutMs must be a number from 0');
  });
});

describe('reverseUrl', () => {
  it('builds a path from the pattern and its parameters [RT-03]', () => {
    const app = new Application([
      ['/a/:x/*rest', Story],
      ['/plain', Story],
      [/\/(\d+)/, Story],
    ]);
    expect(app.reverseUrl('/a/:x/*rest', { x: 'ä/b', rest: 'c/d' })).toBe('/a/%C3%A4%2Fb/c/d');
    expect(app.reverseUrl('/plain')).toBe('/plain');
    const code = expect.objectContaining({ code: 'ERR_WEB_REVERSE' });
    expect(() => app.reverseUrl('/a/:x/*rest', { x: 'b' } as never)).toThrow(code);
    expect(() => app.reverseUrl('/no/:x', { x: 1 })).toThrow('no route has the name or pattern "/no/:x"');
    // @ts-expect-error: the pattern has no such parameter.
    expect(() => app.reverseUrl('/a/:x/*rest', { y: 1 })).toThrow(code);
  });
});

describe('settings of the program', () => {
  interface ShopSettings extends ApplicationSettings {
    readonly shop: { readonly name: string };
  }
  class Shop extends RequestHandler<string, ShopSettings> {
    override get(): void {
      this.write(this.settings.shop.name);
    }
  }

  it('are found by handlers, and missing ones by the compiler [APP-04]', async () => {
    const app = new Application([['/', Shop]], { shop: { name: 'books' } });
    await using server = await app.listen({ host: '127.0.0.1', port: 0 });
    expect(bodyOf(await ask(server.port, '/'))).toBe('books');
    // @ts-expect-error: the handler needs a shop.
    expect(new Application([['/', Shop]], { debug: false }).settings.debug).toBe(false);
  });
});

describe('the compiler', () => {
  it('accepts handlers that fit their routes, nested and declared apart', () => {
    const routes = [
      [userPath, User],
      ['/group/:id', [['/x', User]]],
      [/\/(?<id>\d+)/, User],
      ['/lazy/:id', async () => ({ default: User })],
    ] as const satisfies Routes;
    const parts: Routes = [...routes, route('/user/:id/:page', User)];
    expect([new Application(routes), new Application(parts)]).toHaveLength(2);
  });

  it('refuses handlers that do not', () => {
    class Named extends RequestHandler {
      override initialize(_init: { name: string }): void {}
      override get(): void {}
    }
    // @ts-expect-error: the handler reads the parameter id.
    new Application([['/user/:name', User]]);
    // @ts-expect-error: so it does below a prefix.
    new Application([['/api', [['/user/:name', User]]]]);
    // @ts-expect-error: and if it is loaded.
    new Application([['/user/:name', async () => ({ default: User })]]);
    // @ts-expect-error: initialize takes a name.
    new Application([['/', Named]]);
    // @ts-expect-error: of type string.
    new Application([['/', Named, { name: 1 }]]);
    // @ts-expect-error: a route is not a function that handles a request.
    expect(() => new Application([['/', async () => 'hello']])).not.toThrow();
    new Application([['/', Named, { name: 'x' }]]);
  });
});
