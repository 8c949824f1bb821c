import { Writable } from 'node:stream';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import {
  Application,
  type ApplicationSettings,
  accessLog,
  type FinishedRequest,
  HTTPError,
  type Logger,
  type Middleware,
  RequestHandler,
  type RouteSpec,
  requestId,
} from '../../src/index.ts';
import { ask, bodyOf, statusOf } from '../fixtures/raw-client.ts';
import { RecordingLogger, withApp } from '../fixtures/running-application.ts';

class Hello extends RequestHandler {
  override get(): void {
    this.log.info({ user: 'ann' }, 'greeting');
    this.write('hello');
  }
}

class Failing extends RequestHandler {
  override get(): void {
    throw new Error('broken');
  }

  override post(): void {
    throw new HTTPError(503, 'overloaded');
  }

  override put(): void {
    throw new HTTPError(409);
  }

  override async delete(): Promise<void> {
    this.write('part');
    await this.flush();
    throw new Error('broken after the headers');
  }

  override logException(error: unknown): void {
    super.logException(error);
    throw new Error('of logException');
  }

  override async onFinish(): Promise<void> {
    throw new Error('of onFinish');
  }
}

const ROUTES: readonly RouteSpec[] = [
  ['/', Hello],
  ['/failing', Failing],
];

const numbered = () => {
  let count = 0;
  return requestId({
    generate: () => {
      count += 1;
      return `id-${count}`;
    },
  });
};

/** Serves one request, and returns the records of its log, without those of the handler. */
async function accessRecords(
  target: string,
  method: string,
  settings: ApplicationSettings = {},
): Promise<RecordingLogger['records']> {
  let records: RecordingLogger['records'] = [];
  await withApp(
    ROUTES,
    async ({ port, log }) => {
      await ask(port, target, method);
      records = log.records.filter(({ details }) => 'durationMs' in details);
    },
    { logFunction: accessLog, ...settings },
  );
  return records;
}

describe('the setting debug', () => {
  it('turns on the record of each request, unless there is a logFunction [LG-01] [APP-04]', async () => {
    const logged: number[] = [];
    const count = async (settings: ApplicationSettings) => (await accessRecords('/', 'GET', settings)).length;
    expect(await count({ logFunction: undefined as never, debug: true })).toBe(1);
    expect(await count({ logFunction: undefined as never })).toBe(0);
    expect(await count({ debug: true, logFunction: ({ status }) => logged.push(status) })).toBe(0);
    expect(logged).toEqual([200]);
  });
});

describe('accessLog', () => {
  it('writes the fields of a request [LG-01]', async () => {
    const records = await accessRecords('/?a=%0a', 'GET', { middleware: [numbered()] });
    expect(records).toEqual([
      {
        level: 'info',
        message: expect.stringMatching(/^200 GET \/\?a=%0a \(127\.0\.0\.1\) \d+\.\d\dms$/),
        error: undefined,
        details: expect.objectContaining({
          method: 'GET',
          target: '/?a=%0a',
          status: 200,
          durationMs: expect.any(Number),
          bytes: 5,
          remote: '127.0.0.1',
          requestId: 'id-1',
        }),
      },
    ]);
  });

  it.each([
    ['GET', '/', 'info', 200, 5],
    ['HEAD', '/', 'info', 200, 0],
    ['OPTIONS', '/', 'info', 204, 0],
    ['GET', '/nowhere', 'warn', 404, expect.any(Number)],
    ['PUT', '/failing', 'warn', 409, expect.any(Number)],
    ['GET', '/failing', 'error', 500, expect.any(Number)],
    ['POST', '/failing', 'error', 503, expect.any(Number)],
  ])('writes %s %s at the level %s', async (method, target, level, status, bytes) => {
    expect(await accessRecords(target, method)).toMatchObject([{ level, details: { status, bytes } }]);
  });

  it('has the error of a handler that failed, also after the headers, but none for a refusal', async () => {
    const errorOf = async (method: string) => (await accessRecords('/failing', method))[0]?.error;
    expect(await errorOf('GET')).toMatchObject({ message: 'broken' });
    expect(await errorOf('POST')).toMatchObject({ status: 503 });
    expect(await errorOf('DELETE')).toMatchObject({ message: 'broken after the headers' });
    expect(await errorOf('PUT')).toBeUndefined();
    expect((await accessRecords('/nowhere', 'GET'))[0]?.error).toBeUndefined();
  });

  it('has the error of a middleware', async () => {
    const fails: Middleware = () => {
      throw new Error('of a middleware');
    };
    const [record] = await accessRecords('/', 'GET', { middleware: [numbered(), fails] });
    expect(record).toMatchObject({
      level: 'error',
      error: { message: 'of a middleware' },
      details: { requestId: 'id-1', status: 500 },
    });
  });
});

