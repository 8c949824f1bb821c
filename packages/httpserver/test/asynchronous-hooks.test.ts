import {
  HTTPHeaders,
  type HTTPMessageDelegate,
  type HTTPServerConnectionDelegate,
  type HTTPServerExchange,
} from '@landspout/http1';
import { Future } from '@landspout/ioloop';
import { describe, expect, it } from 'vitest';
import type { HTTPServerOptions } from '../src/index.ts';
import { converse, RawClient } from './fixtures/raw-client.ts';
import { type RunningServer, waitUntil, withServer } from './fixtures/running-server.ts';

const failure = new Error('a bug');
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody';

/** Ways to fail later, other than by a promise. */
const FAILURES: readonly [string, () => PromiseLike<void>][] = [
  [
    'a Future',
    () => {
      const future = new Future<void>();
      setImmediate(() => future.setException(failure));
      return future;
    },
  ],
  ['a thenable that calls back twice', () => thenable((fail) => [fail(failure), fail(failure)])],
  [
    'a thenable whose then throws',
    () =>
      thenable(() => {
        throw failure;
      }),
  ],
];

function thenable(settle: (fail: (error: unknown) => void) => unknown): PromiseLike<void> {
  // biome-ignore lint/suspicious/noThenProperty: a thenable of another library is the subject.
  return { then: (_: unknown, fail: (error: unknown) => void) => void settle(fail) } as never;
}

const errorsOf = ({ records }: RunningServer): unknown[] =>
  records.filter(({ level }) => level === 'error').map(({ error }) => error);

/** A delegate that responds at the end, but for what `hooks` say. */
function delegateWith(
  hooks: (exchange: HTTPServerExchange) => Partial<HTTPMessageDelegate>,
  onClose?: HTTPServerConnectionDelegate['onClose'],
): HTTPServerConnectionDelegate {
  return {
    startRequest: (exchange) => ({
      headersReceived() {},
      dataReceived() {},
      finish: () => exchange.writeHead(200, 'OK', new HTTPHeaders(), 'done', true),
      connectionClosed() {},
      ...hooks(exchange),
    }),
    ...(onClose === undefined ? {} : { onClose }),
  };
}

describe('HTTPServer, awaiting any thenable', () => {
  it.each(FAILURES)('responds with a 500 and logs it when a callback returns %s', async (_what, fail) => {
    await withServer(fail, async (running) => {
      expect(await converse(running.port, POST)).toMatch(/^HTTP\/1\.1 500 /);
      expect(errorsOf(running)).toEqual([failure]);
    });
  });

  it.each(['headersReceived', 'dataReceived', 'finish'] as const)(
    'responds with a 500 and logs it when %s of a delegate fails later',
    async (method) => {
      for (const [, fail] of FAILURES) {
        await withServer(
          delegateWith(() => ({ [method]: fail })),
          async (running) => {
            expect(await converse(running.port, POST)).toMatch(/^HTTP\/1\.1 500 /);
            expect(errorsOf(running)).toEqual([failure]);
          },
        );
      }
    },
  );

  it('waits for a thenable before it goes on, and ignores what is none', async () => {
    const calls: string[] = [];
    const hooks = (): Partial<HTTPMessageDelegate> => ({
      headersReceived() {
        const future = new Future<void>();
        setImmediate(() => {
          calls.push('headers');
          future.setResult();
        });
        return future;
      },
      dataReceived: (() => calls.push('data')) as never,
    });
    await withServer(delegateWith(hooks), async ({ port }) => {
      expect(await converse(port, POST)).toMatch(/^HTTP\/1\.1 200 /);
    });
    expect(calls).toEqual(['headers', 'data']);
  });
});

describe('a hook of HTTPServer that fails later is logged like one that throws', () => {
  it.each<[string, HTTPServerOptions]>([
    ['', {}],
    [', behind decompression', { decompressRequests: true }],
  ])('connectionClosed and onClose%s', async (_what, options) => {
    const delegate = delegateWith(
      () => ({ finish() {}, connectionClosed: () => Promise.reject(failure) }),
      () => Promise.reject(failure),
    );
    await withServer(
      delegate,
      async (running) => {
        const client = await RawClient.connect({ port: running.port }, POST);
        await waitUntil(() => running.server.stats().requests.begun === 1);
        client.reset();
        await waitUntil(() => errorsOf(running).length === 2);
        expect(errorsOf(running)).toEqual([failure, failure]);
      },
      options,
    );
  });

  it('what a stop calls for a connection that was taken over', async () => {
    const delegate = delegateWith((exchange) => ({
      headersReceived() {
        const stream = exchange.detach((async () => {
          stream.close();
          throw failure;
        }) as () => void);
        stream.send('taken over');
      },
    }));
    await withServer(delegate, async (running) => {
      const client = await RawClient.connect({ port: running.port }, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.until((all) => all === 'taken over');
      await running.server.stop();
      await waitUntil(() => errorsOf(running).length === 1);
      expect(errorsOf(running)).toEqual([failure]);
      client.close();
    });
  });
});
