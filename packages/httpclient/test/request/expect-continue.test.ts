import type { Socket } from 'node:net';
import { IOLoop } from '@landspout/ioloop';
import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import type { HTTPClientError, RequestOptions } from '../../src/index.ts';
import { closing, rejection, withRecorder } from '../fixtures/recording.ts';
import { waitUntil, withClient, withNodeServer, withRawServer } from '../fixtures/servers.ts';

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';
const POST: RequestOptions = { method: 'POST', body: 'the body', expectContinue: true };

/** Calls back with all that a socket has received so far, each time it receives more. */
function onReceived(socket: Socket, callback: (received: string) => void): void {
  let received = '';
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1');
    callback(received);
  });
}

/** Whether the head has arrived, and nothing else. */
function isHeadOnly(received: string): boolean {
  return received.endsWith('\r\n\r\n');
}

/** Responds to the head with `first`, and to the body with 200. */
const responding = (first: string, log: string[]) => (socket: Socket) =>
  onReceived(socket, (received) => {
    if (isHeadOnly(received)) {
      log.push(received);
      socket.write(first);
    } else if (received.endsWith('the body')) {
      log.push('body');
      socket.write(OK);
    }
  });

describe('expectContinue', () => {
  it.each(['', 'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n'])(
    'sends the head, and the body after 100 Continue [SH-09] [HC-03]',
    (before) => {
      const log: string[] = [];
      return withRawServer(responding(before + CONTINUE, log), ({ url, sockets }) =>
        withClient({}, async (client) => {
          expect((await client.fetch(url, POST)).text()).toBe('hi');
          expect(log[0]).toMatch(/\r\nExpect: 100-continue\r\n/);
          expect(log[0]).toMatch(/\r\nContent-Length: 8\r\n/);
          expect(log[1]).toBe('body');
          expect(client.idleCount).toBe(1);
          expect(sockets).toHaveLength(1);
        }),
      );
    },
  );

  it.each([
    [413, 'Content Too Large'],
    [401, 'Unauthorized'],
    [200, 'OK'],
  ])(
    'sends no body after a final response of %i, and does not reuse the connection [SH-09]',
    (status, reason) => {
      const log: string[] = [];
      const final = `HTTP/1.1 ${status} ${reason}\r\nContent-Length: 2\r\n\r\nno`;
      return withRawServer(closing(responding(final, log)), ({ url, openSockets }) =>
        withClient({}, async (client) => {
          const response = await client.fetch(url, { ...POST, raiseError: false });
          expect(response.status).toBe(status);
          expect(response.text()).toBe('no');
          await waitUntil(() => openSockets() === 0);
          expect(log).toHaveLength(1);
          expect(client.idleCount).toBe(0);
          if (status !== 200) {
            const error = await rejection<HTTPClientError>(client.fetch(url, POST));
            expect(error.status).toBe(status);
          }
        }),
      );
    },
  );

  it('repeats the request without Expect after a 417 (RFC 9110 §10.1.1) [SH-09]', () => {
    const log: string[] = [];
    const refusal = 'HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n';
    return withRawServer(responding(refusal, log), ({ url, sockets }) =>
      withClient({}, async (client) => {
        expect((await client.fetch(url, POST)).text()).toBe('hi');
        expect(log).toEqual([expect.stringContaining('Expect: 100-continue'), 'body']);
        expect(sockets).toHaveLength(2);
      }),
    );
  });

  it('sends the body after a second without a response [SH-09]', async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    await withRawServer(responding('', log), ({ url }) =>
      withClient({ loop: new IOLoop({ clock }) }, async (client) => {
        const answer = client.fetch(url, POST);
        await waitUntil(() => log.length === 1);
        await clock.advance(999);
        for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
        expect(log).toHaveLength(1);
        await clock.advance(1);
        expect((await answer).text()).toBe('hi');
        expect(log[1]).toBe('body');
      }),
    );
  });

  it('waits a full second again after a redirect [SH-09]', async () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    await withRawServer(responding('', log), (second) => {
      const redirect = `HTTP/1.1 307 Go\r\nLocation: ${second.url}/\r\nContent-Length: 0\r\n\r\n`;
      return withRawServer(
        (socket) =>
          onReceived(socket, () => {
            void clock.advance(900).then(() => socket.write(redirect));
          }),
        ({ url }) =>
          withClient({ loop: new IOLoop({ clock }) }, async (client) => {
            const answer = client.fetch(url, POST);
            await waitUntil(() => log.length === 1);
            await clock.advance(900);
            for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
            expect(log).toHaveLength(1);
            await clock.advance(100);
            expect((await answer).text()).toBe('hi');
          }),
      );
    });
  });

  it('leaves no timer behind after the response [SH-09]', async () => {
    const clock = new VirtualClock();
    await withRawServer(responding(`HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n`, []), ({ url }) =>
      withClient({ loop: new IOLoop({ clock }) }, async (client) => {
        await client.fetch(url, { ...POST, raiseError: false, requestTimeoutMs: 0 });
        expect(clock.pending).toBe(0);
      }),
    );
  });

  it('is limited by requestTimeoutMs while it waits [SH-09] [SH-03]', () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    return withRawServer(responding('', log), ({ url }) =>
      withClient({ loop: new IOLoop({ clock }) }, async (client) => {
        const outcome = rejection(client.fetch(url, { ...POST, requestTimeoutMs: 50 }));
        await waitUntil(() => log.length === 1);
        await clock.advance(50);
        expect(await outcome).toMatchObject({ code: 'ERR_HTTPCLIENT_TIMEOUT', phase: 'send' });
      }),
    );
  });

  it('is not sent without a body, nor after a redirect that drops the body [SH-07] [SH-09]', () =>
    withRecorder(
      ({ target }, response) => {
        if (target === '/from') response.writeHead(303, { Location: '/to' });
        response.end();
      },
      ({ url, requests }) =>
        withClient({}, async (client) => {
          await client.fetch(url, { expectContinue: true });
          await client.fetch(`${url}/from`, POST);
          expect(requests.map(({ headers }) => headers.expect)).toEqual([
            undefined,
            '100-continue',
            undefined,
          ]);
          expect(requests.map(({ body }) => body)).toEqual(['', 'the body', '']);
        }),
    ));

  it('works with bodies that are produced, which are not asked for anything before [SH-09]', () => {
    const calls: string[] = [];
    return withRawServer(
      (socket) =>
        onReceived(socket, (received) => {
          if (isHeadOnly(received) && !received.endsWith('0\r\n\r\n')) {
            calls.push('head');
            socket.write(CONTINUE);
          } else if (received.endsWith('0\r\n\r\n')) socket.write(OK);
        }),
      ({ url }) =>
        withClient({}, async (client) => {
          const bodyProducer: RequestOptions['bodyProducer'] = async (write) => {
            calls.push('producer');
            await write('x');
          };
          await client.fetch(url, { method: 'POST', expectContinue: true, bodyProducer });
          expect(calls).toEqual(['head', 'producer']);
        }),
    );
  });
});

