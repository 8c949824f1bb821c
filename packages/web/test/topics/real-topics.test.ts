// The shapes that web reads are those of the packages of topics and runs.

import { describe, expect, it } from 'vitest';
import { AsyncHTTPClient } from '../../../httpclient/src/index.ts';
import { Runs, Topics } from '../../../topics/src/index.ts';
import { RequestHandler } from '../../src/index.ts';
import { TopicDoor, TopicRequestHandler } from '../../src/topics/index.ts';
import { allow, openStream } from '../fixtures/event-streams.ts';
import { ask, statusOf } from '../fixtures/raw-client.ts';
import { withApp } from '../fixtures/running-application.ts';

/** Serves topics and runs at `/live`, and the topic `news` at `/news`. */
async function serving(
  test: (running: { port: number; url: string; topics: Topics; runs: Runs }) => Promise<void>,
): Promise<void> {
  const topics = new Topics();
  const runs = new Runs();
  class Live extends TopicRequestHandler {
    static override readonly topicDoor = new TopicDoor({ retryMs: 1 });
    override readonly topics = topics;
    override readonly runs = runs;
    override subject(): string {
      return 'ada';
    }
    override authorize(): boolean {
      return true;
    }
  }
  class News extends RequestHandler {
    override get(): Promise<void> {
      return this.eventStream(topics.topic('news'), { authorize: allow, presence: true });
    }
  }
  try {
    const routes = [
      ['/live', Live],
      ['/news', News],
    ] as const;
    await withApp(routes, ({ port, url }) => test({ port, url, topics, runs }));
  } finally {
    await runs.close();
    await topics.close();
  }
}

describe('topics over HTTP', () => {
  it('are published, polled, streamed and resumed', () =>
    serving(async ({ port, url }) => {
      await using client = new AsyncHTTPClient();
      const fetchJson = async (target: string, body?: string): Promise<Record<string, unknown>> => {
        const options = body === undefined ? {} : { method: 'POST', body };
        return JSON.parse((await client.fetch(`${url}${target}`, options)).text());
      };
      const { cursor } = await fetchJson('/live?topic=news', '{"data":0}');
      const first = await fetchJson('/live?topic=news', '{"data":{"text":"é"},"ref":"1"}');
      expect(await fetchJson('/live?topic=news', '{"data":"other","ref":"1"}')).toEqual(first);
      expect(await fetchJson(`/live?topic=news&after=${cursor}`)).toEqual({
        records: [{ cursor: first.cursor, data: { text: 'é' } }],
        cursor: first.cursor,
      });
      const stream = await openStream(port, `/live?topic=news&after=${cursor}`);
      await stream.until(`id: ${cursor}\n`, `id: ${first.cursor}\ndata: {"text":"`);
      await fetchJson('/live?topic=news', '{"data":2}');
      await stream.until('data: 2\n\n');
      stream.close();
      expect(statusOf(await ask(port, '/live?topic=news&after=%21'))).toBe(400);
      const gap = await openStream(port, '/live?topic=news', 'Last-Event-ID: !');
      await gap.until('event: gap\n', '"reason":"reset"', 'data: 2\n\n');
      gap.close();
    }));

  it('report presence at the shared URL to clients that ask for it', () =>
    serving(async ({ port, topics }) => {
      const stream = await openStream(port, '/live?topic=news&presence=true', 'Accept: text/event-stream');
      await stream.until('event: presence\ndata: {"members":[]}\n\n');
      await topics.topic('news').join('bob');
      await stream.until('event: presence\ndata: {"joined":"bob"');
      stream.close();
    }));

  it('report presence, and end for a subject whose subscriptions are revoked', () =>
    serving(async ({ port, topics }) => {
      const stream = await openStream(port, '/news');
      await stream.until('event: presence\ndata: {"members":[]}\n\n');
      await topics.topic('news').join('bob');
      await stream.until('event: presence\ndata: {"joined":"bob"');
      stream.close();
      const live = await openStream(port, '/live?topic=news', 'Connection: close');
      await live.until('retry');
      await topics.revoke('news', 'ada');
      expect(await live.untilEnd()).toContain('data: {"how":"revoked"}');
    }));
});

describe('the reader of a run', () => {
  it('is streamed from its start, and authorized as a run, without further options', async () => {
    await using runs = new Runs();
    await runs.start('answer', { owner: 'ada' }, async (run) => {
      await run.write('token');
      return 'done';
    });
    const asked: string[] = [];
    class Answer extends RequestHandler {
      override get(): Promise<void> {
        const authorize = ({ action, topic }: { action: string; topic: string }) => {
          asked.push(`${action} ${topic}`);
          return true;
        };
        return this.eventStream(runs.reader('answer'), { authorize });
      }
    }
    await withApp([['/', Answer]], async ({ port }) => {
      const stream = await openStream(port, '/', 'Connection: close');
      expect(await stream.untilEnd()).toMatch(/data: "token"\n\n[\s\S]*"how":"finished"/);
      expect(asked).toEqual(['read answer']);
    });
  });
});

