import { VirtualClock } from '@landspout/ioloop/testing';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { ReconnectingWebSocket, type ReconnectingWebSocketOptions } from '../../src/index.ts';
import {
  collected,
  passingTime,
  reconnecting,
  scripted,
  sending,
  unusedPort,
} from '../fixtures/reconnecting.ts';
import { until } from '../fixtures/running-application.ts';
import { echo, withWsServer } from '../fixtures/ws-server.ts';

describe('ReconnectingWebSocket, between attempts', () => {
  it('backs off from a server that accepts and closes at once, and gives up after maxAttempts [WS-20]', () =>
    withWsServer(sending(['hello'], 1011), async ({ url, requests }) => {
      const attempts: number[] = [];
      const { socket, clock, losses } = reconnecting(url, {
        random: () => 0.999,
        maxRetryMs: 8_000,
        maxAttempts: 6,
        onOpen: (_connection, attempt) => void attempts.push(attempt),
      });
      const messages: unknown[] = [];
      const reading = (async () => {
        for await (const message of socket) messages.push(message);
      })();
      await expect(passingTime(clock, reading)).rejects.toMatchObject({
        name: 'WebSocketReconnectError',
        code: 'ERR_WEBSOCKET_ATTEMPTS',
        message: '6 attempts in a row have failed; the last one: close code 1011',
        closeCode: 1011,
      });
      expect(losses.map(([, wait]) => wait && Math.round(wait / 1_000))).toEqual([2, 3, 5, 8, 8, undefined]);
      expect([messages.length, requests.length, attempts]).toEqual([6, 6, [1, 2, 3, 4, 5, 6]]);
    }));

  it('starts again with the shortest wait after a connection that lasted [WS-20]', () =>
    withWsServer(
      scripted(sending([], 1011), sending([], 1011), (peer) => peer.on('message', () => peer.close(1011))),
      async ({ url }) => {
        const { socket, clock, losses } = reconnecting(url, { random: () => 1, maxAttempts: 3 });
        const reading = collected(socket);
        const opened = until(() => losses.length === 2 && socket.isOpen);
        await passingTime(clock, opened);
        expect(socket.attempt).toBe(3);
        await clock.advance(5_000);
        await socket.writeMessage('close');
        await passingTime(clock, reading);
        expect(losses).toEqual([
          [1011, 2_000],
          [1011, 3_000],
          [1011, 2_000],
          [1000, undefined],
        ]);
        expect(socket.attempt).toBe(1);
      },
    ));

  it('gives up with the cause of the last attempt [WS-20]', async () => {
    const { socket, clock } = reconnecting(`ws://127.0.0.1:${await unusedPort()}`, { maxAttempts: 1 });
    await expect(passingTime(clock, collected(socket))).rejects.toMatchObject({
      code: 'ERR_WEBSOCKET_ATTEMPTS',
      message: expect.stringMatching(/^1 attempt has failed; the last one: .*ECONNREFUSED/),
      closeCode: undefined,
      cause: { code: 'ECONNREFUSED' },
    });
  });

  it('gets URL and options for each attempt, and takes their failure as that of the attempt [WS-20]', () =>
    withWsServer(
      scripted((peer) => peer.close(1011)),
      async ({ url, requests }) => {
        let count = 0;
        const signals: AbortSignal[] = [];
        const { socket, clock, losses } = reconnecting(
          async (signal) => {
            signals.push(signal);
            return `${url}/${signals.length}`;
          },
          {
            connect: () => {
              count += 1;
              if (count === 2) throw new Error('no token');
              return { headers: { Authorization: `Bearer token-${count}` } };
            },
          },
        );
        await passingTime(clock, collected(socket));
        expect(requests.map(({ url: target, headers }) => [target, headers.authorization])).toEqual([
          ['/1', 'Bearer token-1'],
          ['/3', 'Bearer token-3'],
        ]);
        expect(losses.map(([code]) => code)).toEqual([1011, 'no token', 1000]);
        expect(signals.every(({ aborted }) => !aborted)).toBe(true);
      },
    ));

  it('lets the program decide [WS-20]', () =>
    withWsServer(
      scripted(sending(['1'], 4009), sending(['2'], 1000), sending(['3'], 1012)),
      async ({ url, requests }) => {
        const decisions: unknown[] = [];
        const { socket, clock } = reconnecting(url, {
          shouldReconnect: ({ code, reason, error, attempt, isTemporary }) => {
            decisions.push([code, reason, error, attempt, isTemporary]);
            return code !== 1012;
          },
        });
        const messages: unknown[] = [];
        const reading = (async () => {
          for await (const message of socket) messages.push(message);
        })();
        await expect(passingTime(clock, reading)).rejects.toMatchObject({ closeCode: 1012 });
        expect(messages).toEqual(['1', '2', '3']);
        expect(decisions).toEqual([
          [4009, '', undefined, 1, false],
          [1000, '', undefined, 2, false],
          [1012, '', undefined, 3, true],
        ]);
        expect(requests).toHaveLength(3);
      },
    ));

  it.each<[string, ReconnectingWebSocketOptions, object]>([
    [
      'shouldReconnect that throws',
      {
        shouldReconnect: () => {
          throw new Error('mine');
        },
      },
      { message: 'mine' },
    ],
    [
      'shouldReconnect that is asynchronous',
      { shouldReconnect: (async () => false) as never },
      { code: 'ERR_WEBSOCKET_BAD_OPTION' },
    ],
    [
      'onDisconnect that throws',
      {
        onDisconnect: () => {
          throw new Error('mine');
        },
      },
      { message: 'mine' },
    ],
  ])('ends with the error of a %s [WS-20]', (_what, options, error) =>
    withWsServer(sending([], 1011), async ({ url, requests }) => {
      const { socket, clock } = reconnecting(url, options);
      await expect(socket.readMessage()).rejects.toMatchObject(error);
      await socket.waitClosed();
      expect([clock.pending, requests.length]).toEqual([0, 1]);
    }),
  );

  it('ends with the error of an onDisconnect that rejects [WS-20]', () =>
    withWsServer(sending([], 1011), async ({ url }) => {
      const clock = new VirtualClock();
      const onDisconnect = async () => {
        throw new Error('mine');
      };
      const socket = new ReconnectingWebSocket(url, { clock, onDisconnect });
      await expect(socket.readMessage()).rejects.toThrow('mine');
      await socket.waitClosed();
      expect(clock.pending).toBe(0);
    }));

  it('may be closed by its own callbacks [WS-20]', () =>
    withWsServer(sending(['1'], 1011), async ({ url, requests }) => {
      const { socket } = reconnecting(url, { onDisconnect: () => socket.close() });
      expect(await collected(socket)).toEqual(['1']);
      expect(requests).toHaveLength(1);
    }));

  it('connects again although the program is not reading [WS-20]', () =>
    withWsServer(
      scripted(sending(['1', '2'], 1011), (peer) => peer.send('3')),
      async ({ url }) => {
        const { socket, clock } = reconnecting(url);
        await passingTime(
          clock,
          until(() => socket.attempt === 2 && socket.isOpen),
        );
        const three = [await socket.readMessage(), await socket.readMessage(), await socket.readMessage()];
        expect(three).toEqual(['1', '2', '3']);
        await socket[Symbol.asyncDispose]();
      },
    ));
});

