import { describe, expect, it } from 'vitest';
import {
  type CursorStreamOptions,
  type EventStreamOptions,
  type EventStreamSource,
  RequestHandler,
  ServerEvent,
} from '../../src/index.ts';
import { allow, half, openStream, servingLog } from '../fixtures/event-streams.ts';
import { LOGS, type MemoryLog } from '../fixtures/memory-log.ts';
import { ask, headerOf, RawClient, requestText, statusOf } from '../fixtures/raw-client.ts';
import { type ParsedResponse, responsesOf } from '../fixtures/response-stream.ts';
import { type Running, signalled, withApp } from '../fixtures/running-application.ts';

/** Serves what `make` returns as an event stream at `/`. */
function serving(
  make: (handler: RequestHandler) => EventStreamSource,
  test: (running: Running) => Promise<void>,
  options: EventStreamOptions = {},
): Promise<void> {
  class Stream extends RequestHandler {
    override get(): Promise<void> {
      return this.eventStream(make(this), { random: half, ...options });
    }
  }
  return withApp([['/', Stream]], test);
}

async function* yielding(...values: readonly unknown[]): AsyncGenerator<unknown> {
  yield* values;
}

/** The complete response to a GET. */
async function responseOf(source: EventStreamSource, options?: EventStreamOptions): Promise<ParsedResponse> {
  let response: ParsedResponse | undefined;
  await serving(
    () => source,
    async ({ port }) => {
      [response] = responsesOf(await ask(port, '/'));
    },
    options,
  );
  return response as ParsedResponse;
}

describe('the event stream of an async iterable', () => {
  it('has text as it is, and other values as JSON', async () => {
    const values = ['text', 'two\nlines', { a: [1] }, [2], 3, true, null];
    const response = await responseOf(yielding(...values));
    expect(response.body).toBe(
      'retry: 3000\n\ndata: text\n\ndata: two\ndata: lines\n\ndata: {"a":[1]}\n\n' +
        'data: [2]\n\ndata: 3\n\ndata: true\n\ndata: null\n\n',
    );
    expect(response.isComplete).toBe(true);
  });

  it('has the type, id, time and comment of a ServerEvent', async () => {
    const price = new ServerEvent({ event: 'price', data: { eur: 5 }, id: '7', retry: 100, comment: 'new' });
    const { body } = await responseOf(yielding(price, new ServerEvent({ comment: 'only' })));
    expect(body).toBe('retry: 3000\n\n: new\nevent: price\nid: 7\nretry: 100\ndata: {"eur":5}\n\n: only\n\n');
  });

  it('does not take an object for an event because of its members', async () => {
    const { body } = await responseOf(yielding({ event: 'x', data: 'y', id: '1' }));
    expect(body).toContain('data: {"event":"x","data":"y","id":"1"}\n\n');
  });

  it.each<[string, () => unknown]>([
    ['undefined', () => undefined],
    ['a function', () => allow],
    ['an event with a broken id', () => new ServerEvent({ id: 'a\nb' })],
    ['an event with nothing', () => new ServerEvent({})],
    ['an error', () => Promise.reject(new RangeError('mine'))],
  ])('is cut after the events before %s', async (_, value) => {
    const isRead = signalled();
    async function* source(): AsyncGenerator<unknown> {
      yield 'good';
      await isRead.promise;
      yield value();
    }
    await serving(source, async ({ port, log }) => {
      const client = await openStream(port);
      await client.until('good\n\n');
      isRead.resolve();
      const [response] = responsesOf(await client.untilEnd());
      expect(response?.isComplete).toBe(false);
      expect(response?.body).toBe('retry: 3000\n\ndata: good\n\n');
      expect(log.records).toMatchObject([{ level: 'error' }]);
    });
  });

  it('closes the iterable for HEAD without reading it', async () => {
    const calls: string[] = [];
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          calls.push('next');
          return { done: true, value: undefined };
        },
        return: async () => {
          calls.push('return');
          return { done: true, value: undefined };
        },
      }),
    };
    await serving(
      () => source,
      async ({ port }) => {
        expect(statusOf(await ask(port, '/', 'HEAD'))).toBe(200);
        expect(calls).toEqual(['return']);
      },
    );
  });

  it('ends with the server', async () => {
    const waiting = signalled<never>();
    async function* source(): AsyncGenerator<string> {
      yield 'one';
      await waiting.promise;
    }
    await serving(source, async ({ port, server }) => {
      const client = await openStream(port);
      await client.until('data: one\n\n');
      const stopped = server.stop({ graceMs: 0 });
      const [response] = responsesOf(await client.untilEnd());
      expect(response?.body).toBe('retry: 3000\n\ndata: one\n\nretry: 5500\n\n');
      expect(await stopped).toMatchObject({ cut: 0 });
    });
  });

  it.each([undefined, null, 5, 'text', ['array'], { a: 1 }])('is refused for %j', async (source) => {
    await serving(
      () => source as never,
      async ({ port, log }) => {
        expect(statusOf(await ask(port, '/'))).toBe(500);
        expect(log.records).toMatchObject([{ error: { code: 'ERR_WEB_USAGE' } }]);
      },
    );
  });

  it.each<[object, string]>([
    [{ keepAlive: 5 }, 'keepAliveMs'],
    [{ keepAliveMs: -1 }, 'keepAliveMs'],
    [{ retryMs: Number.NaN }, 'retryMs'],
    [{ retryMs: 86_400_001 }, 'retryMs'],
    [{ passThrough: 'yes' }, 'passThrough'],
    [{ random: 0.5 }, 'random'],
    [{ random: () => 2 }, 'random must return a number from 0 to 1'],
    [{ authorize: allow }, 'authorize'],
  ])('is refused with the options %j', async (options, message) => {
    await serving(
      () => yielding('x'),
      async ({ port, log }) => {
        expect(statusOf(await ask(port, '/'))).toBe(500);
        expect(String(log.records[0]?.error)).toContain(message);
      },
      options as EventStreamOptions,
    );
  });
});

