import { describe, expect, it } from 'vitest';
import { type CurrentValidators, type FinishedRequest, RequestHandler } from '../../src/index.ts';
import {
  ask,
  bodyOf,
  converse,
  headerOf,
  requestText,
  statusesOf,
  statusOf,
} from '../fixtures/raw-client.ts';
import { type Running, withApp } from '../fixtures/running-application.ts';

const MODIFIED = 'Mon, 03 Feb 2020 04:05:06 GMT';
const BEFORE = 'Mon, 03 Feb 2020 04:05:05 GMT';
const AFTER = 'Mon, 03 Feb 2020 04:05:07 GMT';
const LONG = 'x'.repeat(1_024);

/** Serves one handler with the given `get`. */
function withGet(
  get: (handler: RequestHandler) => void | Promise<void>,
  test: (running: Running) => Promise<void>,
): Promise<void> {
  class Given extends RequestHandler {
    override get(): void | Promise<void> {
      return get(this);
    }
  }
  return withApp([['/', Given]], test);
}

describe('a response to GET or HEAD', () => {
  it.each(['GET', 'HEAD'])(
    'is a 412 to %s if If-Match lists another tag than the computed one [OUT-05]',
    (method) =>
      withGet(
        (handler) => handler.write(LONG),
        async ({ port, log }) => {
          const get = (...fields: string[]): Promise<string> => ask(port, '/', method, ...fields);
          const tag = headerOf(await get(), 'ETag') as string;
          const failed = await get('If-Match: "other"');
          expect([statusOf(failed), headerOf(failed, 'ETag'), failed.includes(LONG)]).toEqual([
            412,
            undefined,
            false,
          ]);
          expect(statusOf(await get(`If-Match: W/${tag}`))).toBe(412);
          expect(statusOf(await get(`If-Match: "other", ${tag}`))).toBe(200);
          expect(statusOf(await get('If-Match: *'))).toBe(200);
          expect(statusOf(await get(`If-Match: ${tag}`, `If-None-Match: ${tag}`))).toBe(304);
          expect(log.records).toEqual([]);
        },
      ),
  );

  it('is a 412 if If-Match lists a tag and it has none, and a 304 to any tag [OUT-05]', () =>
    withGet(
      (handler) => handler.write('short'),
      async ({ port }) => {
        expect(statusOf(await ask(port, '/', 'GET', 'If-Match: "a"'))).toBe(412);
        expect(statusOf(await ask(port, '/', 'GET', 'If-Match: *'))).toBe(200);
        expect(statusOf(await ask(port, '/', 'GET', 'If-None-Match: "a"'))).toBe(200);
        expect(statusOf(await ask(port, '/', 'GET', 'If-None-Match: *'))).toBe(304);
      },
    ));

  it.each(['GET', 'HEAD'])('is compared with the dates of %s if it has a Last-Modified [OUT-05]', (method) =>
    withGet(
      (handler) => {
        handler.setHeader('Last-Modified', new Date('2020-02-03T04:05:06.789Z'));
        handler.write('dated');
      },
      async ({ port }) => {
        const get = (...fields: string[]): Promise<string> => ask(port, '/', method, ...fields);
        const unchanged = await get(`If-Modified-Since: ${MODIFIED}`);
        expect([statusOf(unchanged), headerOf(unchanged, 'Last-Modified')]).toEqual([304, MODIFIED]);
        expect(statusOf(await get(`If-Modified-Since: ${BEFORE}`))).toBe(200);
        expect(statusOf(await get('If-Modified-Since: 2099-01-01'))).toBe(200);
        expect(statusOf(await get(`If-Modified-Since: ${AFTER}`, 'If-None-Match: "a"'))).toBe(200);
        expect(statusOf(await get(`If-Unmodified-Since: ${BEFORE}`))).toBe(412);
        expect(statusOf(await get(`If-Unmodified-Since: ${MODIFIED}`))).toBe(200);
      },
    ),
  );

  it('without a 2xx status ignores the conditions (RFC 9110 §13.2.1)', () =>
    withGet(
      (handler) => {
        handler.setHeader('ETag', '"a"');
        const status = Number(handler.getArgument('s'));
        if (status >= 400) handler.sendError(status);
        else if (status >= 300) handler.redirect('/x');
        else handler.setStatus(status);
      },
      async ({ port }) => {
        for (const status of [302, 404, 503])
          for (const field of ['If-Match: "b"', 'If-None-Match: *'])
            expect(statusOf(await ask(port, `/?s=${status}`, 'GET', field))).toBe(status);
        expect(statusOf(await ask(port, '/?s=203', 'GET', 'If-Match: "b"'))).toBe(412);
        expect(statusOf(await ask(port, '/?s=203', 'GET', 'If-None-Match: "a"'))).toBe(304);
      },
    ));

  it('becomes a 304 or 412 in its first flush too, and the handler may go on [OUT-04]', () => {
    let written = 0;
    return withGet(
      async (handler) => {
        handler.setHeader('ETag', '"v1"');
        handler.setHeader('Content-Length', 10);
        handler.write('first');
        await handler.flush();
        handler.write('-then');
        await handler.flush();
        written += 1;
      },
      async ({ port, log }) => {
        const all = await converse(
          port,
          requestText('/', 'GET', 'If-None-Match: "v1"'),
          requestText('/', 'GET', 'If-Match: "v2"'),
          requestText('/', 'GET', 'If-Match: "v1"', 'Connection: close'),
        );
        expect(statusesOf(all)).toEqual([304, 412, 200]);
        expect(all.match(/first|-then/g)).toEqual(['first', '-then']);
        expect([bodyOf(all.slice(all.lastIndexOf('HTTP/1.1'))), written]).toEqual(['first-then', 2]);
        expect(log.records).toEqual([]);
      },
    );
  });

  it('that failed gets the page of writeError, and logFunction and onFinish are called once [OUT-07]', async () => {
    const events: string[] = [];
    class Own extends RequestHandler {
      override get(): void {
        this.finish(LONG);
        events.push('after finish');
      }
      override async writeError(status: number): Promise<void> {
        await new Promise((resolve) => setImmediate(resolve));
        this.write(`own page: ${status}`);
      }
      override onFinish(): void {
        events.push(`finished ${this.status}`);
      }
    }
    const logFunction = ({ status }: FinishedRequest): void => void events.push(`logged ${status}`);
    await withApp(
      [['/', Own]],
      async ({ port }) => {
        const failed = await ask(port, '/', 'GET', 'If-Match: "other"');
        expect([statusOf(failed), bodyOf(failed)]).toEqual([412, 'own page: 412']);
        expect(events).toEqual(['logged 412', 'finished 412']);
      },
      { logFunction },
    );
  });
});

