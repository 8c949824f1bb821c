import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import type { BodyWriter, HTTPClientError, RequestOptions } from '../../src/index.ts';
import { closing, rejection, stalled, withSite } from '../fixtures/recording.ts';
import {
  deferred,
  onHead,
  waitUntil,
  withClient,
  withNodeServer,
  withRawServer,
} from '../fixtures/servers.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';

/** The requests of one connection, as text, of which every body ends with `end`. */
function wholeRequests(received: string, end: string): number {
  return received.split(end).length - 1;
}

describe('json', () => {
  it.each<[unknown, string]>([
    [{ a: 'grün', b: [1, null] }, '{"a":"grün","b":[1,null]}'],
    [null, 'null'],
    [false, 'false'],
    [0, '0'],
    ['', '""'],
  ])('is sent as UTF-8 with its type and length: %j [HC-03] [SH-05]', (json, text) =>
    withSite(
      (_, response) => response.end(),
      async ({ url, requests }, client) => {
        await client.fetch(url, { method: 'POST', json });
        expect(requests[0]?.body).toBe(text);
        expect(requests[0]?.headers).toMatchObject({
          'content-type': 'application/json',
          'content-length': String(Buffer.byteLength(text)),
        });
        const headers = { 'Content-Type': 'application/problem+json' };
        await client.fetch(url, { method: 'PUT', json, headers });
        expect(requests[1]?.headers['content-type']).toBe('application/problem+json');
      },
    ),
  );

  const circular: { self?: unknown } = {};
  circular.self = circular;

  it.each<[string, RequestOptions]>([
    ['a circular value', { json: circular }],
    ['a bigint', { json: 1n }],
    ['a function', { json: () => {} }],
    ['a body, too', { json: 1, body: 'x' }],
    ['a producer, too', { json: 1, bodyProducer: () => {} }],
    ['a producer that is none', { bodyProducer: 'x' as never }],
  ])('refuses %s [HC-06]', (_, options) =>
    withSite(
      (__, response) => response.end(),
      async ({ url, sockets }, client) => {
        const error = await rejection(client.fetch(url, { method: 'POST', ...options }));
        expect(error).toHaveProperty('code', 'ERR_HTTPCLIENT_USAGE');
        expect(sockets).toHaveLength(0);
      },
    ),
  );

  it('is refused with GET [HC-06]', () =>
    withClient({}, async (client) => {
      const error = await rejection(client.fetch('http://127.0.0.1:1/', { json: {} }));
      expect(error).toHaveProperty('code', 'ERR_HTTPCLIENT_USAGE');
    }));
});