const UI_MESSAGES = [
  'data: {"type":"start"}\n\n',
  'data: {"type":"text-delta","delta":"é"}\n\n',
  'data: [DONE]\n\n',
];
const AI_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache',
  Connection: 'keep-alive',
  'X-Vercel-AI-UI-Message-Stream': 'v1',
  'Set-Cookie': 'a=b',
};

describe('a source that is already an event stream', () => {
  it('is passed through as a Response, with its own headers', async () => {
    const bytes = new Blob(UI_MESSAGES).stream();
    await serving(
      () => new Response(bytes, { headers: AI_HEADERS }),
      async ({ port }) => {
        const client = await RawClient.connect(port, requestText('/', 'GET', 'Connection: close'));
        const answer = await client.untilEnd();
        const [response] = responsesOf(answer);
        expect(Buffer.from(response?.body ?? '', 'latin1').toString()).toBe(UI_MESSAGES.join(''));
        expect(headerOf(answer, 'X-Vercel-AI-UI-Message-Stream')).toBe('v1');
        expect(headerOf(answer, 'Cache-Control')).toBe('no-store');
        expect(headerOf(answer, 'Connection')).toBe('close');
        expect(headerOf(answer, 'Set-Cookie')).toBeUndefined();
      },
    );
  });

  it.each<[string, () => Response]>([
    ['another status', () => new Response('', { status: 201, headers: AI_HEADERS })],
    ['another type', () => new Response('data: x\n\n')],
    ['no body', () => new Response(null, { headers: AI_HEADERS })],
  ])('is refused as a Response with %s', async (_, make) => {
    await serving(make, async ({ port, log }) => {
      expect(statusOf(await ask(port, '/'))).toBe(500);
      expect(log.records).toMatchObject([{ error: { code: 'ERR_WEB_USAGE' } }]);
    });
  });

  it('is passed through as bytes, and as text with the option passThrough', async () => {
    const whole = UI_MESSAGES.join('');
    const bytes = await responseOf(yielding(...UI_MESSAGES.map((text) => Buffer.from(text))), {
      passThrough: true,
    });
    const text = await responseOf(yielding(...UI_MESSAGES), { passThrough: true });
    for (const { body } of [bytes, text]) expect(Buffer.from(body, 'latin1').toString()).toBe(whole);
  });

  it('is completed although the server stops', async () => {
    const goOn = signalled();
    async function* source(): AsyncGenerator<string> {
      yield 'data: {"type":"sta';
      await goOn.promise;
      yield 'rt"}\n\n';
      yield 'data: [DONE]\n\n';
    }
    await serving(
      source,
      async ({ port, server }) => {
        const client = await openStream(port);
        await client.until('"sta');
        const stopped = server.stop({ graceMs: 0 });
        goOn.resolve();
        const [response] = responsesOf(await client.untilEnd());
        expect(response?.body).toBe('data: {"type":"start"}\n\ndata: [DONE]\n\n');
        await stopped;
      },
      { passThrough: true },
    );
  });
});

describe.each(LOGS)('a run whose records are an event stream, with a log that %s', (_, Log) => {
  const options: Partial<CursorStreamOptions<RequestHandler>> = {
    action: 'read',
    passThrough: true,
    headers: { 'X-Vercel-AI-UI-Message-Stream': 'v1' },
  };

  async function bodyFor(log: MemoryLog, target = '/'): Promise<ParsedResponse> {
    let response: ParsedResponse | undefined;
    await servingLog(log, options, async ({ port }) => {
      const client = await openStream(port, target, 'Connection: close');
      [response] = responsesOf(await client.untilEnd());
    });
    return response as ParsedResponse;
  }

  it('has their cursors as ids, and no events of ours', async () => {
    const log = new Log('run');
    log.add(JSON.stringify('data: {"type":"start"}\n\n'));
    log.add('{"type":"text-delta","delta":"x"}');
    log.add(Buffer.from('data: 1\r\n\r\ndata: é\r\n\r\n'));
    log.add(JSON.stringify('data: [DONE]\n\n'));
    log.finish('finished');
    const response = await bodyFor(log);
    expect(Buffer.from(response.body, 'latin1').toString()).toBe(
      'id: e.0\nretry: 3000\n\nid: e.1\ndata: {"type":"start"}\n\n' +
        'id: e.2\ndata: {"type":"text-delta","delta":"x"}\n\n' +
        'data: 1\r\n\r\nid: e.3\ndata: é\r\n\r\nid: e.4\ndata: [DONE]\n\n',
    );
    expect(response.isComplete).toBe(true);
    expect(response.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1');
  });

  it('has no id within an event that spans several records', async () => {
    const log = new Log('run');
    for (const text of ['data: a', 'b\n', '\n', 'data: c\n\n']) log.add(JSON.stringify(text));
    log.finish('finished');
    expect((await bodyFor(log)).body).toBe(
      'id: e.0\nretry: 3000\n\ndata: ab\n\nid: e.3\n\nid: e.4\ndata: c\n\n',
    );
  });

  it.each(['failed', 'interrupted'])('is cut if the run has %s', async (how) => {
    const log = new Log('run');
    log.add(JSON.stringify('data: a\n\n'));
    await servingLog(log, options, async ({ port, log: logger }) => {
      const client = await openStream(port);
      await client.until('id: e.1\ndata: a\n\n');
      log.finish(how);
      const [response] = responsesOf(await client.untilEnd());
      expect(response?.isComplete).toBe(false);
      expect(logger.records).toEqual([]);
    });
  });
});
