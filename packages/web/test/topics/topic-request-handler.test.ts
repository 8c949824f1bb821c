import { VirtualClock } from '@landspout/ioloop/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Application,
  type ApplicationSettings,
  RequestHandler,
  type TopicAuthorization,
} from '../../src/index.ts';
import { LogRecorder, TestClient, type TestResponse } from '../../src/testing/index.ts';
import {
  TopicDoor,
  type TopicDoorOptions,
  TopicRequestHandler,
  type TopicsSource,
} from '../../src/topics/index.ts';
import { nextTurn, openStream, until } from '../fixtures/event-streams.ts';
import { LogError, MemoryLogs } from '../fixtures/memory-log.ts';
import { ask, RawClient, requestText, statusOf } from '../fixtures/raw-client.ts';
import { responsesOf } from '../fixtures/response-stream.ts';
import { withApp } from '../fixtures/running-application.ts';

let topics: MemoryLogs;
let runs: MemoryLogs;
let asked: [string, string][];
let decide: (question: TopicAuthorization) => boolean;
let clock: VirtualClock;
let clients: TestClient[];

beforeEach(() => {
  topics = new MemoryLogs();
  runs = new MemoryLogs();
  asked = [];
  decide = () => true;
  clock = new VirtualClock();
  clients = [];
});
afterEach(async () => {
  for (const client of clients) await client.close();
});

/** A handler class with limits of its own. */
function liveHandler(
  options: TopicDoorOptions = {},
): typeof TopicRequestHandler & (new (...args: never[]) => RequestHandler) {
  class Live extends TopicRequestHandler {
    static override readonly topicDoor = new TopicDoor(options);
    override readonly topics: TopicsSource = topics;
    override readonly runs = runs;
    override authorize(question: TopicAuthorization<this>): boolean {
      asked.push([question.action, question.topic]);
      return decide(question);
    }
    override publishKey(): string | undefined {
      return this.request.headers.get('X-User');
    }
  }
  return Live as never;
}

function clientOf(options?: TopicDoorOptions, settings: ApplicationSettings = {}): TestClient {
  const log = new LogRecorder();
  const app = new Application([['/live', liveHandler(options) as never]], {
    clock,
    logger: log,
    ...settings,
  });
  const client = new TestClient(app);
  clients.push(client);
  return client;
}

const jsonOf = (response: TestResponse): unknown => {
  expect(response.status).toBe(200);
  expect(response.headers.get('Content-Type')).toBe('application/json; charset=UTF-8');
  expect(response.headers.get('Cache-Control')).toBe('no-store');
  return response.json();
};

