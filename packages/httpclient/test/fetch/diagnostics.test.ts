import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { FetchMessage, FetchSentMessage, FetchStartMessage } from '../../src/index.ts';
import { DigestServer, MUFASA } from '../fixtures/digest-server.ts';
import { withClient, withNodeServer, withRawServer } from '../fixtures/servers.ts';

type Name = 'start' | 'sent' | 'response' | 'head' | 'error' | 'end';

const storage = new AsyncLocalStorage<string>();
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function on<Message = FetchMessage>(name: Name, subscriber: (message: Message) => void): void {
  const channel = `landspout.http.client.request.${name}`;
  const listener = (message: unknown): void => subscriber(message as Message);
  subscribe(channel, listener);
  ends.push(() => unsubscribe(channel, listener));
}

/** What is published from now on, each with the status and the attempt at that time. */
function heard(): string[] {
  const lines: string[] = [];
  for (const name of ['start', 'sent', 'response', 'head', 'error', 'end'] as const)
    on(name, ({ record }) => void lines.push(`${name} ${record.status ?? '-'} ${record.redirects}`));
  return lines;
}

/** Responds to `/` with a redirect to `/next`, and to that with the fields that were received. */
function redirecting(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/') response.writeHead(302, { Location: '/next' }).end();
  else response.end(JSON.stringify(request.headers));
}

describe('the diagnostics channels of a client', () => {
  it('tell of each response, also of a redirect, with its status', () => {
    const lines = heard();
    return withNodeServer(redirecting, ({ url }) =>
      withClient({}, async (client) => {
        await client.fetch(`${url}/`);
        expect(lines).toEqual([
          ...['start - 0', 'sent - 0', 'response 302 0'],
          ...['sent 302 1', 'response 200 1', 'head 200 1', 'end 200 1'],
        ]);
      }),
    );
  });

  it('tell of a challenge as of a response', () => {
    const lines = heard();
    return withNodeServer(new DigestServer().listener, ({ url }) =>
      withClient({}, async (client) => {
        await client.fetch(`${url}/`, { digestAuth: MUFASA });
        expect(lines).toEqual([
          ...['start - 0', 'sent - 0', 'response 401 0'],
          ...['sent 401 0', 'response 200 0', 'head 200 0', 'end 200 0'],
        ]);
      }),
    );
  });

  it('tell of no response if there is none', () => {
    const lines = heard();
    return withRawServer(
      (socket) => {
        socket.on('error', () => {});
        socket.on('data', () => socket.destroy());
      },
      ({ url }) =>
        withClient({}, async (client) => {
          await expect(client.fetch(`${url}/`)).rejects.toThrow();
          expect(lines).toEqual(['start - 0', 'sent - 0', 'error - 0', 'end - 0']);
        }),
    );
  });

  it('have one record for all messages of a fetch', () => {
    const records = new Set<unknown>();
    for (const name of ['start', 'sent', 'response', 'head', 'end'] as const)
      on(name, ({ record }) => void records.add(record));
    return withNodeServer(redirecting, ({ url }) =>
      withClient({}, async (client) => {
        await client.fetch(`${url}/`);
        expect(records.size).toBe(1);
      }),
    );
  });

  it('let a subscriber to the head of a response abort the fetch', () => {
    const controller = new AbortController();
    on('response', () => controller.abort(new Error('not this one')));
    return withNodeServer(redirecting, ({ url }) =>
      withClient({}, async (client) => {
        const { signal } = controller;
        await expect(client.fetch(`${url}/next`, { signal })).rejects.toThrow('not this one');
      }),
    );
  });
});