describe('logFunction', () => {
  it('is called with the error that became the response', async () => {
    const finished: [number, unknown][] = [];
    const logFunction = ({ status, error }: FinishedRequest): void => void finished.push([status, error]);
    await withApp(
      ROUTES,
      async ({ port }) => {
        for (const [target, method] of [
          ['/', 'GET'],
          ['/failing', 'GET'],
          ['/failing', 'PUT'],
        ] as const) {
          await ask(port, target, method);
        }
      },
      { logFunction },
    );
    expect(finished).toEqual([
      [200, undefined],
      [500, expect.objectContaining({ message: 'broken' })],
      [409, expect.any(HTTPError)],
    ]);
  });
});

describe('log of a handler', () => {
  it('adds the id of the request to each record, by a wrapper if the logger has no children', async () => {
    await withApp(
      ROUTES,
      async ({ port, log }) => {
        await ask(port, '/');
        await ask(port, '/');
        expect(log.records).toMatchObject([
          { level: 'info', message: 'greeting', details: { requestId: 'id-1', user: 'ann' } },
          { details: { requestId: 'id-2', user: 'ann' } },
        ]);
      },
      { middleware: [numbered()] },
    );
  });

  it('has all levels and can have children, and its records can replace the id', async () => {
    class Everything extends RequestHandler {
      override get(): void {
        this.log.debug({}, 'debug');
        this.log.warn({}, 'warn');
        this.log.error({ requestId: 'other' }, 'error');
        this.log.child?.({ a: 1 }).info({ b: 2 }, 'child');
        const { log } = this;
        this.write(String(log === this.log));
      }
    }
    await withApp(
      [['/', Everything]],
      async ({ port, log }) => {
        expect(bodyOf(await ask(port, '/'))).toBe('true');
        expect(log.records.map(({ level, details }) => [level, details])).toEqual([
          ['debug', { requestId: 'id-1' }],
          ['warn', { requestId: 'id-1' }],
          ['error', { requestId: 'other' }],
          ['info', { requestId: 'id-1', a: 1, b: 2 }],
        ]);
      },
      { middleware: [numbered()] },
    );
  });

  it('is the logger itself for a request without an id, and creates no child before it is used', async () => {
    const children: object[] = [];
    const records = new RecordingLogger();
    const logger: Logger = Object.assign(records, {
      child(bindings: object): Logger {
        children.push(bindings);
        return records;
      },
    });
    class Quiet extends RequestHandler {
      override get(): void {
        this.write(String(this.request.id === undefined && this.log === logger));
      }
    }
    await withApp([['/', Quiet]], async ({ port }) => expect(bodyOf(await ask(port, '/'))).toBe('true'), {
      logger,
    });
    const settings = { logger, middleware: [numbered()], logFunction: accessLog };
    await withApp(
      [
        [
          '/quiet',
          class extends RequestHandler {
            override get(): void {}
          },
        ],
        ['/', Hello],
      ],
      async ({ port }) => {
        await ask(port, '/quiet');
        expect(children).toEqual([]);
        await ask(port, '/');
        expect(children).toEqual([{ requestId: 'id-2' }]);
      },
      settings,
    );
  });

  it('belongs to the middleware too, and takes the id that the request has then', async () => {
    const logs: Middleware = ({ log }, next) => {
      log.info({}, 'in the middleware');
      return next();
    };
    await withApp(
      ROUTES,
      async ({ port, log }) => {
        await ask(port, '/');
        expect(log.records.map(({ details }) => details.requestId)).toEqual([undefined, 'id-1', 'id-1']);
      },
      { middleware: [logs, numbered(), logs] },
    );
  });
});