describe('a long poll', () => {
  it('without a position has the present cursor, at once', async () => {
    topics.topic('news').add('1');
    const client = clientOf();
    expect(jsonOf(await client.request('/live?topic=news'))).toEqual({ records: [], cursor: 'e.1' });
    expect(topics.topic('news').subscriptions.size).toBe(0);
  });

  it('has the records after its position, with data and bytes', async () => {
    const log = topics.topic('news');
    log.add('{"a":"ü"}');
    log.add(new Uint8Array([255]));
    const client = clientOf();
    expect(jsonOf(await client.request('/live?topic=news&after=e.0'))).toEqual({
      records: [
        { cursor: 'e.1', data: { a: 'ü' } },
        { cursor: 'e.2', bytes: '/w==' },
      ],
      cursor: 'e.2',
    });
    expect(jsonOf(await client.request('/live?topic=news&after=e.1'))).toMatchObject({ cursor: 'e.2' });
    expect(jsonOf(await client.request('/live?topic=news&last=1'))).toMatchObject({
      records: [{ cursor: 'e.2' }],
    });
    expect(jsonOf(await client.request('/live?topic=empty&last=1'))).toEqual({ records: [], cursor: 'e.0' });
  });

  it('waits for the first record', async () => {
    const log = topics.topic('news');
    const client = clientOf();
    const polling = client.request('/live?topic=news&after=e.0');
    await until(() => log.subscriptions.size === 1);
    await nextTurn();
    log.add('1');
    log.add('2');
    expect(jsonOf(await polling)).toEqual({
      records: [
        { cursor: 'e.1', data: 1 },
        { cursor: 'e.2', data: 2 },
      ],
      cursor: 'e.2',
    });
    expect(log.subscriptions.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['', 25_000],
    ['&waitMs=5000', 5_000],
    ['&waitMs=900000', 25_000],
  ])('ends without a record after the time in "%s"', async (query, waitMs) => {
    const log = topics.topic('news');
    const polling = clientOf().request(`/live?topic=news&after=e.0${query}`);
    let isOver = false;
    void polling.then(() => {
      isOver = true;
    });
    await until(() => clock.pending > 0);
    await clock.advance(waitMs - 1);
    await nextTurn();
    expect(isOver).toBe(false);
    await clock.advance(1);
    expect(jsonOf(await polling)).toEqual({ records: [], cursor: 'e.0' });
    expect(log.subscriptions.size).toBe(0);
  });

  it('does not wait with waitMs=0', async () => {
    const response = await clientOf().request('/live?topic=news&after=e.0&waitMs=0');
    expect(jsonOf(response)).toEqual({ records: [], cursor: 'e.0' });
  });

  it('has a gap, and the records after it', async () => {
    topics.topic('news').add('1');
    expect(jsonOf(await clientOf().request('/live?topic=news&after=f.5'))).toEqual({
      records: [{ cursor: 'e.1', data: 1 }],
      cursor: 'e.1',
      gap: { reason: 'reset', cursor: 'e.0' },
    });
  });

  it('has the end of a run, also for a client that has read it', async () => {
    const run = runs.topic('r');
    run.add('"token"');
    run.finish('failed', { error: { code: 'ERR_RUN_FAILED', message: 'no' } });
    const end = { how: 'failed', error: { code: 'ERR_RUN_FAILED', message: 'no' }, cursor: 'e.2' };
    const client = clientOf();
    expect(jsonOf(await client.request('/live?run=r&after=e.0'))).toEqual({
      records: [{ cursor: 'e.1', data: 'token' }],
      cursor: 'e.2',
      end,
    });
    expect(jsonOf(await client.request('/live?run=r&after=e.2'))).toEqual({
      records: [],
      cursor: 'e.2',
      end,
    });
  });

  it('has no more records or bytes than its limits', async () => {
    for (const text of ['"aaaa"', '"bbbb"', '"cccc"']) topics.topic('news').add(text);
    const cursorWith = async (options: TopicDoorOptions): Promise<unknown> =>
      jsonOf(await clientOf(options).request('/live?topic=news&after=e.0'));
    expect(await cursorWith({ maxPollRecords: 2 })).toMatchObject({ cursor: 'e.2' });
    expect(await cursorWith({ maxPollBytes: 5 })).toMatchObject({ cursor: 'e.1' });
    expect(await cursorWith({ maxPollBytes: 7 })).toMatchObject({ cursor: 'e.2' });
  });

  it('leaves no subscription behind when the client disconnects, or when its error is sent', async () => {
    const log = topics.topic('news');
    const client = clientOf();
    const controller = new AbortController();
    const polling = client.request('/live?topic=news&after=e.0', { signal: controller.signal });
    await until(() => clock.pending > 0);
    controller.abort(new Error('gone'));
    await expect(polling).rejects.toThrow('gone');
    await until(() => log.subscriptions.size === 0 && clock.pending === 0);
    const failing = client.request('/live?topic=news&after=e.0');
    await until(() => clock.pending > 0);
    log.fail(new LogError('ERR_TOPICS_UNAVAILABLE', 'away'));
    expect((await failing).status).toBe(503);
    expect(log.subscriptions.size).toBe(0);
  });

  it('ends at once when the server stops', async () => {
    const log = topics.topic('news');
    await withApp([['/live', liveHandler() as never]], async ({ port, server }) => {
      const client = await RawClient.connect(port, requestText('/live?topic=news&after=e.0'));
      await until(() => log.subscriptions.size === 1);
      await nextTurn();
      const stopped = server.stop({ graceMs: 0 });
      const [response] = responsesOf(await client.untilEnd());
      expect(response).toMatchObject({ status: 200, body: '{"records":[],"cursor":"e.0"}' });
      await stopped;
    });
  });
});

describe('GET with Accept: text/event-stream', () => {
  it('is an event stream of a topic or run', async () => {
    runs.topic('r').add('"token"');
    runs.topic('r').finish('finished');
    await withApp([['/live', liveHandler() as never]], async ({ port }) => {
      const client = await openStream(port, '/live?topic=a/b&after=e.0');
      await client.until('id: e.0\n');
      topics.topic('a/b').add('1');
      await client.until('id: e.1\ndata: 1\n\n');
      client.close();
      const answer = await ask(port, '/live?run=r', 'GET', 'Accept: text/event-stream');
      expect(answer).toContain('id: e.1\ndata: "token"\n\n');
      expect(asked).toEqual([
        ['subscribe', 'a/b'],
        ['read', 'r'],
      ]);
    });
  });

  it.each([
    ['text/event-stream', true],
    ['application/json, text/event-stream', false],
    ['application/json;q=0.5, text/event-stream', true],
    ['*/*', false],
    ['text/event-stream;q=0', false],
    ['text/html', false],
  ])('is chosen by %s: %s', async (accept, isStream) => {
    runs.topic('r').finish('finished');
    const { headers } = await clientOf().request('/live?run=r', { headers: { Accept: accept } });
    expect(headers.get('Content-Type') === 'text/event-stream').toBe(isStream);
  });
});

describe('POST', () => {
  const post = (client: TestClient, body: unknown, headers = {}): Promise<TestResponse> =>
    client.request('/live?topic=news', {
      method: 'POST',
      headers: { Accept: 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  it('publishes, and has the cursor of the record', async () => {
    const client = clientOf();
    expect(jsonOf(await post(client, { data: { text: 'é' } }))).toEqual({ cursor: 'e.1' });
    expect(jsonOf(await post(client, { data: null, ref: 'once' }))).toEqual({ cursor: 'e.2' });
    expect(jsonOf(await post(client, { data: 'again', ref: 'once' }))).toEqual({ cursor: 'e.2' });
    const payloads = topics.topic('news').records.map(({ payload }) => payload);
    expect(payloads).toEqual(['{"text":"é"}', 'null']);
    expect(asked).toContainEqual(['publish', 'news']);
  });

  it.each([
    ...['', '[]', 'null', '5', '{}', '{"ref":"x"}', '{"data":', '\xff'],
    ...[5, '', 'x'.repeat(257), '\n', '\ud800'].map((ref) => JSON.stringify({ data: 1, ref })),
  ])('is a 400 for the body %j', async (body) => {
    expect((await post(clientOf(), body)).status).toBe(400);
    expect(topics.topic('news').records).toEqual([]);
  });

  it('is a 413 for a body beyond the limit', async () => {
    const client = clientOf({ maxBodyBytes: 20 });
    expect((await post(client, `{"data":"${'x'.repeat(9)}"}`)).status).toBe(200);
    expect((await post(client, `{"data":"${'x'.repeat(10)}"}`)).status).toBe(413);
  });

  it('is a 429 with Retry-After beyond the rate of its client, or of all', async () => {
    const client = clientOf({ publishesPerSecond: 1, publishBurst: 2, totalPublishBurst: 5 });
    const statuses = async (user: string): Promise<number[]> => {
      const all: number[] = [];
      for (let count = 0; count < 3; count += 1)
        all.push((await post(client, { data: 1 }, { 'X-User': user })).status);
      return all;
    };
    expect(await statuses('ada')).toEqual([200, 200, 429]);
    expect(await statuses('bob')).toEqual([200, 200, 429]);
    expect(await statuses('cyd')).toEqual([200, 429, 429]);
    const refused = await post(client, { data: 1 }, { 'X-User': 'ada' });
    expect(refused.headers.get('Retry-After')).toBe('1');
    expect(refused.json()).toMatchObject({ code: 'ERR_TOPICS_RATE_LIMIT' });
    await clock.advance(1_000);
    expect(await statuses('ada')).toEqual([200, 429, 429]);
  });

  it.each([
    ['ERR_TOPICS_UNAVAILABLE', 503],
    ['ERR_TOPICS_BUSY', 503],
    ['ERR_TOPICS_OUTCOME_UNKNOWN', 503],
    ['ERR_TOPICS_JOURNAL_WRITE', 503],
    ['ERR_TOPICS_RECORD_TOO_LARGE', 413],
    ['ERR_TOPICS_INVALID_DATA', 422],
    ['ERR_TOPICS_USAGE', 400],
    ['ERR_SOMETHING_ELSE', 500],
  ])('turns %s into a %d', async (code, status) => {
    topics.topic('news').failure = new LogError(code, 'a secret detail');
    const response = await post(clientOf(), { data: 1 });
    expect(response.status).toBe(status);
    expect(response.headers.has('Retry-After')).toBe(status === 503);
    expect(response.text()).not.toContain('secret');
    if (status !== 500) expect(response.json()).toMatchObject({ code });
  });

  it('follows the XSRF rule of the application', async () => {
    const client = clientOf({}, { xsrfCookies: true });
    expect((await post(client, { data: 1 })).status).toBe(403);
    const token = '2|00000000|0123456789abcdef0123456789abcdef|1';
    client.cookies.set('_xsrf', token);
    expect((await post(client, { data: 1 }, { 'X-Xsrftoken': token })).status).toBe(200);
  });
});

describe('DELETE', () => {
  const cancel = (client: TestClient, query: string): Promise<TestResponse> =>
    client.request(`/live?${query}`, { method: 'DELETE' });

  it('cancels a run, and says how an earlier one has ended', async () => {
    runs.topic('r').add('1');
    const client = clientOf();
    expect(jsonOf(await cancel(client, 'run=r'))).toEqual({ how: 'running' });
    expect(runs.topic('r').end?.how).toBe('cancelled');
    expect(jsonOf(await cancel(client, 'run=r'))).toEqual({ how: 'cancelled' });
    expect(asked).toEqual([
      ['cancel', 'r'],
      ['cancel', 'r'],
    ]);
  });

  it('is a 404 for an unknown run, and a 400 for a topic', async () => {
    expect((await cancel(clientOf(), 'run=none')).status).toBe(404);
    expect((await cancel(clientOf(), 'topic=news')).status).toBe(400);
  });
});

describe('what may be asked for', () => {
  it.each([
    '',
    '?topic=a&run=b',
    '?topic=',
    '?run=',
    '?topic=a%00b',
    '?topic=a%0ab',
    `?topic=${'x'.repeat(257)}`,
    '?topic=a&waitMs=x',
    '?topic=a&after=no+cursor',
    '?topic=a&last=-1',
  ])('is a 400 for GET %s', async (query) => {
    expect((await clientOf().request(`/live${query}`)).status).toBe(400);
  });

  it('says of a malformed position what was expected', async () => {
    for (const accept of ['application/json', 'application/json;q=0.5, text/event-stream']) {
      const headers = { Accept: accept };
      const response = await clientOf().request('/live?topic=a&after=no+cursor', { headers });
      expect(response.status).toBe(400);
      expect(response.json()).toMatchObject({
        code: 'ERR_TOPICS_CURSOR',
        detail: 'The argument after must be a cursor, start or now.',
      });
    }
  });

  it.each(['{a}:b/c', '%', 'ü€😀', ' ', 'x'.repeat(256)])('may be the topic %s', async (name) => {
    const response = await clientOf().request(`/live?topic=${encodeURIComponent(name)}`);
    expect(jsonOf(response)).toEqual({ records: [], cursor: 'e.0' });
    expect(asked).toEqual([['subscribe', name]]);
  });

  it.each(['GET', 'POST', 'DELETE'])(
    'is the same 404 for %s if it is refused as if it is not there',
    async (method) => {
      decide = () => false;
      topics.topic('there');
      runs.topic('there');
      const kind = method === 'DELETE' ? 'run' : 'topic';
      const client = clientOf();
      const texts: string[] = [];
      for (const name of ['there', 'none']) {
        const body = method === 'POST' ? { data: 1 } : undefined;
        const response = await client.request(`/live?${kind}=${name}`, {
          method,
          ...(body === undefined ? {} : { body }),
        });
        texts.push(`${response.status} ${response.text()}`);
      }
      expect(texts[0]).toMatch(/^404 /);
      expect(texts[1]).toBe(texts[0]);
      expect(topics.topic('there').subscribed).toBe(0);
    },
  );

  it('is no run if the handler has none', async () => {
    class Live extends TopicRequestHandler {
      override readonly topics: TopicsSource = topics;
      override authorize(): boolean {
        return true;
      }
    }
    await withApp([['/live', Live]], async ({ port }) => {
      expect(statusOf(await ask(port, '/live?run=r'))).toBe(404);
      expect(statusOf(await ask(port, '/live?run=r', 'DELETE'))).toBe(404);
      expect(statusOf(await ask(port, '/live?topic=t'))).toBe(200);
    });
  });
});

describe('TopicRequestHandler', () => {
  it('is not routed without authorize', () => {
    // @ts-expect-error authorize is missing
    class Open extends TopicRequestHandler {
      override readonly topics: TopicsSource = topics;
    }
    expect(() => new Application([['/live', Open as never]])).toThrow(/no method authorize/);
  });

  it.each<[object, string]>([
    [{ publishesPerSeconds: 1 }, 'did you mean "publishesPerSecond"?'],
    [{ publishBurst: 0 }, 'publishBurst'],
    [{ maxWaitMs: -1 }, 'maxWaitMs'],
    [{ maxPollRecords: 0 }, 'maxPollRecords'],
  ])('has a door that refuses %j', (options, message) => {
    expect(() => new TopicDoor(options)).toThrow(message);
  });

  it('has a door that serves any handler with topics and authorize', async () => {
    const door = new TopicDoor();
    class Own extends RequestHandler {
      readonly topics = topics;
      authorize(): boolean {
        return true;
      }
      override get(): Promise<void> {
        return door.get(this);
      }
    }
    await withApp([['/', Own]], async ({ port }) => {
      expect(await ask(port, '/?topic=t')).toContain('{"records":[],"cursor":"e.0"}');
    });
  });
});
