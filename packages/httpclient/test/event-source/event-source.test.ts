import { HTTPHeaders } from '@landspout/http1';
import { describe, expect, it } from 'vitest';
import type { OpenEventStream } from '../../src/event-source/event-connection.ts';
import type { EventSource } from '../../src/event-source/event-source.ts';
import { listenTo, openWith } from '../fixtures/event-sources.ts';
import { openDescriptors, waitUntil, withClient, withNodeServer } from '../fixtures/servers.ts';

const EVENT_STREAM = { 'Content-Type': 'text/event-stream' };
const closedError = { done: true, value: undefined };

/** A stream from memory, which counts how often it is read. */
function fromMemory(...chunks: readonly string[]): { open: OpenEventStream; reads: () => number } {
  let reads = 0;
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const chunk = chunks[reads];
        reads += 1;
        if (chunk === undefined) return new Promise<never>(() => {});
        return { done: false as const, value: Buffer.from(chunk) };
      },
    }),
  };
  const headers = new HTTPHeaders().set('Content-Type', 'TEXT/Event-Stream ; charset=latin1');
  return { open: async () => ({ status: 200, headers, url: 'http://a.test/b', body }), reads: () => reads };
}

describe('EventSource', () => {
  it('yields the events of a stream, and closes the connection when the loop is left', () =>
    withNodeServer(
      (request, response) => {
        response.writeHead(200, EVENT_STREAM).write(`event: accept\ndata: ${request.headers.accept}\n\n`);
        response.write('data: 2\n\ndata: 3\n\n');
      },
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const { source } = listenTo(openWith(client, url));
          expect(source.state).toBe('connecting');
          const events = [];
          for await (const event of source) {
            events.push([event.event, event.data]);
            expect(source.state).toBe('open');
            if (event.data === '2') break;
          }
          expect(events).toEqual([
            ['accept', 'text/event-stream'],
            ['message', '2'],
          ]);
          expect(source.state).toBe('closed');
          await waitUntil(() => openSockets() === 0);
          expect(await source.next()).toEqual(closedError);
        }),
    ));

  it('reads only while the program waits for an event', async () => {
    const { open, reads } = fromMemory('data: 1\n\ndata: 2\n', '\ndata: 3\n\n', 'data: 4\n\n');
    const { source } = listenTo(open);
    await new Promise((resolve) => setImmediate(resolve));
    expect(reads()).toBe(0);
    for (const [data, expected] of [
      ['1', 1],
      ['2', 2],
      ['3', 2],
      ['4', 3],
    ] as const) {
      expect((await source.next()).value?.data).toBe(data);
      await new Promise((resolve) => setImmediate(resolve));
      expect(reads()).toBe(expected);
    }
    expect(source.url).toBe('http://a.test/b');
    source.close();
  });

  it('keeps lastEventId at the event that was returned last', async () => {
    const { open } = fromMemory('id: 1\ndata: a\n\nid: 2\ndata: b\n\n');
    const { source } = listenTo(open, { lastEventId: '0' });
    expect(source.lastEventId).toBe('0');
    await source.next();
    expect(source.lastEventId).toBe('1');
    source.close();
    expect(source.lastEventId).toBe('1');
  });

  it.each([
    ['status 200', 404, EVENT_STREAM, 'ERR_HTTPCLIENT_EVENTS_STATUS'],
    ['status 200', 206, EVENT_STREAM, 'ERR_HTTPCLIENT_EVENTS_STATUS'],
    ['status 200', 503, EVENT_STREAM, 'ERR_HTTPCLIENT_EVENTS_STATUS'],
    ['text/event-stream', 200, {}, 'ERR_HTTPCLIENT_EVENTS_CONTENT_TYPE'],
    ['text/event-stream', 200, { 'Content-Type': 'text/html' }, 'ERR_HTTPCLIENT_EVENTS_CONTENT_TYPE'],
    [
      'text/event-stream',
      200,
      { 'Content-Type': 'text/event-streams' },
      'ERR_HTTPCLIENT_EVENTS_CONTENT_TYPE',
    ],
  ])('expects %s: fails for ever for %i with %j', (expected, status, headers, code) =>
    withNodeServer(
      // A body that does not end, so that only closing the connection gets rid of it.
      (_, response) => void response.writeHead(status, headers).write('data: x\n\n'),
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const { source, log } = listenTo(openWith(client, url));
          const refusal = { name: 'EventStreamRefusedError', code, status, url: `${url}/` };
          await expect(source.next()).rejects.toMatchObject(refusal);
          expect(log).toEqual([]);
          expect(source.state).toBe('closed');
          expect(await source.next()).toEqual(closedError);
          await waitUntil(() => openSockets() === 0);
          const { source: again } = listenTo(openWith(client, url));
          await expect(again.next()).rejects.toThrow(`expected ${expected}, got`);
        }),
    ),
  );

  it('ends without an error if the first response is a 204', () =>
    withNodeServer(
      (_, response) => void response.writeHead(204).end(),
      ({ url }) =>
        withClient({}, async (client) => {
          const { source, log } = listenTo(openWith(client, url));
          expect(await source.next()).toEqual(closedError);
          expect(log).toEqual([]);
        }),
    ));

  it('fails for ever if the stream exceeds a limit, after the events before it', () =>
    withNodeServer(
      (_, response) =>
        void response.writeHead(200, EVENT_STREAM).write(`data: 1\n\ndata: ${'x'.repeat(100)}`),
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const { source, log } = listenTo(openWith(client, url), { maxLineBytes: 50 });
          expect((await source.next()).value?.data).toBe('1');
          await expect(source.next()).rejects.toHaveProperty('code', 'ERR_HTTPCLIENT_EVENTS_LINE_TOO_LONG');
          expect(log).toEqual(['open']);
          await waitUntil(() => openSockets() === 0);
        }),
    ));

  it('fails with an error that is not about the connection', async () => {
    const mine = new TypeError('mine');
    const rejecting = listenTo(() => Promise.reject(mine));
    await expect(rejecting.source.next()).rejects.toBe(mine);
    for (const name of ['onOpen', 'onComment', 'onReconnect'] as const) {
      const { open } = fromMemory(': x\n\n');
      const throwing = () => {
        throw mine;
      };
      const lost: OpenEventStream = async (request) => {
        const response = await open(request);
        return name === 'onReconnect' ? { ...response, body: (async function* () {})() } : response;
      };
      const { source } = listenTo(lost, { [name]: throwing });
      await expect(source.next(), name).rejects.toBe(mine);
      expect(source.state).toBe('closed');
    }
  });

  it('allows one reader at a time', async () => {
    const { open } = fromMemory('data: 1\n\n');
    const { source } = listenTo(open);
    await source.next();
    const pending = source.next();
    await expect(source.next()).rejects.toHaveProperty('code', 'ERR_HTTPCLIENT_USAGE');
    source.close();
    expect(await pending).toEqual(closedError);
  });

  it.each<[string, object]>([
    ['lastEventId: a string', { lastEventId: 1 }],
    ['lastEventId must not contain control characters', { lastEventId: 'a\nb' }],
    ['retryMs', { retryMs: -1 }],
    ['maxRetryMs', { maxRetryMs: Number.NaN }],
    ['maxRetries', { maxRetries: 1.5 }],
    ['idleTimeoutMs', { idleTimeoutMs: Infinity }],
    ['maxEventBytes', { maxEventBytes: 0 }],
    ['signal: an AbortSignal', { signal: {} }],
    ['onOpen: a function', { onOpen: 1 }],
    ['onReconnect: a function', { onReconnect: 1 }],
    ['onComment: a function', { onComment: 1 }],
    ['did you mean "idleTimeoutMs"?', { idleTimeout: 1 }],
  ])('refuses an invalid option: %s', (message, options) => {
    const { open } = fromMemory();
    const make = () => listenTo(open, options);
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_HTTPCLIENT_USAGE' }));
  });
});

