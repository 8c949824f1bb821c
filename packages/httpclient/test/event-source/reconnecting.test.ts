import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { dataOf, listenTo, openWith, passingTime } from '../fixtures/event-sources.ts';
import { waitUntil, withClient, withNodeServer, withRawServer } from '../fixtures/servers.ts';

const EVENT_STREAM = { 'Content-Type': 'text/event-stream' };

/** Responds to each request with the next of `scripts`; to those after the last one with 204. */
function scripted(
  ...scripts: readonly ((response: ServerResponse, request: IncomingMessage) => void)[]
): (request: IncomingMessage, response: ServerResponse) => void {
  let count = 0;
  return (request, response) => {
    const script = scripts[count];
    count += 1;
    if (script === undefined) response.writeHead(204).end();
    else script(response, request);
  };
}

const ending =
  (text: string) =>
  (response: ServerResponse): void =>
    void response.writeHead(200, EVENT_STREAM).end(text);

/** Sends `text` as a part of the body, then ends the connection. */
const cutting =
  (text: string) =>
  (response: ServerResponse): void => {
    response.writeHead(200, EVENT_STREAM).write(text, () => response.socket?.destroy());
  };

describe('an EventSource that loses its connection', () => {
  it('resumes with the id of the last event, until the server responds with 204', () => {
    const ids: (string | undefined)[] = [];
    const server = scripted(
      cutting('id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: incomplete\n'),
      ending('data: c\n\n'),
      ending('id\ndata: d\n\n'),
      ending('data: e\n\n'),
    );
    return withNodeServer(
      (request, response) => {
        ids.push(request.headers['last-event-id'] as string | undefined);
        server(request, response);
      },
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const { source, clock, log } = listenTo(openWith(client, url));
          const received: string[][] = [];
          const reading = (async () => {
            for await (const { id, data } of source) received.push([id, data]);
          })();
          await passingTime(clock, reading);
          expect(received).toEqual([
            ['1', 'a'],
            ['2', 'b'],
            ['2', 'c'],
            ['', 'd'],
            ['', 'e'],
          ]);
          expect(ids).toEqual([undefined, '2', '2', undefined, undefined]);
          const ended = ['ERR_HTTPCLIENT_EVENTS_ENDED', 3_000];
          expect(log).toEqual([
            'open',
            ['ERR_HTTPCLIENT_CLOSED', 3_000],
            ...['open', ended],
            ...['open', ended],
            ...['open', ended],
          ]);
          expect(source.state).toBe('closed');
          expect(clock.pending).toBe(0);
          await client.close();
          await waitUntil(() => openSockets() === 0);
        }),
    );
  });

  it('waits for the reconnection time, and not less', () => {
    let requests = 0;
    return withNodeServer(
      (_, response) => {
        requests += 1;
        ending(`retry: 700\ndata: ${requests}\n\n`)(response);
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const { source, clock, log } = listenTo(openWith(client, url), { retryMs: 5_000 });
          expect((await source.next()).value).toMatchObject({ data: '1', retry: 700 });
          const second = source.next();
          await waitUntil(() => clock.pending === 1);
          expect(log).toEqual(['open', ['ERR_HTTPCLIENT_EVENTS_ENDED', 700]]);
          expect(source.state).toBe('connecting');
          await clock.advance(699);
          expect(clock.pending).toBe(1);
          expect(requests).toBe(1);
          await clock.advance(1);
          expect((await second).value?.data).toBe('2');
          source.close();
        }),
    );
  });

  it('backs off while no byte of a stream arrives, and starts again after one', () =>
    withNodeServer(
      scripted(
        (response) => void response.socket?.destroy(),
        ending(''),
        (response) => {
          response.writeHead(200, EVENT_STREAM).flushHeaders();
          response.socket?.end();
        },
        ending(': a byte\n'),
        ending('data: x\n\n'),
      ),
      ({ url }) =>
        withClient({}, async (client) => {
          const options = { retryMs: 1_000, maxRetryMs: 4_500 };
          const { source, clock, log } = listenTo(openWith(client, url), options, () => 1);
          expect((await passingTime(clock, source.next())).value?.data).toBe('x');
          expect(log.filter((entry) => entry !== 'open')).toEqual([
            ['ERR_HTTPCLIENT_CLOSED', 2_000],
            ['ERR_HTTPCLIENT_EVENTS_ENDED', 3_000],
            ['ERR_HTTPCLIENT_CLOSED', 4_500],
            ['ERR_HTTPCLIENT_EVENTS_ENDED', 2_000],
          ]);
          source.close();
        }),
    ));

  it('gives up after maxRetries, with the cause of the last attempt', async () => {
    // A port on which nothing listens any more.
    const url = await withRawServer(
      () => {},
      async (peer) => peer.url,
    );
    await withClient({}, async (client) => {
      const { source, clock, log } = listenTo(openWith(client, url), { maxRetries: 2 });
      await expect(passingTime(clock, source.next())).rejects.toMatchObject({
        code: 'ERR_HTTPCLIENT_EVENTS_RETRIES',
        cause: { code: 'ERR_HTTPCLIENT_CONNECT' },
      });
      expect(log).toEqual([
        ['ERR_HTTPCLIENT_CONNECT', 3_000],
        ['ERR_HTTPCLIENT_CONNECT', 3_000],
      ]);
      expect(await source.next()).toEqual({ done: true, value: undefined });
    });
  });

  it('gives up at once with maxRetries of 0', () =>
    withNodeServer(scripted(ending('data: x\n\n')), ({ url }) =>
      withClient({}, async (client) => {
        const { source } = listenTo(openWith(client, url), { maxRetries: 0 });
        expect((await source.next()).value?.data).toBe('x');
        await expect(source.next()).rejects.toMatchObject({
          code: 'ERR_HTTPCLIENT_EVENTS_RETRIES',
          cause: { code: 'ERR_HTTPCLIENT_EVENTS_ENDED' },
        });
      }),
    ));

  it('asks the original URL again after a stream that was redirected', () => {
    const paths: (string | undefined)[] = [];
    return withNodeServer(
      (request, response) => {
        paths.push(request.url);
        if (request.url === '/') response.writeHead(307, { Location: `/moved/${paths.length}` }).end();
        else if (paths.length > 4) response.writeHead(204).end();
        else ending('id: 1\ndata: x\n\n')(response);
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const { source, clock } = listenTo(openWith(client, `${url}/`));
          await source.next();
          expect(source.url).toBe(`${url}/moved/1`);
          await passingTime(clock, source.next());
          expect(source.url).toBe(`${url}/moved/3`);
          expect((await passingTime(clock, source.next())).done).toBe(true);
          expect(paths).toEqual(['/', '/moved/1', '/', '/moved/3', '/', '/moved/5']);
        }),
    );
  });

  it('does not connect again after redirects that lead nowhere', () =>
    withNodeServer(
      (_, response) => void response.writeHead(302, { Location: '/' }).end(),
      ({ url }) =>
        withClient({}, async (client) => {
          const { source, log } = listenTo(openWith(client, url));
          await expect(source.next()).rejects.toHaveProperty('code', 'ERR_HTTPCLIENT_REDIRECT');
          expect(log).toEqual([]);
        }),
    ));

  it('does not connect again after the client was closed', () =>
    withNodeServer(
      (_, response) => void response.writeHead(200, EVENT_STREAM).write('data: x\n\n'),
      ({ url }) =>
        withClient({}, async (client) => {
          const { source } = listenTo(openWith(client, url));
          await source.next();
          const stopped = expect(source.next()).rejects.toHaveProperty('code', 'ERR_HTTPCLIENT_STOPPED');
          await client.close();
          await stopped;
          expect(source.state).toBe('closed');
        }),
    ));

  it('encodes the id as UTF-8, and does not send one that a header cannot carry', () => {
    const ids: (string | undefined)[] = [];
    const server = scripted(
      ending('data: x\nid: \u0001\n\n'),
      ending('id: ü€\ndata: y\n\n'),
      ending('data: z\n\n'),
    );
    return withNodeServer(
      (request, response) => {
        ids.push(request.headers['last-event-id'] as string | undefined);
        server(request, response);
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const { source, clock } = listenTo(openWith(client, url), { lastEventId: 'ä' });
          const received: string[] = [];
          const reading = (async () => {
            for await (const event of source) received.push(event.id);
          })();
          await passingTime(clock, reading);
          expect(received).toEqual(['\u0001', 'ü€', 'ü€']);
          const asLatin1 = (text: string) => Buffer.from(text).toString('latin1');
          expect(ids).toEqual([asLatin1('ä'), undefined, asLatin1('ü€'), asLatin1('ü€')]);
        }),
    );
  });
});