describe('a response before the whole body is sent', () => {
  it.each([
    ['ends its side', (socket: Socket) => socket.end()],
    ['closes', (socket: Socket) => socket.destroy()],
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
  ])('is received although the server then %s [SH-10]', (_, leave) =>
    withRawServer(
      (socket) => {
        socket.on('error', () => {});
        socket.once('data', () => {
          socket.pause();
          socket.write('HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nno!', () => leave(socket));
        });
      },
      ({ url }) =>
        withClient({}, async (client) => {
          const body = Buffer.alloc(20_000_000);
          const fetching = client.fetch(url, { method: 'PUT', body, raiseError: false });
          const outcome = await fetching.then((response) => response.text()).catch((error) => error.code);
          // On the portable backend, Node closes a socket whose write fails, with what it has received and not read.
          if (IOLoop.current().backend === 'native') expect(outcome).toBe('no!');
          else expect(outcome).toMatch(/^(no!|ERR_HTTPCLIENT_CLOSED)$/);
          expect(client.idleCount).toBe(0);
        }),
    ),
  );
});

describe('what a callback or a body throws', () => {
  it.each([
    ['onHead', { onHead: () => Promise.reject('odd') }],
    ['onData', { onData: () => Promise.reject('odd') }],
    [
      'bodyProducer',
      {
        method: 'POST',
        bodyProducer() {
          throw 'odd';
        },
      },
    ],
  ])('is what fetch rejects with, also if it is no error: %s [HC-03]', (_, options) =>
    withNodeServer(
      (_request, answer) => answer.end('x'),
      ({ url }) =>
        withClient({}, async (client) => {
          await expect(client.fetch(url, options)).rejects.toBe('odd');
          expect(client.stats()).toMatchObject({ queued: 0, failures: 1 });
        }),
    ),
  );
});