describe('closing an EventSource', () => {
  /** How to end a source, and what a pending `next` then does. */
  const reason = new Error('enough');
  const controllers = new WeakMap<EventSource, AbortController>();
  const WAYS: readonly [string, (source: EventSource) => unknown, () => unknown][] = [
    [
      'close',
      (source) => source.close(),
      () => expect.objectContaining({ status: 'fulfilled', value: closedError }),
    ],
    [
      'return',
      (source) => source.return(),
      () => expect.objectContaining({ status: 'fulfilled', value: closedError }),
    ],
    [
      'its signal',
      (source) => controllers.get(source)?.abort(reason),
      () => ({ status: 'rejected', reason }),
    ],
  ];

  it.each(WAYS)('by %s ends what it waits for at once, in each state', (_, end, outcome) =>
    withNodeServer(
      (request, response) => {
        if (request.url === '/open') response.writeHead(200, EVENT_STREAM).write(': hello\n\n');
        if (request.url === '/lost') response.socket?.destroy();
      },
      ({ url, sockets, openSockets }) =>
        withClient({}, async (client) => {
          for (const path of ['/silent', '/open', '/lost']) {
            const controller = new AbortController();
            const comments: string[] = [];
            const { source, clock } = listenTo(openWith(client, url + path), {
              signal: controller.signal,
              onComment: (text) => void comments.push(text),
            });
            controllers.set(source, controller);
            const before = sockets.length;
            const next = Promise.allSettled([source.next()]);
            if (path === '/silent') await waitUntil(() => sockets.length > before);
            if (path === '/open') await waitUntil(() => comments.length === 1);
            if (path === '/lost') await waitUntil(() => clock.pending === 1);
            void end(source);
            expect((await next)[0]).toEqual(outcome());
            expect(source.state).toBe('closed');
            expect(clock.pending).toBe(0);
            expect(await source.next()).toEqual(closedError);
            await waitUntil(() => openSockets() === 0);
          }
        }),
    ),
  );

  it('before the first call of next makes no connection', async () => {
    const { open } = fromMemory();
    let opened = 0;
    const counting: OpenEventStream = (request) => {
      opened += 1;
      return open(request);
    };
    const { source: closed } = listenTo(counting);
    closed.close();
    expect(await closed.next()).toEqual(closedError);
    const { source: aborted } = listenTo(counting, { signal: AbortSignal.abort(reason) });
    await expect(aborted.next()).rejects.toBe(reason);
    expect(await aborted.next()).toEqual(closedError);
    expect(opened).toBe(0);
  });

  it('by its signal between two calls rejects the next one', async () => {
    const controller = new AbortController();
    const { source } = listenTo(fromMemory('data: 1\n\ndata: 2\n\n').open, { signal: controller.signal });
    await source.next();
    controller.abort(reason);
    expect(source.state).toBe('closed');
    await expect(source.next()).rejects.toBe(reason);
  });

  it('in a callback takes effect at once', async () => {
    const { open } = fromMemory(': x\ndata: 1\n\n');
    const { source } = listenTo(open, { onComment: () => source.close() });
    expect(await source.next()).toEqual(closedError);
  });

  it('by await using leaves no descriptor behind', async () => {
    await withNodeServer(
      (_, response) => void response.writeHead(200, EVENT_STREAM).write('data: 1\n\n'),
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const before = openDescriptors();
          for (let round = 0; round < 5; round += 1) {
            await using source = listenTo(openWith(client, url)).source;
            await source.next();
          }
          await waitUntil(() => openSockets() === 0 && openDescriptors() <= before);
          expect(client.idleCount).toBe(0);
        }),
    );
  });
});