describe('the idle timeout of an EventSource', () => {
  it('replaces a connection on which no byte arrives, and counts comments as bytes', () => {
    const responses: ServerResponse[] = [];
    const comments: string[] = [];
    return withNodeServer(
      (_, response) => {
        responses.push(response);
        response.writeHead(200, EVENT_STREAM).write(`id: ${responses.length}\ndata: x\n\n`);
      },
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const { source, clock, log } = listenTo(openWith(client, url), {
            idleTimeoutMs: 10_000,
            onComment: (text) => void comments.push(text),
          });
          expect((await source.next()).value?.id).toBe('1');
          // The program is not waiting for an event, so no time is measured.
          expect(clock.pending).toBe(0);
          const second = source.next();
          for (const comment of ['a', 'b']) {
            await waitUntil(() => clock.pending === 1);
            await clock.advance(9_999);
            responses[0]?.write(`: ${comment}\n\n`);
            await waitUntil(() => comments.at(-1) === comment);
          }
          await waitUntil(() => clock.pending === 1);
          await clock.advance(10_000);
          await waitUntil(() => log.length === 2);
          expect(log).toEqual(['open', ['ERR_HTTPCLIENT_EVENTS_IDLE', 3_000]]);
          await waitUntil(() => openSockets() === 0);
          expect((await passingTime(clock, second)).value?.id).toBe('2');
          source.close();
          expect(clock.pending).toBe(0);
        }),
    );
  });

  it('is off by default', () =>
    withNodeServer(
      (_, response) => void response.writeHead(200, EVENT_STREAM).write('data: x\n\n'),
      ({ url }) =>
        withClient({}, async (client) => {
          const { source, clock } = listenTo(openWith(client, url));
          expect(dataOf((await source.next()).value as { data: string })).toBe('x');
          const next = source.next();
          await new Promise((resolve) => setImmediate(resolve));
          expect(clock.pending).toBe(0);
          source.close();
          expect((await next).done).toBe(true);
        }),
    ));
});