describe('ReconnectingWebSocket, onOpen', () => {
  it('subscribes on each connection, before messages are delivered [WS-20]', () =>
    withWsServer(
      scripted(
        ...[1, 2].map((number) => (peer: WebSocket) => {
          peer.on('message', (data) => {
            peer.send(`${String(data)} ${number}`);
            peer.close(1012);
          });
        }),
      ),
      async ({ url }) => {
        const open: (boolean | undefined)[] = [];
        const { socket, clock } = reconnecting(url, {
          onOpen: async (connection) => {
            open.push(socket.connection === connection);
            await socket.writeMessage('subscribed');
          },
        });
        expect(await passingTime(clock, collected(socket))).toEqual(['subscribed 1', 'subscribed 2']);
        expect(open).toEqual([true, true, true]);
      },
    ));

  it('can read the response to a login; what follows is delivered [WS-20]', () =>
    withWsServer(echo, async ({ url }) => {
      const { socket } = reconnecting(url, {
        onOpen: async (connection) => {
          for (const text of ['login', '1', '2']) void connection.writeMessage(text);
          expect(await connection.readMessage()).toBe('login');
        },
      });
      expect([await socket.readMessage(), await socket.readMessage()]).toEqual(['1', '2']);
      await socket[Symbol.asyncDispose]();
    }));

  it('closes the connection with 1011 if it throws, which counts as a failed attempt [WS-20]', () => {
    const codes: number[] = [];
    return withWsServer(
      (peer) => {
        peer.send('not delivered');
        peer.on('close', (code) => codes.push(code));
      },
      async ({ url, openSockets }) => {
        const { socket, clock, losses } = reconnecting(url, {
          maxAttempts: 2,
          onOpen: () => {
            throw new Error('login failed');
          },
        });
        await expect(passingTime(clock, collected(socket))).rejects.toMatchObject({
          code: 'ERR_WEBSOCKET_ATTEMPTS',
          cause: { message: 'login failed' },
        });
        expect(losses).toEqual([
          [1011, 1_000],
          [1011, undefined],
        ]);
        await until(() => openSockets() === 0);
        expect(codes).toEqual([1011, 1011]);
      },
    );
  });

  it('fails because the server has closed: then its code counts [WS-20]', () =>
    withWsServer(sending([], 1008), async ({ url, requests }) => {
      const { socket } = reconnecting(url, {
        onOpen: async (connection) => {
          if ((await connection.readMessage()) === null) throw new Error('no response to the login');
        },
      });
      await expect(socket.readMessage()).rejects.toMatchObject({
        code: 'ERR_WEBSOCKET_NOT_RECONNECTED',
        closeCode: 1008,
        cause: { message: 'no response to the login' },
      });
      expect(requests).toHaveLength(1);
    }));
});