describe('a revocation over HTTP', () => {
  /** Serves the topic `news` to clients whose permission is asked for with a promise. */
  async function withSlowPermission(
    test: (running: {
      port: number;
      topics: Topics;
      isAllowed: (now: boolean) => void;
      asked: (times: number) => Promise<void>;
      decide: () => void;
    }) => Promise<void>,
  ): Promise<void> {
    const topics = new Topics();
    let isAllowed = true;
    let asked = 0;
    let decide = (): void => {};
    const decided = new Promise<void>((resolve) => {
      decide = resolve;
    });
    class Live extends TopicRequestHandler {
      override readonly topics = topics;
      override subject(): string {
        return 'ada';
      }
      override async authorize(): Promise<boolean> {
        const decision = isAllowed;
        asked += 1;
        await decided;
        return decision;
      }
    }
    const untilAsked = async (times: number): Promise<void> => {
      while (asked < times) await new Promise((resolve) => setImmediate(resolve));
    };
    const setAllowed = (now: boolean) => {
      isAllowed = now;
    };
    try {
      await withApp([['/live', Live]], ({ port }) =>
        test({ port, topics, isAllowed: setAllowed, asked: untilAsked, decide }),
      );
    } finally {
      await topics.close();
    }
  }

  it.each([
    ['an event stream', 'Accept: text/event-stream'],
    ['a long poll', 'Accept: application/json'],
  ])('refuses %s for which authorize decided before it', (_, accept) =>
    withSlowPermission(async ({ port, topics, isAllowed, asked, decide }) => {
      const response = ask(port, '/live?topic=news', 'GET', accept);
      await asked(1);
      isAllowed(false);
      await topics.revoke('news', 'ada');
      decide();
      expect(statusOf(await response)).toBe(404);
      expect(topics.stats().subscriptions).toBe(0);
    }),
  );

  it('refuses a long poll that waits', () =>
    withSlowPermission(async ({ port, topics, isAllowed, decide }) => {
      decide();
      const cursor = await topics.topic('news').publish('before');
      const response = ask(port, `/live?topic=news&after=${cursor}`);
      while (topics.stats().subscriptions === 0) await new Promise((resolve) => setImmediate(resolve));
      isAllowed(false);
      await topics.revoke('news', 'ada');
      await topics.topic('news').publish('secret');
      expect(await response).not.toContain('secret');
      expect(statusOf(await response)).toBe(404);
    }));

  it('does not trouble clients that may still read', () =>
    withSlowPermission(async ({ port, topics, asked, decide }) => {
      const response = ask(port, '/live?topic=news');
      await asked(1);
      await topics.revoke('news', 'bob');
      decide();
      expect(statusOf(await response)).toBe(200);
    }));
});

describe('runs over HTTP', () => {
  it('are read from the start to the end, and then a 204', () =>
    serving(async ({ port, url, runs }) => {
      await runs.start('r', { owner: 'ada' }, async (run) => {
        for (const token of ['a', 'b']) await run.write(token);
        return 42;
      });
      await using client = new AsyncHTTPClient();
      const received: unknown[] = [];
      const request = { headers: { Accept: 'text/event-stream' } };
      for await (const { event, data } of client.eventSource(`${url}/live?run=r`, { request, retryMs: 1 }))
        received.push([event, data]);
      expect(received).toEqual([
        ['message', '"a"'],
        ['message', '"b"'],
        ['end', '{"how":"finished","result":42}'],
      ]);
      expect(await ask(port, '/live?run=r&last=1')).toContain(
        '"end":{"how":"finished","result":42,"cursor":',
      );
    }));

  it('are cancelled, and are a 404 if there is none', () =>
    serving(async ({ port, runs }) => {
      const run = await runs.start('r', { owner: 'ada' }, async ({ signal }) => {
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      });
      const stream = await openStream(port, '/live?run=r', 'Connection: close');
      await stream.until('retry');
      expect(await ask(port, '/live?run=r', 'DELETE')).toContain('{"how":"running"}');
      expect(await stream.untilEnd()).toContain('event: end\n');
      expect(await ask(port, '/live?run=r', 'DELETE')).toContain('{"how":"cancelled"}');
      expect((await run.info())?.end?.how).toBe('cancelled');
      for (const method of ['GET', 'DELETE'])
        expect(statusOf(await ask(port, '/live?run=none&after=x.1', method))).toBe(404);
    }));
});