describe('setHeader', () => {
  /** The values of X-Hop that the server gets, in order. */
  async function sentBy(subscriber: (message: FetchSentMessage) => void, headers = {}): Promise<unknown[]> {
    on('sent', subscriber);
    const values: unknown[] = [];
    await withNodeServer(
      (request, response) => {
        values.push(request.headers['x-hop']);
        redirecting(request, response);
      },
      ({ url }) => withClient({}, (client) => client.fetch(`${url}/`, { headers }).then(() => {})),
    );
    return values;
  }

  it('sets a field of each request of a fetch anew', async () => {
    let count = 0;
    const values = await sentBy(({ setHeader }) => {
      count += 1;
      setHeader('X-Hop', String(count));
    });
    expect(values).toEqual(['1', '2']);
  });

  it('sets it only for that request', async () => {
    const values = await sentBy(({ record, setHeader }) => {
      if (record.redirects === 0) setHeader('X-Hop', 'first');
    });
    expect(values).toEqual(['first', undefined]);
  });

  it('replaces the field that the caller has set', async () => {
    const values = await sentBy(({ setHeader }) => setHeader('x-hop', 'the subscriber'), {
      'X-Hop': 'the caller',
    });
    expect(values).toEqual(['the subscriber', 'the subscriber']);
  });

  it('leaves no field behind on a connection or for an origin', async () => {
    const seen: unknown[] = [];
    await withNodeServer(
      (request, response) => {
        seen.push(request.headers['x-hop']);
        response.end();
      },
      ({ url }) =>
        withClient({}, async (client) => {
          // The second fetch uses what the client has remembered of the first one.
          await client.fetch(`${url}/1`);
          on<FetchSentMessage>('sent', ({ setHeader }) => setHeader('X-Hop', 'set'));
          await client.fetch(`${url}/2`);
          for (const end of ends.splice(0)) end();
          await client.fetch(`${url}/3`);
        }),
    );
    expect(seen).toEqual([undefined, 'set', undefined]);
  });

  it('sets a field of a request with a body, whose length is still right', () => {
    on<FetchSentMessage>('sent', ({ setHeader }) => setHeader('X-Hop', 'set'));
    const bodies: string[] = [];
    return withNodeServer(
      async (request, response) => {
        let body = `${request.headers['content-length'] ?? request.headers['transfer-encoding']} `;
        for await (const chunk of request) body += chunk;
        bodies.push(`${request.headers['x-hop']} ${body}`);
        response.end();
      },
      ({ url }) =>
        withClient({}, async (client) => {
          await client.fetch(url, { method: 'POST', body: 'text' });
          await client.fetch(url, { method: 'POST', body: Readable.from([Buffer.from('chunks')]) });
          await client.fetch(url, { method: 'PUT', body: 'text', headers: { 'Content-Length': '4' } });
          expect(bodies).toEqual(['set 4 text', 'set chunked chunks', 'set 4 text']);
        }),
    );
  });

  it('sets it on the second attempt too, after a reused connection has ended', () => {
    const attempts: unknown[] = [];
    on<FetchSentMessage>('sent', ({ record, setHeader }) => {
      attempts.push([record.attempt, record.reused]);
      setHeader('X-Attempt', String(record.attempt));
    });
    const heads: string[] = [];
    let connections = 0;
    return withRawServer(
      (socket) => {
        connections += 1;
        const isFirst = connections === 1;
        let requests = 0;
        socket.on('error', () => {});
        socket.on('data', (chunk) => {
          requests += 1;
          heads.push(/x-attempt: (\d)/i.exec(String(chunk))?.[1] ?? 'none');
          if (isFirst && requests === 2) socket.destroy();
          else socket.write('HTTP/1.1 204 No Content\r\n\r\n');
        });
      },
      ({ url }) =>
        withClient({}, async (client) => {
          await client.fetch(url);
          await client.fetch(url);
          expect(heads).toEqual(['1', '1', '2']);
          expect(attempts).toEqual([
            [1, false],
            [1, true],
            [2, false],
          ]);
        }),
    );
  });

  it.each(['Host', 'content-length', 'Transfer-Encoding', 'Connection', 'Upgrade', 'Expect'])(
    'refuses %s, which the client sets',
    async (name) => {
      const thrown: unknown[] = [];
      const values = await sentBy(({ setHeader }) => {
        try {
          setHeader(name, '1');
        } catch (error) {
          thrown.push(error);
        }
        setHeader('X-Hop', 'set');
      });
      expect(thrown).toMatchObject(Array(2).fill({ code: 'ERR_HTTPCLIENT_USAGE' }));
      expect(values).toEqual(['set', 'set']);
    },
  );

  it.each([
    ['X-Hop', 'a\r\nX-Injected: 1', 'ERR_HTTP1_HEADER_VALUE'],
    ['X Hop', 'a', 'ERR_HTTP1_HEADER_NAME'],
  ])('refuses the invalid field %j: %j', async (name, value, code) => {
    const thrown: unknown[] = [];
    const values = await sentBy(({ setHeader }) => {
      try {
        setHeader(name, value);
      } catch (error) {
        thrown.push(error);
      }
    });
    expect(thrown).toMatchObject([{ code }, { code }]);
    expect(values).toEqual([undefined, undefined]);
  });

  it('throws after the message', async () => {
    let late: FetchSentMessage['setHeader'] | undefined;
    await sentBy(({ setHeader }) => {
      late = setHeader;
    });
    expect(() => late?.('X-Hop', 'late')).toThrow(expect.objectContaining({ code: 'ERR_HTTPCLIENT_USAGE' }));
  });
});

describe('the context that a subscriber chooses for a fetch', () => {
  it('starts in that of the caller', () => {
    const seen: unknown[] = [];
    on('start', () => void seen.push(storage.getStore()));
    return withNodeServer(redirecting, ({ url }) =>
      withClient({}, async (client) => {
        await storage.run('the caller', () => client.fetch(`${url}/next`));
        expect(seen).toEqual(['the caller']);
      }),
    );
  });

  it('is that of the callbacks and of the body, while the caller keeps its own', () => {
    on<FetchStartMessage>('start', ({ runWithin }) =>
      runWithin((run) => storage.run(`chosen by ${storage.getStore()}`, run)),
    );
    const seen: string[] = [];
    const note = (what: string): void => void seen.push(`${what}: ${storage.getStore()}`);
    async function* body(): AsyncGenerator<Uint8Array> {
      note('body');
      yield Buffer.from('a');
    }
    return withNodeServer(redirecting, ({ url }) =>
      withClient({}, async (client) => {
        await storage.run('the caller', async () => {
          await client.fetch(`${url}/`, { onRedirect: () => note('redirect'), onHead: () => note('head') });
          await client.fetch(`${url}/next`, { method: 'POST', body: body(), onData: () => note('data') });
          note('after');
        });
        expect(seen).toEqual([
          ...['redirect: chosen by the caller', 'head: chosen by the caller'],
          ...['body: chosen by the caller', 'data: chosen by the caller'],
          'after: the caller',
        ]);
      }),
    );
  });

  it('leaves a caller without callbacks in its own', () => {
    on<FetchStartMessage>('start', ({ runWithin }) => runWithin((run) => storage.run('chosen', run)));
    return withNodeServer(redirecting, ({ url }) =>
      withClient({}, async (client) => {
        const store = await storage.run('the caller', async () => {
          await client.fetch(`${url}/next`);
          return storage.getStore();
        });
        expect(store).toBe('the caller');
      }),
    );
  });
});