describe('bodyProducer', () => {
  it('writes text and bytes in chunks, or with a length that is announced [HC-03] [CU-09]', () =>
    withSite(
      (_, response) => response.end(),
      async ({ url, requests }, client) => {
        const bodyProducer = async (write: BodyWriter): Promise<void> => {
          await write('grün ');
          await write(new Uint8Array(0));
          await write('');
          await write(Buffer.from('blau'));
        };
        await client.fetch(url, { method: 'POST', bodyProducer });
        await client.fetch(url, { method: 'PUT', bodyProducer, headers: { 'Content-Length': '10' } });
        await client.fetch(url, { method: 'POST', bodyProducer: () => {} });
        expect(requests.map(({ body }) => body)).toEqual(['grün blau', 'grün blau', '']);
        expect(requests[0]?.headers['transfer-encoding']).toBe('chunked');
        expect(requests[1]?.headers['content-length']).toBe('10');
      },
    ));

  it('waits in write while the server does not read [HC-03]', () => {
    const gate = deferred();
    return withNodeServer(
      async (request, response) => {
        await gate.promise;
        let length = 0;
        for await (const part of request) length += (part as Buffer).length;
        response.end(String(length));
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const chunk = Buffer.alloc(64 * 1024);
          let written = 0;
          const answer = client.fetch(url, {
            method: 'POST',
            async bodyProducer(write) {
              for (; written < 1_000; written += 1) await write(chunk);
            },
          });
          await waitUntil(() => written > 0);
          expect(await stalled(() => written)).toBeLessThan(500);
          gate.resolve();
          expect((await answer).text()).toBe(String(1_000 * chunk.length));
        }),
    );
  });

  it('is called again if an idle connection turns out to be closed [HC-03]', () => {
    let calls = 0;
    const bodies: string[] = [];
    return withRawServer(
      (socket, count) => {
        let received = '';
        socket.on('data', (bytes: Buffer) => {
          received += bytes.toString('latin1');
          if (count === 1 && wholeRequests(received, 'GET ') === 1 && received.includes('PUT ')) {
            socket.destroy();
            return;
          }
          if (received.startsWith('GET') && !received.includes('PUT')) socket.write(OK);
          if (received.endsWith('0\r\n\r\n')) {
            bodies.push(received.slice(received.indexOf('\r\n\r\n') + 4));
            socket.write(OK);
          }
        });
      },
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          await client.fetch(url);
          const response = await client.fetch(url, {
            method: 'PUT',
            bodyProducer: async (write) => {
              calls += 1;
              await write(`call ${calls}`);
            },
          });
          expect(response.text()).toBe('hi');
          expect(sockets).toHaveLength(2);
          expect(calls).toBe(2);
          expect(bodies).toEqual(['6\r\ncall 2\r\n0\r\n\r\n']);
        }),
    );
  });

  it.each<[string, RequestOptions['bodyProducer'], string]>([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
      'mine',
    ],
    ['rejects', () => Promise.reject(new Error('mine')), 'mine'],
    [
      'rejects after a write',
      async (write) => {
        await write('x');
        throw new Error('mine');
      },
      'mine',
    ],
    ['writes what is no chunk', (write) => write(5 as never), 'must write strings or Uint8Arrays'],
  ])('fails the fetch with its error if it %s, and the connection is closed', (_, bodyProducer, message) =>
    withNodeServer(
      (request, response) => void request.on('end', () => response.end()).resume(),
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const error = await rejection<Error>(
            client.fetch(url, { method: 'POST', bodyProducer: bodyProducer as never }),
          );
          expect(error.message).toContain(message);
          await waitUntil(() => openSockets() === 0);
          expect(client.idleCount).toBe(0);
        }),
    ),
  );

  it.each(['3', '5'])('is refused if it writes 4 bytes of an announced %s [H1-13]', (length) =>
    withNodeServer(
      () => {},
      ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const headers = { 'Content-Length': length };
          const bodyProducer = (write: BodyWriter): Promise<void> => write('four');
          const error = await rejection(client.fetch(url, { method: 'POST', headers, bodyProducer }));
          expect(error).toHaveProperty('code', 'ERR_HTTPCLIENT_USAGE');
          await waitUntil(() => openSockets() === 0);
        }),
    ),
  );

  it('that never ends is limited by requestTimeoutMs, in the phase of sending [SH-03]', () => {
    const clock = new VirtualClock();
    return withNodeServer(
      () => {},
      ({ url }) =>
        withClient({ loop: new IOLoop({ clock }) }, async (client) => {
          const called = deferred();
          const bodyProducer = (): Promise<void> => {
            called.resolve();
            return new Promise(() => {});
          };
          const outcome = rejection(
            client.fetch(url, { method: 'POST', bodyProducer, requestTimeoutMs: 50 }),
          );
          await called.promise;
          await clock.advance(50);
          expect(await outcome).toMatchObject({ code: 'ERR_HTTPCLIENT_TIMEOUT', phase: 'send' });
        }),
    );
  });

  it('is left alone after a response that came early: write resolves, and nothing is sent', () =>
    withRawServer(
      (socket) => {
        socket.resume();
        socket.once('data', () => socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig'));
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const after = deferred<string>();
          const response = await client.fetch(url, {
            method: 'POST',
            raiseError: false,
            async bodyProducer(write) {
              for (let times = 0; times < 100; times += 1) await write(Buffer.alloc(100_000));
              after.resolve('all writes resolved');
            },
          });
          expect(response.status).toBe(413);
          expect(await after.promise).toBe('all writes resolved');
        }),
    ));

  it('does not block the event loop if it has no end, also after an early response', () =>
    withRawServer(
      (socket) => {
        socket.resume();
        socket.once('data', () => socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig'));
      },
      ({ url }) =>
        withClient({}, async (client) => {
          let isOver = false;
          const response = await client.fetch(url, {
            method: 'POST',
            raiseError: false,
            async bodyProducer(write) {
              while (!isOver) await write('x');
            },
          });
          expect(response.text()).toBe('big');
          for (let turns = 0; turns < 10; turns += 1) await new Promise((resolve) => setImmediate(resolve));
          isOver = true;
        }),
    ));

  it('may write without waiting, although the connection ends: no rejection is left unhandled', () =>
    withRawServer(
      (socket) => void socket.once('data', () => socket.resetAndDestroy()),
      ({ url }) =>
        withClient({}, async (client) => {
          const bodyProducer = (write: BodyWriter): Promise<void> => {
            for (let times = 0; times < 100; times += 1) void write(Buffer.alloc(100_000));
            return new Promise(() => {});
          };
          const error = await rejection(client.fetch(url, { method: 'POST', bodyProducer }));
          expect(error).toHaveProperty('code', 'ERR_HTTPCLIENT_CLOSED');
        }),
    ));

  it('cannot write into the next request on the same connection', () => {
    const gate = deferred();
    return withSite(
      (_, response) => response.end(),
      async ({ url, requests, sockets }, client) => {
        let stale: BodyWriter = async () => {};
        const first = (write: BodyWriter): Promise<void> => {
          stale = write;
          return write('first');
        };
        await client.fetch(url, { method: 'POST', bodyProducer: first });
        const started = deferred();
        const second = async (write: BodyWriter): Promise<void> => {
          await write('sec');
          started.resolve();
          await gate.promise;
          await write('ond');
        };
        const answer = client.fetch(url, { method: 'POST', bodyProducer: second });
        await started.promise;
        await stale('evil');
        gate.resolve();
        await answer;
        expect(requests.map(({ body }) => body)).toEqual(['first', 'second']);
        expect(sockets).toHaveLength(1);
      },
    );
  });
});