describe('checkPreconditions', () => {
  let stored: CurrentValidators = {};
  let acted = 0;

  class Stored extends RequestHandler {
    static override readonly supportedMethods = [...RequestHandler.supportedMethods, 'PROPPATCH'];
    override get(): void {
      this.act();
    }
    override put(): void {
      this.act();
    }
    override delete(): void {
      this.act();
    }
    override patch(): void {
      this.act();
    }
    override options(): void {
      this.act();
    }
    proppatch(): void {
      this.act();
    }
    act(): void {
      this.checkPreconditions(stored);
      acted += 1;
      this.setStatus(204);
    }
  }

  /** Sends each request and returns its status. Only a request with a 204 may have changed anything. */
  async function statuses(
    method: string,
    current: CurrentValidators,
    ...fields: string[]
  ): Promise<number[]> {
    stored = current;
    const found: number[] = [];
    await withApp([['/', Stored]], async ({ port, log }) => {
      for (const field of fields) {
        const before = acted;
        const response = await ask(port, '/', method, ...field.split('\n'));
        expect(acted - before).toBe(statusOf(response) === 412 ? 0 : 1);
        found.push(statusOf(response));
      }
      expect(log.records).toEqual([]);
    });
    return found;
  }

  it.each(['PUT', 'DELETE', 'PATCH', 'PROPPATCH'])(
    'throws a 412 before %s acts where a condition fails [OUT-11]',
    async (method) => {
      const etag = '"v1"';
      expect(
        await statuses(method, { etag }, 'If-Match: "v1"', 'If-Match: *', 'If-None-Match: "v2"'),
      ).toEqual([204, 204, 204]);
      const failing = ['If-Match: "v2"', 'If-Match: W/"v1"', 'If-None-Match: W/"v1"', 'If-None-Match: *'];
      expect(await statuses(method, { etag }, ...failing)).toEqual([412, 412, 412, 412]);
      const weak = await statuses(
        method,
        { etag: 'W/"v1"' },
        'If-Match: W/"v1"',
        'If-None-Match: "v1"',
        'If-Match: *',
      );
      expect(weak).toEqual([412, 412, 204]);
    },
  );

  it('compares dates in whole seconds, and only without If-Match', async () => {
    const lastModified = new Date('2020-02-03T04:05:06.999Z');
    const since = (date: string) => `If-Unmodified-Since: ${date}`;
    expect(await statuses('PUT', { lastModified }, since(MODIFIED), since(AFTER), since(BEFORE))).toEqual([
      204, 204, 412,
    ]);
    const ignored = [
      since('2019-01-01'),
      `${since(BEFORE)}\n${since(BEFORE)}`,
      `If-Modified-Since: ${AFTER}`,
    ];
    expect(await statuses('PUT', { lastModified }, ...ignored)).toEqual([204, 204, 204]);
    const both = await statuses('PUT', { etag: '"v1"', lastModified }, `If-Match: "v1"\n${since(BEFORE)}`);
    expect(both).toEqual([204]);
  });

  it.each([
    ['nothing', {}],
    ['null', { etag: null, lastModified: null }],
    ['undefined', { etag: undefined, lastModified: undefined }],
  ])('takes %s for a target without a current representation', async (_, current) => {
    const fields = ['If-Match: *', 'If-Match: "v1"', 'If-None-Match: *', 'If-None-Match: "v1"'];
    expect(await statuses('PUT', current, ...fields)).toEqual([412, 412, 204, 204]);
    expect(await statuses('PUT', current, `If-Unmodified-Since: ${BEFORE}`)).toEqual([204]);
  });

  it('knows a representation by its date alone', async () => {
    const lastModified = new Date('2020-02-03T04:05:06Z');
    const fields = ['If-Match: *', 'If-Match: "v1"', 'If-None-Match: *'];
    expect(await statuses('PUT', { lastModified }, ...fields)).toEqual([204, 412, 412]);
  });

  it('leaves the 304 of a GET to its end, and finds nothing in OPTIONS', async () => {
    stored = { etag: '"v1"' };
    expect(await statuses('OPTIONS', stored, 'If-Match: "v2"')).toEqual([204]);
    class Page extends RequestHandler {
      override get(): void {
        this.checkPreconditions(stored);
        this.setHeader('ETag', '"v1"');
        this.write('page');
      }
    }
    await withApp([['/', Page]], async ({ port }) => {
      expect(statusOf(await ask(port, '/', 'GET', 'If-None-Match: "v1"'))).toBe(304);
      expect(statusOf(await ask(port, '/', 'GET', 'If-Match: "v2"'))).toBe(412);
    });
  });

  it.each([
    [
      { etag: 'v1' },
      `checkPreconditions: etag must be an entity tag with its quotes, such as '"v1"', got v1`,
    ],
    [{ etag: '' }, /etag/],
    [{ etag: 7 }, /got 7/],
    [
      { lastModified: new Date(Number.NaN) },
      /checkPreconditions: lastModified must be a valid Date, got Invalid/,
    ],
    [{ lastModified: MODIFIED }, /lastModified/],
  ])('refuses %j, also for a request without conditions', (current, message) =>
    withGet(
      (handler) => handler.checkPreconditions(current as never),
      async ({ port, log }) => {
        expect(statusOf(await ask(port, '/'))).toBe(500);
        expect(log.records).toMatchObject([
          { error: { code: 'ERR_WEB_USAGE', message: expect.stringMatching(message) } },
        ]);
      },
    ),
  );
});