describe('the id of a request', () => {
  it('is in every record of the request', async () => {
    await withApp(
      ROUTES,
      async ({ port, log }) => {
        expect(statusOf(await ask(port, '/failing', 'POST'))).toBe(503);
        expect(
          log.records.map(({ message, details }) => [message.replace(/:.*/, ''), details.requestId]),
        ).toEqual([
          ['503 Service Unavailable', 'id-1'],
          ['a hook of a handler threw or rejected', 'id-1'],
          ['logFunction threw or rejected', 'id-1'],
          ['onFinish threw or rejected', 'id-1'],
        ]);
      },
      {
        middleware: [numbered()],
        logFunction: () => {
          throw new Error('of logFunction');
        },
      },
    );
  });
});

describe('pino as the logger', () => {
  /** A pino logger, and the records that it has written. */
  function pinoLogger(options: Parameters<typeof pino>[0] = {}) {
    const records: Record<string, unknown>[] = [];
    const stream = new Writable({
      write(line, _encoding, done) {
        records.push(JSON.parse(String(line)));
        done();
      },
    });
    return { logger: pino(options, stream), records };
  }

  it('writes errors with their stack, and requests with their fields and id', async () => {
    const { logger, records } = pinoLogger();
    await withApp(
      ROUTES,
      async ({ port }) => {
        await ask(port, '/');
        await ask(port, '/failing');
      },
      { logger, middleware: [numbered()], logFunction: accessLog },
    );
    const stack = expect.stringMatching(/^Error: broken\n {4}at /);
    expect(records).toMatchObject([
      { level: 30, msg: 'greeting', requestId: 'id-1', user: 'ann' },
      { level: 30, status: 200, requestId: 'id-1', bytes: 5 },
      { level: 50, requestId: 'id-2', error: { type: 'Error', message: 'broken', stack } },
      { level: 50, msg: 'a hook of a handler threw or rejected', requestId: 'id-2' },
      { level: 50, status: 500, requestId: 'id-2', error: { stack } },
      { level: 50, msg: 'onFinish threw or rejected', requestId: 'id-2' },
    ]);
    for (const record of records) expect(JSON.stringify(record).match(/"requestId"/g)).toHaveLength(1);
  });

  it('keeps its bindings, levels and later changes of the level', async () => {
    const { logger, records } = pinoLogger({ level: 'warn' });
    await withApp(
      ROUTES,
      async ({ port }) => {
        await ask(port, '/');
        expect(records).toEqual([]);
        logger.level = 'info';
        await ask(port, '/');
        expect(records).toMatchObject([{ msg: 'greeting', app: 'shop', requestId: 'id-2' }]);
      },
      { logger: logger.child({ app: 'shop' }, {}), middleware: [numbered()] },
    );
  });

  it('keeps serializers of the program', async () => {
    const serializers = { error: (error: Error) => `own: ${error.message}`, user: () => 'hidden' };
    const { logger, records } = pinoLogger({ serializers });
    await withApp(
      ROUTES,
      async ({ port }) => {
        await ask(port, '/');
        await ask(port, '/failing', 'PUT');
      },
      { logger },
    );
    expect(records).toMatchObject([
      { user: 'hidden' },
      { error: 'own: of logException' },
      { error: 'own: of onFinish' },
    ]);
    expect(new Application([], { logger }).logger).toBe(logger);
  });
});