describe('a server that speaks HTTP/1.0', () => {
  it('gets requests with and without a body, each on a connection of its own [HC-03]', () =>
    withRawServer(
      (socket) => {
        let received = '';
        socket.on('data', (bytes: Buffer) => {
          received += bytes.toString('latin1');
          const complete = received.startsWith('GET')
            ? received.endsWith('\r\n\r\n')
            : received.endsWith('end');
          if (complete) socket.end(`HTTP/1.0 200 OK\r\n\r\n${received.split(' ')[0]}`);
        });
      },
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          expect((await client.fetch(url)).text()).toBe('GET');
          expect((await client.fetch(url, { method: 'POST', body: 'the end' })).text()).toBe('POST');
          expect(await (await client.stream(url)).text()).toBe('GET');
          expect(sockets).toHaveLength(3);
          expect(client.idleCount).toBe(0);
        }),
    ));

  it('does not get its truncated response repeated', () =>
    withRawServer(
      closing((socket) =>
        onHead(socket, () => void socket.end('HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhi')),
      ),
      ({ url, sockets }) =>
        withClient({}, async (client) => {
          const error = await rejection<HTTPClientError>(client.fetch(url));
          expect(error.code).toBe('ERR_HTTPCLIENT_CLOSED');
          expect(sockets).toHaveLength(1);
        }),
    ));
});
